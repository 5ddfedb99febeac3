/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that go row by row, or copy rows; chunks of rows are the tasks. */
#include "backend/cpu_internal.h"
#include "base/dtype.h"

#include <string.h>

/* Floats of a task, at most and (before there are two a thread) at least: less, and taking it
 * costs more than it saves. */
#define CHUNK_FLOATS       16384
#define SMALL_CHUNK_FLOATS 4096

/* Rows of a layer norm that are prepared for a product while they are in the first-level cache. */
#define PREPARED_ROWS 4

typedef struct rows {
    const osprey__run *run;
    const osprey__step *step;
    const float *x, *y;
    float *out;
    size_t count, width; /* rows, and floats of one */
    size_t chunk;        /* rows of a task */
} rows;

static rows begin(const osprey__run *run, const osprey__step *step, size_t count, size_t width)
{
    size_t tasks = 2 * osprey__thread_pool_threads(run->pool);
    size_t floats = osprey__divide_up(count, tasks) * width;
    if (floats > CHUNK_FLOATS) floats = CHUNK_FLOATS;
    if (floats < SMALL_CHUNK_FLOATS) floats = SMALL_CHUNK_FLOATS;
    size_t chunk = floats / (width ? width : 1);
    return (rows){
        .run = run,
        .step = step,
        .x = osprey__step_input(run, step, 0),
        .out = osprey__step_output(run, step),
        .count = count,
        .width = width,
        .chunk = chunk ? chunk : 1,
    };
}

static void run_rows(rows *r, osprey__task_function *function)
{
    size_t tasks = osprey__divide_up(r->count, r->chunk);
    osprey__thread_pool_run(r->run->pool, tasks, function, r);
}

/* First row of the task and how many it has. */
static size_t task_rows(const rows *r, size_t task, size_t *count)
{
    size_t first = task * r->chunk;
    *count = osprey__smaller(r->chunk, r->count - first);
    return first;
}

/* Rows of the step's output: its elements over its width. */
static rows begin_like_output(const osprey__run *run, const osprey__step *step)
{
    const osprey__value *out = &run->plan->graph->values[step->node->output];
    size_t width = out->shape.dims[out->shape.rank - 1];
    size_t elements = osprey__value_elements(out, run->sequences, run->tokens);
    return begin(run, step, elements / width, width);
}

static void layer_norm(const rows *r, size_t first, size_t count, float *out)
{
    r->run->plan->kernels->layer_norm_f32(
        count, r->width, r->x + first * r->width, osprey__step_input(r->run, r->step, 1),
        osprey__step_input(r->run, r->step, 2), r->step->node->attributes.epsilon, out);
}

static void layer_norm_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const rows *r = context;
    size_t count, first = task_rows(r, task, &count);
    layer_norm(r, first, count, r->out + first * r->width);
}

/* The products that read the norm find their rows prepared. */
static void prepared_layer_norm_task(void *context, size_t task, size_t thread)
{
    const rows *r = context;
    const osprey__row_form *form = &r->run->plan->placements[r->step->node->output].form;
    size_t count, first = task_rows(r, task, &count), end = first + count;
    osprey__gemm_input normal = {.k = r->width,
                                 .dtype = OSPREY__F32,
                                 .x = r->run->scratch + thread * r->run->scratch_floats,
                                 .stride = r->width * sizeof(float),
                                 .range = form->range};
    for (; first < end; first += normal.m) {
        normal.m = osprey__smaller(PREPARED_ROWS, end - first);
        layer_norm(r, first, normal.m, (float *)normal.x);
        form->prepared_for->prepare(&normal, (char *)r->out + first * form->stride);
    }
}

void osprey__cpu_layer_norm(const osprey__run *run, const osprey__step *step)
{
    rows r = begin_like_output(run, step);
    bool prepared = run->plan->placements[step->node->output].form.prepared_for;
    run_rows(&r, prepared ? prepared_layer_norm_task : layer_norm_task);
}

size_t osprey__cpu_layer_norm_scratch_floats(const osprey__plan *plan)
{
    size_t widest = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        size_t width = plan->placements[node->output].form.width;
        if (node->op == OSPREY__OP_LAYER_NORM && width > widest) widest = width;
    }
    return PREPARED_ROWS * widest;
}

static void activation_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const rows *r = context;
    size_t count, at = task_rows(r, task, &count) * r->width;
    r->run->plan->kernels->activation_f32(r->step->node->attributes.activation, count * r->width,
                                          r->x + at, r->out + at);
}

void osprey__cpu_activation(const osprey__run *run, const osprey__step *step)
{
    rows r = begin_like_output(run, step);
    run_rows(&r, activation_task);
}

static void add_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const rows *r = context;
    size_t count, first = task_rows(r, task, &count), at = first * r->width;
    bool constant = osprey__step_shape(r->run, r->step->node->inputs[1])->extent == OSPREY__ONCE;
    r->run->plan->kernels->add_f32(r->step->node->attributes.activation, count * r->width,
                                   r->x + at, constant ? r->y : r->y + at, r->out + at);
}

void osprey__cpu_add(const osprey__run *run, const osprey__step *step)
{
    rows r = begin_like_output(run, step);
    r.y = osprey__step_input(run, step, 1);
    const osprey__shape *y = osprey__step_shape(run, step->node->inputs[1]);
    /* A constant is added to each sequence (or token) as a whole. */
    if (y->extent == OSPREY__ONCE) {
        r.count = r.count * r.width / osprey__shape_elements(y);
        r.width = osprey__shape_elements(y);
        r.chunk = 1;
    }
    run_rows(&r, add_task);
}

static void multiply_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const rows *r = context;
    size_t count, at = task_rows(r, task, &count) * r->width;
    r->run->plan->kernels->multiply_f32(count * r->width, r->x + at, r->y + at, r->out + at);
}

void osprey__cpu_multiply(const osprey__run *run, const osprey__step *step)
{
    rows r = begin_like_output(run, step);
    r.y = osprey__step_input(run, step, 1);
    run_rows(&r, multiply_task);
}

/* The mean of a sequence's rows, or of the tokens of a text, which shares none (sees_ahead). */
static void mean_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const rows *r = context;
    const osprey__shape *x = osprey__step_shape(r->run, r->step->node->inputs[0]);
    bool of_tokens = x->extent == OSPREY__PER_TOKEN;
    size_t first = of_tokens ? r->run->texts->starts[task] : task * x->dims[0];
    size_t positions = of_tokens ? r->run->texts->starts[task + 1] - first : x->dims[0];
    const float *in = r->x + first * r->width;
    float *out = r->out + task * r->width;
    memcpy(out, in, r->width * sizeof *out);
    for (size_t p = 1; p < positions; p++)
        for (size_t c = 0; c < r->width; c++) out[c] += in[p * r->width + c];
    for (size_t c = 0; c < r->width; c++) out[c] /= (float)positions;
}

void osprey__cpu_mean(const osprey__run *run, const osprey__step *step)
{
    const osprey__shape *x = osprey__step_shape(run, step->node->inputs[0]);
    rows r = begin(run, step, run->sequences, x->dims[x->rank - 1]);
    r.chunk = 1;
    run_rows(&r, mean_task);
}

/* The floats of input i that belong to a sequence; constants are the same for all. */
static const float *sequence_input(const rows *r, size_t i, size_t sequence, size_t *floats)
{
    const osprey__shape *shape = osprey__step_shape(r->run, r->step->node->inputs[i]);
    *floats = osprey__shape_elements(shape);
    size_t start = shape->extent == OSPREY__ONCE ? 0 : sequence * *floats;
    return osprey__step_input(r->run, r->step, i) + start;
}

static void concat_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const rows *r = context;
    float *out = r->out + task * r->width;
    for (size_t i = 0; i < 2; i++) {
        size_t floats;
        const float *part = sequence_input(r, i, task, &floats);
        memcpy(out, part, floats * sizeof *out);
        out += floats;
    }
}

void osprey__cpu_concat(const osprey__run *run, const osprey__step *step)
{
    size_t out_floats = osprey__shape_elements(osprey__step_shape(run, step->node->output));
    rows r = begin(run, step, run->sequences, out_floats);
    r.chunk = 1;
    run_rows(&r, concat_task);
}

void osprey__cpu_slice(const osprey__run *run, const osprey__step *step)
{
    const osprey__shape *x = osprey__step_shape(run, step->node->inputs[0]);
    const osprey__attributes *a = &step->node->attributes;
    size_t width = x->dims[1], floats = a->count * width;
    const float *in = osprey__step_input(run, step, 0);
    float *out = osprey__step_output(run, step);
    for (size_t sequence = 0; sequence < run->sequences; sequence++)
        memcpy(out + sequence * floats, in + (sequence * x->dims[0] + a->start) * width,
               floats * sizeof *out);
}

static void gather_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const rows *r = context;
    const osprey__value *table = &r->run->plan->graph->values[r->step->node->inputs[0]];
    const int32_t *index = osprey__run_value(r->run, r->step->node->inputs[1]);
    /* A constant table stays in the model's mapped file, in the file's type. */
    const char *base = table->kind == OSPREY__CONSTANT
                           ? table->data
                           : osprey__run_value(r->run, r->step->node->inputs[0]);
    size_t row_bytes = r->width * osprey__dtype_bytes(table->dtype);
    size_t count, first = task_rows(r, task, &count);
    for (size_t i = first; i < first + count; i++)
        osprey__to_f32(table->dtype, base + (size_t)index[i] * row_bytes, r->width,
                       r->out + i * r->width);
}

void osprey__cpu_gather(const osprey__run *run, const osprey__step *step)
{
    rows r = begin_like_output(run, step);
    run_rows(&r, gather_task);
}
