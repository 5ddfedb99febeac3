/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu_internal.h"

#include <math.h>
#include <string.h>

/* Tasks a thread where there are many short texts: of one head of one of them it would be 1 us. */
#define TASKS_PER_THREAD 8

typedef struct attention {
    const osprey__run *run;
    const osprey__step *step;
    osprey__attention_f32_args whole; /* of the first head of the first sequence */
    size_t heads;
    size_t parts;        /* heads of all sequences */
    size_t parts_a_task; /* neighbours, so that the heads of a sequence share what is in cache */
    bool ragged;         /* keys and values are those of texts, each of its own length */
    bool one_query;      /* of each text: its last row asks */
    bool shared_queries; /* a constant's */
    const float *sizes;  /* of the keys' rows; or NULL */
    const float *turns;  /* of the rows; or NULL */
} attention;

/* Copies the keys and values of the text that ends at row `last` into scratch, in its order. */
static void gather_keys(const int32_t *parents, int32_t last, osprey__attention_f32_args *args)
{
    float *k = args->scratch, *v = k + args->key_rows * args->head_dim;
    size_t row_bytes = args->head_dim * sizeof(float);
    int32_t row = last;
    for (size_t key = args->key_rows; key-- > 0; row = parents[row]) {
        memcpy(k + key * args->head_dim, args->k + (size_t)row * args->kv_stride, row_bytes);
        memcpy(v + key * args->head_dim, args->v + (size_t)row * args->kv_stride, row_bytes);
    }
    args->k = k;
    args->v = v;
    args->kv_stride = args->head_dim;
    args->scratch += osprey__gathered_floats(args->key_rows, args->head_dim);
}

/* The same of the keys' biases. */
static void gather_key_bias(const osprey__text_rows *texts, int32_t last,
                            osprey__attention_f32_args *args)
{
    float *bias = args->scratch;
    int32_t row = last;
    for (size_t key = args->key_rows; key-- > 0; row = texts->parents[row])
        bias[key] = texts->key_bias[row];
    args->key_bias = bias;
    args->scratch += osprey__cpu_key_bias_floats(args->key_rows);
}

/* Makes args those of one text. */
static void choose_text(const attention *a, size_t text, osprey__attention_f32_args *args)
{
    const osprey__text_rows *texts = a->run->texts;
    size_t first = texts->starts[text], last = texts->starts[text + 1] - 1;
    args->key_rows = texts->lengths[text];
    args->query_rows = a->one_query ? 1 : last - first + 1;
    size_t query = a->one_query ? text : first;
    args->q += query * args->q_stride;
    args->out += query * args->out_stride;
    if (args->key_rows > last - first + 1) {
        gather_keys(texts->parents, (int32_t)last, args);
        if (texts->key_bias) gather_key_bias(texts, (int32_t)last, args);
    } else {
        if (texts->key_bias) args->key_bias = texts->key_bias + first;
        args->k += first * args->kv_stride;
        args->v += first * args->kv_stride;
    }
}

/* The keys' biases into the front of the thread's scratch. */
static void fill_key_bias(const float *sizes, osprey__attention_f32_args *args)
{
    float *bias = args->scratch;
    for (size_t key = 0; key < args->key_rows; key++) bias[key] = logf(sizes[key]);
    args->key_bias = bias;
    args->scratch += osprey__cpu_key_bias_floats(args->key_rows);
}

static size_t turned_floats(size_t query_rows, size_t key_rows, size_t head_dim)
{
    return osprey__divide_up((query_rows + 2 * key_rows) * head_dim, 16) * 16;
}

/* The queries and keys turned, and the values, which lie as far apart as the keys, into the front
 * of the thread's scratch. */
static void turn(const attention *a, osprey__attention_f32_args *args)
{
    const size_t width = args->head_dim;
    float *q = args->scratch, *k = q + args->query_rows * width, *v = k + args->key_rows * width;
    osprey__turn_pairs_f32_function *turn_pairs = a->run->plan->kernels->turn_pairs_f32;
    turn_pairs(args->query_rows, width, args->q, args->q_stride, a->turns, q);
    turn_pairs(args->key_rows, width, args->k, args->kv_stride, a->turns, k);
    for (size_t row = 0; row < args->key_rows; row++)
        memcpy(v + row * width, args->v + row * args->kv_stride, width * sizeof *v);
    args->q = q;
    args->k = k;
    args->v = v;
    args->q_stride = args->kv_stride = width;
    args->scratch += turned_floats(args->query_rows, args->key_rows, width);
}

size_t osprey__cpu_turned_floats(const osprey__plan *plan)
{
    size_t most = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        if (node->op != OSPREY__OP_ATTENTION || node->inputs[4] == OSPREY__NO_VALUE) continue;
        const size_t rows = plan->graph->values[node->inputs[1]].shape.dims[0];
        const size_t floats = turned_floats(rows, rows, node->attributes.head_dim);
        if (floats > most) most = floats;
    }
    return most;
}

/* One head of one sequence. */
static void attend(const attention *a, size_t part, size_t thread)
{
    osprey__attention_f32_args args = a->whole;
    size_t sequence = part / a->heads, column = part % a->heads * args.head_dim;
    args.q += column;
    args.k += column;
    args.v += column;
    args.out += column;
    args.scratch = a->run->scratch + thread * a->run->scratch_floats;
    if (a->ragged) {
        choose_text(a, sequence, &args);
    } else {
        if (!a->shared_queries) args.q += sequence * args.query_rows * args.q_stride;
        args.k += sequence * args.key_rows * args.kv_stride;
        args.v += sequence * args.key_rows * args.kv_stride;
        args.out += sequence * args.query_rows * args.out_stride;
        if (a->turns) turn(a, &args);
        if (a->sizes) fill_key_bias(a->sizes + sequence * args.key_rows, &args);
        args.key_rows = osprey__cpu_keys(a->run, a->step, sequence);
    }
    a->run->plan->kernels->attention_f32.run(&args);
}

static void attention_task(void *context, size_t task, size_t thread)
{
    const attention *a = context;
    size_t first = task * a->parts_a_task;
    size_t count = osprey__smaller(a->parts_a_task, a->parts - first);
    for (size_t part = first; part < first + count; part++) attend(a, part, thread);
}

void osprey__cpu_attention(const osprey__run *run, const osprey__step *step)
{
    const osprey__attributes *attributes = &step->node->attributes;
    const osprey__shape *q = osprey__step_shape(run, step->node->inputs[0]);
    const osprey__shape *k = osprey__step_shape(run, step->node->inputs[1]);
    bool ragged = k->extent == OSPREY__PER_TOKEN;
    attention a = {
        .run = run,
        .step = step,
        .whole = {.query_rows = ragged ? 0 : q->dims[0],
                  .key_rows = ragged ? 0 : k->dims[0],
                  .head_dim = attributes->head_dim,
                  .q = osprey__step_input(run, step, 0) + attributes->columns[0],
                  .q_stride = q->dims[q->rank - 1],
                  .k = osprey__step_input(run, step, 1) + attributes->columns[1],
                  .v = osprey__step_input(run, step, 2) + attributes->columns[2],
                  .kv_stride = k->dims[k->rank - 1],
                  .out = osprey__step_output(run, step),
                  .out_stride =
                      run->plan->placements[step->node->output].form.stride / sizeof(float),
                  .scale = attributes->scale,
                  .causal = attributes->causal},
        .heads = attributes->heads,
        .parts = run->sequences * attributes->heads,
        .ragged = ragged,
        .one_query = q->extent == OSPREY__PER_SEQUENCE,
        .shared_queries = q->extent == OSPREY__ONCE,
        .sizes = osprey__step_input(run, step, 3),
        .turns = osprey__step_input(run, step, 4),
    };
    size_t tasks = TASKS_PER_THREAD * osprey__thread_pool_threads(run->pool);
    a.parts_a_task = ragged && a.parts > tasks ? osprey__divide_up(a.parts, tasks) : 1;
    osprey__thread_pool_run(run->pool, osprey__divide_up(a.parts, a.parts_a_task), attention_task,
                            &a);
}
