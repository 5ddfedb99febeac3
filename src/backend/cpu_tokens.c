/* SPDX-License-Identifier: Apache-2.0 */
/* Merging of tokens: a sequence is a task. */
#include "backend/cpu_internal.h"
#include "kernels/token_merge.h"

typedef struct tokens {
    const osprey__run *run;
    const osprey__step *step;
    size_t rows, merged_rows; /* of a sequence before and after */
    const float *match, *sizes;
} tokens;

static float *scratch_of(const tokens *t, size_t thread)
{
    return t->run->scratch + thread * t->run->scratch_floats;
}

static void match_task(void *context, size_t sequence, size_t thread)
{
    const tokens *t = context;
    const osprey__attributes *a = &t->step->node->attributes;
    size_t stride = osprey__step_shape(t->run, t->step->node->inputs[0])->dims[1];
    const osprey__token_match_f32_args args = {
        .rows = t->rows,
        .heads = a->heads,
        .head_dim = a->head_dim,
        .k = osprey__step_input(t->run, t->step, 0) + sequence * t->rows * stride + a->columns[0],
        .k_stride = stride,
        .count = a->count,
        .targets = (float *)osprey__step_output(t->run, t->step) + sequence * t->rows,
        .scratch = scratch_of(t, thread),
    };
    t->run->plan->kernels->token_match_f32(&args);
}

void osprey__cpu_token_match(const osprey__run *run, const osprey__step *step)
{
    tokens t = {
        .run = run, .step = step, .rows = osprey__step_shape(run, step->node->inputs[0])->dims[0]};
    osprey__thread_pool_run(run->pool, run->sequences, match_task, &t);
}

/* match: which of the step's inputs it is; the one behind it are the sizes. */
static tokens begin(const osprey__run *run, const osprey__step *step, size_t match)
{
    return (tokens){
        .run = run,
        .step = step,
        .rows = osprey__step_shape(run, step->node->inputs[match])->dims[0],
        .merged_rows = osprey__step_shape(run, step->node->output)->dims[0],
        .match = osprey__step_input(run, step, match),
        .sizes = osprey__step_input(run, step, match + 1),
    };
}

static osprey__token_merge_f32_args sequence_args(const tokens *t, size_t sequence)
{
    return (osprey__token_merge_f32_args){
        .rows = t->rows,
        .merged_rows = t->merged_rows,
        .targets = t->match + sequence * t->rows,
        .sizes = t->sizes ? t->sizes + sequence * t->rows : NULL,
    };
}

static void merge_task(void *context, size_t sequence, size_t thread)
{
    const tokens *t = context;
    osprey__token_merge_f32_args args = sequence_args(t, sequence);
    args.width = osprey__step_shape(t->run, t->step->node->output)->dims[1];
    args.x = osprey__step_input(t->run, t->step, 0) + sequence * t->rows * args.width;
    args.out =
        (float *)osprey__step_output(t->run, t->step) + sequence * t->merged_rows * args.width;
    args.merged_sizes = scratch_of(t, thread);
    osprey__token_merge_f32(&args);
}

void osprey__cpu_token_merge(const osprey__run *run, const osprey__step *step)
{
    tokens t = begin(run, step, 1);
    osprey__thread_pool_run(run->pool, run->sequences, merge_task, &t);
}

void osprey__cpu_token_sizes(const osprey__run *run, const osprey__step *step)
{
    const tokens t = begin(run, step, 0);
    for (size_t sequence = 0; sequence < run->sequences; sequence++) {
        osprey__token_merge_f32_args args = sequence_args(&t, sequence);
        args.merged_sizes = (float *)osprey__step_output(run, step) + sequence * t.merged_rows;
        osprey__token_sizes_f32(&args);
    }
}

size_t osprey__cpu_token_scratch_floats(const osprey__plan *plan)
{
    size_t largest = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        if (node->op != OSPREY__OP_TOKEN_MATCH) continue;
        /* A merge's sizes are fewer. */
        size_t floats = osprey__token_match_f32_scratch_floats(
            plan->graph->values[node->output].shape.dims[0], node->attributes.head_dim);
        if (floats > largest) largest = floats;
    }
    return largest;
}
