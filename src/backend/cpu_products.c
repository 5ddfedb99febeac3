/* SPDX-License-Identifier: Apache-2.0 */
/* linear and conv2d: blocks of rows (and, where rows are few, of columns) through the GEMM. */
#include "backend/cpu_internal.h"
#include "base/memory.h"

/* Tasks a thread, so that one that is late does not hold up the rest for long. */
#define TASKS_PER_THREAD 4

/* A product of m rows, split into row_blocks x column_blocks tasks. */
typedef struct split {
    const osprey__run *run;
    const osprey__step *step;
    osprey__gemm_args whole; /* of all rows (of one image, for a convolution) */
    size_t rows;             /* of a row block */
    size_t row_blocks;
    size_t panels; /* of a column block */
    size_t column_blocks;
} split;

/* Evens out the rows over blocks of at most `most`, each a multiple of the register tile. */
static void split_rows(split *s, size_t most)
{
    size_t tile = s->step->gemm->rows;
    size_t m = s->whole.m;
    if (most < tile) most = tile;
    size_t blocks = osprey__divide_up(m, most);
    s->rows = osprey__divide_up(m, blocks);
    /* More than one block: end each but the last with a whole tile. */
    if (blocks > 1) s->rows = osprey__divide_up(s->rows, tile) * tile;
    s->row_blocks = osprey__divide_up(m, s->rows);
}

/* Splits columns until there are enough tasks, but never a panel. */
static void split_columns(split *s, size_t other_tasks)
{
    size_t threads = osprey__thread_pool_threads(s->run->pool);
    size_t panels = osprey__divide_up(s->whole.n, s->step->gemm->columns);
    size_t wanted = threads == 1 ? 1 : osprey__divide_up(TASKS_PER_THREAD * threads, other_tasks);
    s->panels = osprey__divide_up(panels, osprey__smaller(wanted, panels));
    s->column_blocks = osprey__divide_up(panels, s->panels);
}

/* The product's share of task (row block, column block). */
static osprey__gemm_args task_args(const split *s, size_t row_block, size_t column_block)
{
    const osprey__gemm_kernel *gemm = s->step->gemm;
    osprey__gemm_args args = s->whole;
    size_t row = row_block * s->rows, column = column_block * s->panels * gemm->columns;
    args.m = osprey__smaller(s->rows, s->whole.m - row);
    args.n = osprey__smaller(s->panels * gemm->columns, s->whole.n - column);
    args.a += row * args.lda;
    args.packed =
        (const char *)args.packed + column_block * s->panels * gemm->panel_bytes(gemm, args.k);
    if (args.bias) args.bias += column;
    if (args.residual) args.residual += row * args.ldc + column;
    args.c += row * args.ldc + column;
    return args;
}

static osprey__gemm_args whole_args(const osprey__run *run, const osprey__step *step, size_t m)
{
    return (osprey__gemm_args){
        .m = m,
        .n = step->out_channels,
        .k = step->in_channels,
        .a = osprey__step_input(run, step, 0),
        .lda = step->in_channels,
        .packed = step->packed,
        .bias = osprey__step_input(run, step, 2),
        .activation = step->node->attributes.activation,
        .residual = osprey__step_input(run, step, 3),
        .c = osprey__step_output(run, step),
        .ldc = step->out_channels,
    };
}

static void linear_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    /* Neighbouring tasks share weights, which are the larger part. */
    osprey__gemm_args args = task_args(s, task % s->row_blocks, task / s->row_blocks);
    args.scratch = s->run->scratch + thread * s->run->scratch_floats;
    s->step->gemm->run(&args);
}

static void run_linear(const osprey__run *run, const osprey__step *step, size_t rows)
{
    split s = {.run = run, .step = step, .whole = whole_args(run, step, rows)};
    split_rows(&s, OSPREY__BLOCK_ROWS);
    split_columns(&s, s.row_blocks);
    osprey__thread_pool_run(run->pool, s.row_blocks * s.column_blocks, linear_task, &s);
}

void osprey__cpu_linear(const osprey__run *run, const osprey__step *step)
{
    const osprey__value *x = &run->plan->graph->values[step->node->inputs[0]];
    size_t elements = osprey__value_elements(x, run->sequences, run->tokens);
    run_linear(run, step, elements / step->in_channels);
}

/* Floats of the largest block of gathered rows; the product's own scratch lies behind it. */
static size_t conv_patch_floats(const osprey__step *step)
{
    return osprey__round_up(step->in_channels * (OSPREY__BLOCK_ROWS + step->gemm->rows),
                            OSPREY__ALIGNMENT / sizeof(float));
}

/* Gathers a row block's patches into the thread's scratch and multiplies them. */
static void conv_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    const osprey__conv_shape *conv = &s->step->conv;
    size_t image = task / s->row_blocks, block = task % s->row_blocks;
    osprey__gemm_args args = task_args(s, block, 0);
    float *patches = s->run->scratch + thread * s->run->scratch_floats;
    const float *input = s->whole.a + image * conv->height * conv->width * conv->channels;
    osprey__conv_gather_f32(conv, input, block * s->rows, args.m, patches);
    size_t image_out = image * s->whole.m * s->whole.ldc;
    args.a = patches;
    args.scratch = patches + conv_patch_floats(s->step);
    if (args.residual) args.residual += image_out;
    args.c += image_out;
    s->step->gemm->run(&args);
}

void osprey__cpu_conv2d(const osprey__run *run, const osprey__step *step)
{
    const osprey__conv_shape *conv = &step->conv;
    size_t positions = conv->out_height * conv->out_width;
    bool pointwise = conv->kernel_height == 1 && conv->kernel_width == 1 && conv->stride == 1 &&
                     !conv->padding && !conv->planar;
    if (pointwise) {
        run_linear(run, step, run->sequences * positions);
        return;
    }
    split s = {.run = run, .step = step, .whole = whole_args(run, step, positions)};
    size_t threads = osprey__thread_pool_threads(run->pool);
    size_t blocks_an_image = osprey__divide_up(TASKS_PER_THREAD * threads, run->sequences);
    size_t even = osprey__divide_up(positions, blocks_an_image);
    split_rows(&s, osprey__smaller(even, OSPREY__BLOCK_ROWS));
    s.panels = osprey__divide_up(s.whole.n, step->gemm->columns);
    s.column_blocks = 1;
    osprey__thread_pool_run(run->pool, run->sequences * s.row_blocks, conv_task, &s);
}

size_t osprey__cpu_product_scratch_floats(const osprey__plan *plan)
{
    size_t largest = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        if (!step->gemm) continue;
        size_t bytes =
            step->gemm->scratch_bytes(OSPREY__BLOCK_ROWS + step->gemm->rows, step->in_channels);
        size_t floats = osprey__divide_up(bytes, sizeof(float));
        if (step->node->op == OSPREY__OP_CONV2D) floats += conv_patch_floats(step);
        if (floats > largest) largest = floats;
    }
    return largest;
}
