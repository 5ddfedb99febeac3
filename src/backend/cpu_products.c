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
    osprey__gemm_args whole;  /* of all rows */
    osprey__gemm_input input; /* what rows are prepared from; x is NULL: from nothing */
    char *prepared;           /* all rows; NULL: each task prepares its own */
    osprey__product_tasks tasks;
} split;

/* Where row block i begins: at a multiple of the register tile's rows, or at the end. */
static size_t block_start(const split *s, size_t i)
{
    size_t tile = s->step->gemm->rows, tiles = osprey__divide_up(s->whole.m, tile);
    return osprey__smaller(i * tiles / s->tasks.row_blocks * tile, s->whole.m);
}

/* Evens out the register tiles over blocks of at most `most` rows. */
static size_t count_row_blocks(const osprey__gemm_kernel *gemm, size_t m, size_t most,
                               size_t threads)
{
    size_t tiles = osprey__divide_up(m, gemm->rows);
    size_t blocks = osprey__divide_up(tiles, most < gemm->rows ? 1 : most / gemm->rows);
    /* So that the threads end together. */
    size_t even = osprey__divide_up(blocks, threads) * threads;
    return blocks > 1 && even <= tiles ? even : blocks;
}

/* Panels of a task, so that there are enough tasks for the threads to end together. */
static size_t count_task_panels(size_t panels, size_t row_blocks, size_t threads)
{
    size_t wanted = threads == 1 ? 1 : osprey__divide_up(TASKS_PER_THREAD * threads, row_blocks);
    size_t shortest = SIZE_MAX, best = 1;
    for (size_t of_task = osprey__divide_up(panels, wanted); of_task > 0; of_task--) {
        size_t blocks = osprey__divide_up(panels, of_task);
        size_t time = osprey__divide_up(row_blocks * blocks, threads) * of_task;
        if (time >= shortest) continue;
        shortest = time;
        best = of_task;
    }
    return best;
}

osprey__product_tasks osprey__cpu_column_tasks(const osprey__gemm_kernel *gemm, size_t row_blocks,
                                               size_t n, size_t threads, osprey_task_split how)
{
    size_t panels = osprey__divide_up(n, gemm->columns);
    osprey__product_tasks tasks = {.row_blocks = row_blocks, .columns_first = how.columns_first};
    tasks.panels = how.columns
                       ? osprey__smaller(osprey__divide_up(how.columns, gemm->columns), panels)
                       : count_task_panels(panels, row_blocks, threads);
    tasks.column_blocks = osprey__divide_up(panels, tasks.panels);
    return tasks;
}

osprey__product_tasks osprey__cpu_product_tasks(const osprey__gemm_kernel *gemm, size_t m, size_t n,
                                                size_t threads, osprey_task_split how)
{
    size_t most_rows = how.rows ? how.rows : OSPREY__BLOCK_ROWS;
    return osprey__cpu_column_tasks(gemm, count_row_blocks(gemm, m, most_rows, threads), n, threads,
                                    how);
}

osprey__product_tasks osprey__cpu_step_tasks(const osprey__step *step, size_t m, size_t threads,
                                             osprey_task_split how)
{
    if (step->strassen_rows) return osprey__cpu_strassen_tasks(step, m, threads, how);
    return osprey__cpu_product_tasks(step->gemm, m, step->out_channels, threads, how);
}

/* Weights that a task checks have to be still in its core's cache: then the columns are fewer. */
static void check_in_tasks(split *s, size_t threads)
{
    const osprey__gemm_kernel *gemm = s->step->gemm;
    const size_t panel_bytes = gemm->panel_bytes(gemm, s->whole.k);
    const size_t panels = OSPREY__WEIGHT_CHECK_BLOCK_BYTES / panel_bytes;
    osprey_task_split how = {.columns = gemm->columns * (panels ? panels : 1)};
    s->tasks =
        osprey__cpu_product_tasks(gemm, s->whole.m, s->whole.n, threads, (osprey_task_split){0});
    if (s->tasks.panels > panels)
        s->tasks = osprey__cpu_product_tasks(gemm, s->whole.m, s->whole.n, threads, how);
    osprey__weight_check_split(
        s->run->check, (size_t)(s->step - s->run->plan->steps), s->whole.packed,
        osprey__gemm_packed_bytes(gemm, s->whole.n, s->whole.k), s->tasks.panels * panel_bytes);
}

static void split_tasks(split *s)
{
    size_t threads = osprey__thread_pool_threads(s->run->pool), m = s->whole.m;
    if (s->run->check) {
        check_in_tasks(s, threads);
        return;
    }
    osprey_task_split how = osprey__step_split(s->run->plan, s->step, m, threads);
    s->tasks = osprey__cpu_product_tasks(s->step->gemm, m, s->whole.n, threads, how);
}

static size_t element_bytes(bool rounded)
{
    return osprey__dtype_bytes(rounded ? OSPREY__BF16 : OSPREY__F32);
}

/* Moves result and residual on by so many elements. */
static void move_results(osprey__gemm_args *args, size_t elements)
{
    args->c = (char *)args->c + elements * element_bytes(args->rounded);
    if (args->residual)
        args->residual =
            (const char *)args->residual + elements * element_bytes(args->rounded_residual);
}

/* The product's share of task (row block, column block). */
static osprey__gemm_args task_args(const split *s, size_t row_block, size_t column_block)
{
    const osprey__gemm_kernel *gemm = s->step->gemm;
    osprey__gemm_args args = s->whole;
    size_t row = block_start(s, row_block), column = column_block * s->tasks.panels * gemm->columns;
    args.m = block_start(s, row_block + 1) - row;
    args.n = osprey__smaller(s->tasks.panels * gemm->columns, s->whole.n - column);
    /* Patches that a task gathers for itself have no place yet. */
    if (args.a) args.a = (const char *)args.a + row * args.a_stride;
    args.packed = (const char *)args.packed +
                  column_block * s->tasks.panels * gemm->panel_bytes(gemm, args.k);
    if (args.bias) args.bias += column;
    move_results(&args, row * args.ldc + column);
    return args;
}

osprey__gemm_args osprey__cpu_product_args(const osprey__run *run, const osprey__step *step,
                                           size_t m)
{
    const osprey__placement *placements = run->plan->placements;
    const osprey__row_form *out = &placements[step->node->output].form;
    const osprey__value_id residual = step->node->inputs[3];
    return (osprey__gemm_args){
        .m = m,
        .n = step->out_channels,
        .k = step->in_channels,
        .a_stride = step->gemm->row_bytes(step->in_channels),
        .packed = step->packed,
        .bias = osprey__step_input(run, step, 2),
        .activation = step->node->attributes.activation,
        .residual = osprey__step_input(run, step, 3),
        .rounded_residual =
            residual != OSPREY__NO_VALUE && placements[residual].form.dtype == OSPREY__BF16,
        .c = osprey__step_output(run, step),
        .ldc = out->stride / osprey__dtype_bytes(out->dtype),
        .rounded = out->dtype == OSPREY__BF16,
    };
}

static split begin(const osprey__run *run, const osprey__step *step, size_t m)
{
    return (split){
        .run = run,
        .step = step,
        .whole = osprey__cpu_product_args(run, step, m),
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

/* Fills s->prepared. */
static void prepare_all(split *s, osprey__task_function *task, size_t tasks)
{
    osprey__thread_pool_run(s->run->pool, tasks, task, s);
    s->whole.a = s->prepared;
    s->input.x = NULL;
}

osprey__task_place osprey__cpu_task_place(const osprey__product_tasks *tasks, size_t task)
{
    /* By default neighbouring tasks share weights, which are the larger part. */
    return (osprey__task_place){
        .row_block = tasks->columns_first ? task / tasks->column_blocks : task % tasks->row_blocks,
        .column_block =
            tasks->columns_first ? task % tasks->column_blocks : task / tasks->row_blocks,
    };
}

static void linear_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    const osprey__task_place place = osprey__cpu_task_place(&s->tasks, task);
    osprey__gemm_args args = task_args(s, place.row_block, place.column_block);
    if (s->input.x) {
        float *rows = s->run->scratch + thread * s->run->scratch_floats;
        prepare(s, block_start(s, place.row_block), args.m, rows);
        args.a = rows;
    }
    s->step->gemm->run(&args);
    if (s->run->check && place.row_block + 1 == s->tasks.row_blocks)
        osprey__weight_check_block(s->run->check, place.column_block);
}

static void run_tasks(split *s)
{
    size_t tasks = s->tasks.row_blocks * s->tasks.column_blocks;
    osprey__thread_pool_run(s->run->pool, tasks, linear_task, s);
}

/* Rows as they lie in the step's input. */
static void run_linear(const osprey__run *run, const osprey__step *step, size_t m)
{
    if (step->strassen_rows) {
        osprey__cpu_strassen(run, step, m);
        return;
    }
    osprey__value_id id = step->node->inputs[0];
    const osprey__row_form *form = &run->plan->placements[id].form;
    split s = begin(run, step, m);
    split_tasks(&s);
    const void *rows = osprey__run_value(run, id);
    if (form->prepared_for == step->gemm ||
        osprey__gemm_takes(step->gemm, form->dtype, form->stride, s.whole.k)) {
        s.whole.a = rows;
        s.whole.a_stride = form->stride;
    } else {
        s.input.dtype = form->dtype;
        s.input.x = rows;
        s.input.stride = form->stride;
        s.prepared = s.tasks.column_blocks > 1 ? osprey__prepared_rows(run, id) : NULL;
        if (s.prepared) prepare_all(&s, prepare_task, osprey__divide_up(m, PREPARED_ROWS));
    }
    run_tasks(&s);
}

/* A group's share of a block of rows, prepared and multiplied. */
static void group_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    const osprey__gemm_kernel *gemm = s->step->gemm;
    const size_t group = task % s->step->groups, k = s->whole.k, n = s->whole.n;
    const size_t first = task / s->step->groups * OSPREY__BLOCK_ROWS;
    osprey__gemm_args args = s->whole;
    osprey__gemm_input part = s->input;
    float *rows = s->run->scratch + thread * s->run->scratch_floats;
    args.m = part.m = osprey__smaller(OSPREY__BLOCK_ROWS, s->whole.m - first);
    part.x =
        (const char *)part.x + first * part.stride + group * k * osprey__dtype_bytes(part.dtype);
    gemm->prepare(&part, rows);
    args.a = rows;
    args.packed = (const char *)args.packed + group * osprey__gemm_packed_bytes(gemm, n, k);
    if (args.bias) args.bias += group * n;
    move_results(&args, first * args.ldc + group * n);
    gemm->run(&args);
}

static void run_groups(const osprey__run *run, const osprey__step *step, size_t m)
{
    const osprey__value_id id = step->node->inputs[0];
    const osprey__row_form *form = &run->plan->placements[id].form;
    split s = begin(run, step, m);
    s.input.dtype = form->dtype;
    s.input.x = osprey__run_value(run, id);
    s.input.stride = form->stride;
    osprey__thread_pool_run(run->pool, step->groups * osprey__divide_up(m, OSPREY__BLOCK_ROWS),
                            group_task, &s);
}

void osprey__cpu_linear(const osprey__run *run, const osprey__step *step)
{
    const osprey__value *x = &run->plan->graph->values[step->node->inputs[0]];
    size_t elements = osprey__value_elements(x, run->sequences, run->tokens);
    size_t rows = elements / (step->groups * step->in_channels);
    if (step->groups > 1)
        run_groups(run, step, rows);
    else
        run_linear(run, step, rows);
}

/* The product's kernel reads the map itself: where patches overlap, their elements are then not
 * prepared again and again. */
static bool prepares_map(const osprey__step *step)
{
    const osprey__conv_shape *conv = &step->conv;
    return step->gemm->takes_patches && !conv->planar && !osprey__conv_is_patches(conv);
}

/* Output rows that are multiplied together, and their positions. */
static size_t block_rows(const osprey__conv_shape *conv)
{
    return conv->out_width < OSPREY__BLOCK_ROWS ? OSPREY__BLOCK_ROWS / conv->out_width : 1;
}

static size_t block_positions(const osprey__conv_shape *conv)
{
    return block_rows(conv) * conv->out_width;
}

/* Floats that patches are prepared in, or gathered to; what they are prepared to lies behind. */
static size_t patch_floats(const osprey__step *step)
{
    if (prepares_map(step)) return osprey__patch_scratch_bytes(&step->conv) / sizeof(float);
    return osprey__round_up(step->in_channels * block_positions(&step->conv),
                            OSPREY__ALIGNMENT / sizeof(float));
}

/* Prepares the patches of positions first..first+count-1 of one image. */
static void prepare_patches(const split *s, size_t image, size_t first, size_t count, size_t thread,
                            void *rows)
{
    const osprey__conv_shape *conv = &s->step->conv;
    float *patches = s->run->scratch + thread * s->run->scratch_floats;
    const float *map = osprey__step_input(s->run, s->step, 0);
    map += image * conv->height * conv->width * conv->channels;
    osprey__gemm_input input = {
        .m = count, .k = s->whole.k, .dtype = OSPREY__F32, .range = s->input.range};
    if (prepares_map(s->step)) {
        input.x = map;
        input.patches = conv;
        input.first = first;
        input.scratch = patches;
    } else {
        osprey__conv_gather_f32(conv, map, first, count, patches);
        input.x = patches;
        input.stride = s->whole.k * sizeof(float);
    }
    s->step->gemm->prepare(&input, rows);
}

/* A row of output positions. */
static void patch_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    const osprey__conv_shape *conv = &s->step->conv;
    prepare_patches(s, task / conv->out_height, task % conv->out_height * conv->out_width,
                    conv->out_width, thread,
                    s->prepared + task * conv->out_width * s->whole.a_stride);
}

/* Prepares the patches of a block of output rows and multiplies them. */
static void conv_task(void *context, size_t task, size_t thread)
{
    const split *s = context;
    const osprey__conv_shape *conv = &s->step->conv;
    size_t image = task / s->tasks.row_blocks, positions = conv->out_height * conv->out_width;
    size_t first = task % s->tasks.row_blocks * block_positions(conv);
    size_t at = (image * positions + first) * s->whole.ldc;
    float *rows = s->run->scratch + thread * s->run->scratch_floats + patch_floats(s->step);
    osprey__gemm_args args = s->whole;
    args.m = osprey__smaller(block_positions(conv), positions - first);
    prepare_patches(s, image, first, args.m, thread, rows);
    args.a = rows;
    move_results(&args, at);
    s->step->gemm->run(&args);
}

void osprey__cpu_conv2d(const osprey__run *run, const osprey__step *step)
{
    const osprey__conv_shape *conv = &step->conv;
    size_t m = run->sequences * conv->out_height * conv->out_width;
    if (osprey__conv_is_pointwise(conv)) {
        run_linear(run, step, m);
        return;
    }
    split s = begin(run, step, m);
    s.prepared = osprey__prepared_rows(run, step->node->output);
    if (s.prepared) {
        split_tasks(&s);
        prepare_all(&s, patch_task, run->sequences * conv->out_height);
        run_tasks(&s);
        return;
    }
    s.tasks.row_blocks = osprey__divide_up(conv->out_height, block_rows(conv));
    osprey__thread_pool_run(run->pool, run->sequences * s.tasks.row_blocks, conv_task, &s);
}

size_t osprey__cpu_product_scratch_floats(const osprey__plan *plan)
{
    size_t largest = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        if (!step->gemm || step->winograd) continue;
        size_t rows = OSPREY__BLOCK_ROWS;
        for (size_t i = 0; i < step->choice_count; i++)
            if (step->choices[i].split.rows > rows) rows = step->choices[i].split.rows;
        bool windows =
            step->node->op == OSPREY__OP_CONV2D && !osprey__conv_is_pointwise(&step->conv);
        if (windows && block_positions(&step->conv) > rows) rows = block_positions(&step->conv);
        size_t bytes = rows * step->gemm->row_bytes(step->in_channels);
        if (step->strassen_rows) bytes = osprey__cpu_strassen_scratch_bytes(step, rows);
        size_t floats = osprey__divide_up(bytes, sizeof(float));
        if (windows) floats += patch_floats(step);
        if (floats > largest) largest = floats;
    }
    return largest;
}
