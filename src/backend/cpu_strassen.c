/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linear, and conv2d of single positions, by kernels/strassen.h. Pairs of rows are split into tasks
 * as rows are elsewhere, and the columns of both halves as those of one. Few pairs are prepared for
 * all tasks beforehand; where there are many, each task prepares its own.
 */
#include "backend/cpu_internal.h"
#include "kernels/strassen.h"

/* Pairs whose sums a thread prepares at once. */
#define PREPARED_PAIRS 4

typedef struct pair_split {
    const osprey__run *run;
    const osprey__step *step;
    osprey__gemm_args product;   /* of all rows */
    osprey__strassen_args whole; /* all pairs; sums: NULL where each task prepares its own */
    size_t blocks;
    osprey__product_tasks tasks;
} pair_split;

/* Where row block i begins: at a block of pairs, or at the end. */
static size_t row_block_start(const pair_split *s, size_t i)
{
    size_t block = i * s->blocks / s->tasks.row_blocks;
    return osprey__smaller(osprey__strassen_block_start(block, s->whole.sequence_rows),
                           s->whole.pairs);
}

/* Pairs first..end-1, with their sums where all are prepared. */
static osprey__strassen_args part_of(const pair_split *s, size_t first, size_t end)
{
    osprey__strassen_args part = s->whole;
    part.first = first;
    part.pairs = end - first;
    if (part.sums)
        part.sums = (char *)part.sums + first * osprey__strassen_pair_bytes(s->product.k);
    return part;
}

static void prepare_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const pair_split *s = context;
    size_t first = task * PREPARED_PAIRS;
    size_t end = osprey__smaller(first + PREPARED_PAIRS, s->whole.pairs);
    const osprey__strassen_args part = part_of(s, first, end);
    s->run->plan->kernels->strassen_prepare_f32(&part);
}

static void multiply_task(void *context, size_t task, size_t thread)
{
    const pair_split *s = context;
    const osprey__kernels *kernels = s->run->plan->kernels;
    const osprey__product_tasks *tasks = &s->tasks;
    const osprey__task_place place = osprey__cpu_task_place(tasks, task);
    osprey__strassen_args part =
        part_of(s, row_block_start(s, place.row_block), row_block_start(s, place.row_block + 1));
    const size_t columns = tasks->panels * s->step->gemm->columns;
    part.column = place.column_block * columns;
    part.columns = osprey__smaller(columns, s->product.n / 2 - part.column);
    if (!part.sums) {
        part.sums = s->run->scratch + thread * s->run->scratch_floats;
        kernels->strassen_prepare_f32(&part);
    }
    kernels->strassen_f32(&part);
}

static size_t count_blocks(const osprey__step *step, size_t m)
{
    return osprey__strassen_blocks(m / step->strassen_rows, step->strassen_rows);
}

osprey__product_tasks osprey__cpu_strassen_tasks(const osprey__step *step, size_t m, size_t threads,
                                                 osprey_task_split how)
{
    /* As many as the rows that the split names, half of which are tops of pairs. */
    size_t blocks = count_blocks(step, m), most = how.rows / 2 / OSPREY__STRASSEN_BLOCK;
    size_t row_blocks = most ? osprey__divide_up(blocks, most) : blocks;
    return osprey__cpu_column_tasks(step->gemm, row_blocks, step->out_channels / 2, threads, how);
}

void osprey__cpu_strassen(const osprey__run *run, const osprey__step *step, size_t m)
{
    const osprey__value_id x = step->node->inputs[0];
    const size_t threads = osprey__thread_pool_threads(run->pool);
    const size_t pairs = m / step->strassen_rows * osprey__strassen_pairs(step->strassen_rows);
    const osprey_task_split how = osprey__step_split(run->plan, step, m, threads);
    pair_split s = {
        .run = run,
        .step = step,
        .product = osprey__cpu_product_args(run, step, m),
        .whole = {.sequence_rows = step->strassen_rows, .pairs = pairs},
        .blocks = count_blocks(step, m),
        .tasks = osprey__cpu_strassen_tasks(step, m, threads, how),
    };
    s.product.a = osprey__run_value(run, x);
    s.product.a_stride = run->plan->placements[x].form.stride;
    s.whole.product = &s.product;
    if (s.tasks.column_blocks > 1) s.whole.sums = osprey__prepared_rows(run, x);
    if (s.whole.sums)
        osprey__thread_pool_run(run->pool, osprey__divide_up(pairs, PREPARED_PAIRS), prepare_task,
                                &s);
    osprey__thread_pool_run(run->pool, s.tasks.row_blocks * s.tasks.column_blocks, multiply_task,
                            &s);
}

size_t osprey__cpu_strassen_scratch_bytes(const osprey__step *step, size_t rows)
{
    size_t pairs = rows / 2 < OSPREY__STRASSEN_BLOCK ? OSPREY__STRASSEN_BLOCK : rows / 2;
    return pairs * osprey__strassen_pair_bytes(step->in_channels);
}
