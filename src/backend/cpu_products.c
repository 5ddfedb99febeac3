/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linear and conv2d: blocks of rows (and, where rows are few, of columns) through the GEMM. Rows
 * that the kernel does not take as they lie are prepared once: for all tasks beforehand, or, where
 * there are so many that no two tasks have the same, by the task.
 */
#include "backend/cpu_internal.h"
#include "base/memory.h"

/* Tasks a thread, so that one that is late does not hold up the rest for long. */
#define TASKS_PER_THREAD 8

/* Rows that a thread prepares at once. */
#define PREPARED_ROWS 8

/* A product of m rows, split into row_blocks x column_blocks tasks. */
typedef struct split {
    const osprey__run *run;
    const osprey__step *step;
    osprey__gemm_args whole;  /* of all rows (of one image, for a convolution by blocks) */
    osprey__gemm_input input; /* what rows are prepared from; x is NULL: from nothing */
    char *prepared;           /* all rows; NULL: each task prepares its own */
    size_t tiles;             /* of rows */
    size_t row_blocks;
    size_t panels; /* of a column block */
    size_t column_blocks;
} split;

/* Where row block i begins: at a multiple of the register tile's rows, or at the end. */
static size_t block_start(const split *s, size_t i)
{
    return osprey__smaller(i * s->tiles / s->row_blocks * s->step->gemm->rows, s->whole.m);
}

/* Evens out the register tiles over blocks of at most `most` rows. */
static void split_rows(split *s, size_t most)
{
    size_t tile = s->step->gemm->rows, threads = osprey__thread_pool_threads(s->run->pool);
    s->tiles = osprey__divide_up(s->whole.m, tile);
    s->row_blocks = osprey__divide_up(s->tiles, most < tile ? 1 : most / tile);
    /* So that the threads end together. */
    size_t even = osprey__divide_up(s->row_blocks, threads) * threads;
    if (s->row_blocks > 1 && even <= s->tiles) s->row_blocks = even;
}

/* Splits columns until there are enough tasks for the threads to end together; never a panel. */
static void split_columns(split *s)
{
    size_t threads = osprey__thread_pool_threads(s->run->pool);
    size_t panels = osprey__divide_up(s->whole.n, s->step->gemm->columns);
    size_t wanted = threads == 1 ? 1 : osprey__divide_up(TASKS_PER_THREAD * threads, s->row_blocks);
    size_t shortest = SIZE_MAX;
    for (size_t of_task = osprey__divide_up(panels, wanted); of_task > 0; of_task--) {
        size_t blocks = osprey__divide_up(panels, of_task);
        size_t time = osprey__divide_up(s->row_blocks * blocks, threads) * of_task;
        if (time >= shortest) continue;
        shortest = time;
        s->panels = of_task;
        s->column_blocks = blocks;
    }
}

static void *result_at(const osprey__gemm_args *args, size_t index)
{
    return (char *)args->c + index * (args->rounded ? sizeof(uint16_t) : sizeof(float));
}

/* The product's share of task (row block, column block). */
static osprey__gemm_args task_args(const split *s, size_t row_block, size_t column_block)
{
    const osprey__gemm_kernel *gemm = s->step->gemm;
    osprey__gemm_args args = s->whole;
    size_t row = block_start(s, row_block), column = column_block * s->panels * gemm->columns;
    args.m = block_start(s, row_block + 1) - row;
    args.n = osprey__smaller(s->panels * gemm->columns, s->whole.n - column);
    /* Patches that a task gathers for itself have no place yet. */
    if (args.a) args.a = (const char *)args.a + row * args.a_stride;
    args.packed =
        (const char *)args.packed + column_block * s->panels * gemm->panel_bytes(gemm, args.k);
    if (args.bias) args.bias += column;
    if (args.residual) args.residual += row * args.ldc + column;
    args.c = result_at(&args, row * args.ldc + column);
    return args;
}

/* A product of m rows that has yet to be told where they are. */
static split begin(const osprey__run *run, const osprey__step *step, size_t m)
{
    const osprey__row_form *out = &run->plan->placements[step->node->output].form;
    return (split){
        .run = run,
        .step = step,
        .whole = {.m = m,
                  .n = step->out_channels,
                  .k = step->in_channels,
                  .a_stride = step->gemm->row_bytes(step->in_channels),
                  .packed = step->packed,
                  .bias = osprey__step_input(run, step, 2),
                  .activation = step->node->attributes.activation,
                  .residual = osprey__step_input(run, step, 3),
                  .c = osprey__step_output(run, step),
                  .ldc = out->stride / osprey__dtype_bytes(out->dtype),
                  .rounded = out->dtype == OSPREY__BF16},
        .input = {.m = m, .k = step->in_channels, .range = step->input_range},
    };
}

/* Prepares rows first..first+count-1 of the input at `rows`. */
static void prepare(const split *s, size_t first, size_t count, void *rows)
{
    osprey__gemm_input part = s->input;
    part.x = (const char *)part.x + first * part.stride;
    part.m = count;
    s->step->gemm->prepare(&part, rows);
}

static void prepare_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const split *s = context;
    size_t first = task * PREPARED_ROWS;
    size_t count = osprey__smaller(PREPARED_ROWS, s->input.m - first);
    prepare(s, first, count, s->prepared + first * s->whole.a_stride);
}

/* Fills s->prepared, whose tasks are those of PREPARED_ROWS rows. */
static void prepare_all(split *s, osprey__task_function *task)
{
    osprey__thread_pool_run(s->run->pool, osprey__divide_up(s->input.m, PREPARED_ROWS), task, s);
    s->whole.a = s->prepared;
    s->input.x = NULL;
}

static void linear_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    /* Neighbouring tasks share weights, which are the larger part. */
    size_t row_block = task % s->row_blocks;
    osprey__gemm_args args = task_args(s, row_block, task / s->row_blocks);
    if (s->input.x) {
        float *rows = s->run->scratch + thread * s->run->scratch_floats;
        prepare(s, block_start(s, row_block), args.m, rows);
        args.a = rows;
    }
    s->step->gemm->run(&args);
}

static void run_tasks(split *s)
{
    osprey__thread_pool_run(s->run->pool, s->row_blocks * s->column_blocks, linear_task, s);
}

/* Rows as they lie in the step's input. */
static void run_linear(const osprey__run *run, const osprey__step *step, size_t m)
{
    osprey__value_id id = step->node->inputs[0];
    const osprey__row_form *form = &run->plan->placements[id].form;
    split s = begin(run, step, m);
    split_rows(&s, OSPREY__BLOCK_ROWS);
    split_columns(&s);
    const void *rows = osprey__run_value(run, id);
    if (form->prepared_for == step->gemm ||
        osprey__gemm_takes(step->gemm, form->dtype, form->stride, s.whole.k)) {
        s.whole.a = rows;
        s.whole.a_stride = form->stride;
    } else {
        s.input.dtype = form->dtype;
        s.input.x = rows;
        s.input.stride = form->stride;
        s.prepared = s.column_blocks > 1 ? osprey__prepared_rows(run, id) : NULL;
        if (s.prepared) prepare_all(&s, prepare_task);
    }
    run_tasks(&s);
}

void osprey__cpu_linear(const osprey__run *run, const osprey__step *step)
{
    const osprey__value *x = &run->plan->graph->values[step->node->inputs[0]];
    size_t elements = osprey__value_elements(x, run->sequences, run->tokens);
    run_linear(run, step, elements / step->in_channels);
}

/* Floats of `rows` gathered rows; what they are prepared to lies behind. */
static size_t patch_floats(const osprey__step *step, size_t rows)
{
    return osprey__round_up(step->in_channels * rows, OSPREY__ALIGNMENT / sizeof(float));
}

/* Gathers the patches of positions first..first+count-1 of one image and prepares them. */
static void prepare_patches(const split *s, size_t image, size_t first, size_t count, size_t thread,
                            void *rows)
{
    const osprey__conv_shape *conv = &s->step->conv;
    float *patches = s->run->scratch + thread * s->run->scratch_floats;
    const float *input = osprey__step_input(s->run, s->step, 0);
    input += image * conv->height * conv->width * conv->channels;
    osprey__conv_gather_f32(conv, input, first, count, patches);
    osprey__gemm_input gathered = {.m = count,
                                   .k = s->whole.k,
                                   .dtype = OSPREY__F32,
                                   .x = patches,
                                   .stride = s->whole.k * sizeof(float),
                                   .range = s->input.range};
    s->step->gemm->prepare(&gathered, rows);
}

static void patch_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    size_t positions = s->step->conv.out_height * s->step->conv.out_width;
    size_t row = task * PREPARED_ROWS;
    size_t end = row + osprey__smaller(PREPARED_ROWS, s->input.m - row);
    while (row < end) {
        size_t image = row / positions, first = row % positions;
        size_t count = osprey__smaller(end - row, positions - first);
        prepare_patches(s, image, first, count, thread, s->prepared + row * s->whole.a_stride);
        row += count;
    }
}

/* Gathers and prepares a row block's patches and multiplies them. */
static void conv_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    size_t image = task / s->row_blocks, block = task % s->row_blocks;
    osprey__gemm_args args = task_args(s, block, 0);
    float *rows = s->run->scratch + thread * s->run->scratch_floats +
                  patch_floats(s->step, OSPREY__BLOCK_ROWS);
    prepare_patches(s, image, block_start(s, block), args.m, thread, rows);
    size_t image_out = image * s->whole.m * s->whole.ldc;
    args.a = rows;
    if (args.residual) args.residual += image_out;
    args.c = result_at(&args, image_out);
    s->step->gemm->run(&args);
}

void osprey__cpu_conv2d(const osprey__run *run, const osprey__step *step)
{
    const osprey__conv_shape *conv = &step->conv;
    size_t positions = conv->out_height * conv->out_width, m = run->sequences * positions;
    if (osprey__conv_is_pointwise(conv)) {
        run_linear(run, step, m);
        return;
    }
    split s = begin(run, step, m);
    if (osprey__conv_is_patches(conv)) s.prepared = osprey__prepared_rows(run, step->node->output);
    if (s.prepared) {
        split_rows(&s, OSPREY__BLOCK_ROWS);
        split_columns(&s);
        prepare_all(&s, patch_task);
        run_tasks(&s);
        return;
    }
    s.whole.m = positions;
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
        size_t bytes = OSPREY__BLOCK_ROWS * step->gemm->row_bytes(step->in_channels);
        size_t floats = osprey__divide_up(bytes, sizeof(float));
        if (step->node->op == OSPREY__OP_CONV2D) floats += patch_floats(step, OSPREY__BLOCK_ROWS);
        if (floats > largest) largest = floats;
    }
    return largest;
}
