/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu_internal.h"

typedef struct attention {
    const osprey__run *run;
    osprey__attention_f32_args whole; /* of the first head of the first sequence */
    size_t heads;
    bool ragged;    /* keys and values are those of texts, each of its own length */
    bool one_query; /* of each text: its last row asks */
} attention;

/* One head of one sequence. */
static void attention_task(void *context, size_t task, size_t thread)
{
    const attention *a = context;
    osprey__attention_f32_args args = a->whole;
    size_t sequence = task / a->heads, column = task % a->heads * args.head_dim;
    size_t query_row = sequence * args.query_rows, key_row = sequence * args.key_rows;
    if (a->ragged) {
        const size_t *starts = a->run->sequence_starts;
        key_row = starts[sequence];
        args.key_rows = starts[sequence + 1] - key_row;
        query_row = a->one_query ? sequence : key_row;
        args.query_rows = a->one_query ? 1 : args.key_rows;
    }
    args.q += query_row * args.q_stride + column;
    args.k += key_row * args.kv_stride + column;
    args.v += key_row * args.kv_stride + column;
    args.out += query_row * args.out_stride + column;
    args.scratch = a->run->scratch + thread * a->run->scratch_floats;
    a->run->plan->kernels->attention_f32.run(&args);
}

void osprey__cpu_attention(const osprey__run *run, const osprey__step *step)
{
    const osprey__attributes *attributes = &step->node->attributes;
    const osprey__shape *q = osprey__step_shape(run, step->node->inputs[0]);
    const osprey__shape *k = osprey__step_shape(run, step->node->inputs[1]);
    bool ragged = k->extent == OSPREY__PER_TOKEN;
    attention a = {
        .run = run,
        .whole = {.query_rows = ragged ? 0 : q->dims[0],
                  .key_rows = ragged ? 0 : k->dims[0],
                  .head_dim = attributes->head_dim,
                  .q = osprey__step_input(run, step, 0) + attributes->columns[0],
                  .q_stride = q->dims[q->rank - 1],
                  .k = osprey__step_input(run, step, 1) + attributes->columns[1],
                  .v = osprey__step_input(run, step, 2) + attributes->columns[2],
                  .kv_stride = k->dims[k->rank - 1],
                  .out = osprey__step_output(run, step),
                  .out_stride = attributes->heads * attributes->head_dim,
                  .scale = attributes->scale,
                  .causal = attributes->causal},
        .heads = attributes->heads,
        .ragged = ragged,
        .one_query = q->extent == OSPREY__PER_SEQUENCE,
    };
    osprey__thread_pool_run(run->pool, run->sequences * a.heads, attention_task, &a);
}
