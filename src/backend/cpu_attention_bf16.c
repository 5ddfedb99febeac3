/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu_internal.h"

typedef struct attention {
    const osprey__run *run;
    const osprey__step *step;
    osprey__attention_bf16_args whole; /* of the first head of the first image */
    osprey__attention_bf16_function *attend;
    size_t heads;
} attention;

/* One head of one image. */
static void attention_task(void *context, size_t task, size_t thread)
{
    const attention *a = context;
    osprey__attention_bf16_args args = a->whole;
    size_t image = task / a->heads, column = task % a->heads * args.head_dim;
    args.q += image * args.query_rows * args.q_stride + column;
    args.k += image * args.key_rows * args.kv_stride + column;
    args.v += image * args.key_rows * args.kv_stride + column;
    args.out += image * args.query_rows * args.out_stride + column;
    args.key_rows = osprey__cpu_keys(a->run, a->step, image);
    args.scratch = a->run->scratch + thread * a->run->scratch_floats;
    a->attend(&args);
}

static size_t stride_of(const osprey__run *run, osprey__value_id id)
{
    return run->plan->placements[id].form.stride / sizeof(uint16_t);
}

static const uint16_t *input(const osprey__run *run, const osprey__step *step, size_t i)
{
    const uint16_t *rows = osprey__run_value(run, step->node->inputs[i]);
    return rows + step->node->attributes.columns[i];
}

void osprey__cpu_attention_bf16(const osprey__run *run, const osprey__step *step)
{
    const osprey__node *node = step->node;
    const osprey__kernels *kernels = run->plan->kernels;
    attention a = {
        .run = run,
        .step = step,
        .attend = step->attends_s8 ? kernels->attention_s8.run : kernels->attention_bf16.run,
        .whole = {.query_rows = osprey__step_shape(run, node->inputs[0])->dims[0],
                  .key_rows = osprey__step_shape(run, node->inputs[1])->dims[0],
                  .head_dim = node->attributes.head_dim,
                  .q = input(run, step, 0),
                  .q_stride = stride_of(run, node->inputs[0]),
                  .k = input(run, step, 1),
                  .v = input(run, step, 2),
                  .kv_stride = stride_of(run, node->inputs[1]),
                  .out = osprey__step_output(run, step),
                  .out_stride = stride_of(run, node->output),
                  .scale = node->attributes.scale},
        .heads = node->attributes.heads,
    };
    osprey__thread_pool_run(run->pool, run->sequences * a.heads, attention_task, &a);
}
