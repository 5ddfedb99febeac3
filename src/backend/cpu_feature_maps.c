/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on feature maps: rows of the result are the tasks, or channels of an image, or both. */
#include "backend/cpu_internal.h"

/* Channels that a task normalises, or filters, at least: two cache lines of a position. */
#define TASK_CHANNELS 32

/* Rows of a depthwise convolution's result that a task computes, at most: they share rows of the
 * input, while there are still enough tasks for the threads to end together. */
#define TASK_ROWS 16

typedef struct maps {
    const osprey__run *run;
    const osprey__step *step;
    const float *x;
    float *out;
    size_t in_floats, out_floats; /* of an image */
    size_t tasks;                 /* of an image */
    size_t channels;              /* group norm, depthwise: of a task */
} maps;

static maps begin(const osprey__run *run, const osprey__step *step)
{
    const osprey__shape *x = osprey__step_shape(run, step->node->inputs[0]);
    const osprey__shape *out = osprey__step_shape(run, step->node->output);
    return (maps){.run = run,
                  .step = step,
                  .x = osprey__step_input(run, step, 0),
                  .out = osprey__step_output(run, step),
                  .in_floats = osprey__shape_elements(x),
                  .out_floats = osprey__shape_elements(out),
                  .tasks = out->dims[0]};
}

static void run_maps(maps *m, osprey__task_function *function)
{
    osprey__thread_pool_run(m->run->pool, m->run->sequences * m->tasks, function, m);
}

static void average_pool_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const maps *m = context;
    const osprey__conv_shape *shape = &m->step->conv;
    const osprey__dtype dtype = m->run->plan->placements[m->step->node->inputs[0]].form.dtype;
    const size_t image = task / m->tasks, first = task % m->tasks * shape->out_width;
    m->run->plan->kernels->average_pool_f32(
        shape, dtype,
        (const char *)(const void *)m->x + image * m->in_floats * osprey__dtype_bytes(dtype), first,
        shape->out_width, m->out + image * m->out_floats + first * shape->channels);
}

void osprey__cpu_average_pool(const osprey__run *run, const osprey__step *step)
{
    maps m = begin(run, step);
    run_maps(&m, average_pool_task);
}

static void max_pool_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const maps *m = context;
    const osprey__conv_shape *shape = &m->step->conv;
    size_t image = task / m->tasks, first = task % m->tasks * shape->out_width;
    m->run->plan->kernels->max_pool_f32(shape, m->x + image * m->in_floats, first, shape->out_width,
                                        m->out + image * m->out_floats + first * shape->channels);
}

void osprey__cpu_max_pool(const osprey__run *run, const osprey__step *step)
{
    maps m = begin(run, step);
    run_maps(&m, max_pool_task);
}

/* Whole groups, and whole cache lines where groups allow it. */
static size_t task_channels(size_t channels, size_t groups)
{
    size_t group = channels / groups, count = group;
    while (count < TASK_CHANNELS || count % TASK_CHANNELS != 0) {
        count += group;
        if (count >= channels) return channels;
    }
    return count;
}

static void group_norm_task(void *context, size_t task, size_t thread)
{
    const maps *m = context;
    const osprey__node *node = m->step->node;
    const osprey__shape *shape = osprey__step_shape(m->run, node->output);
    size_t channels = shape->dims[2], first = task % m->tasks * m->channels;
    size_t at = task / m->tasks * m->out_floats + first;
    const float *residual = osprey__step_input(m->run, m->step, 3);
    m->run->plan->kernels->group_norm_f32(&(osprey__group_norm_f32_args){
        .positions = shape->dims[0] * shape->dims[1],
        .channels = osprey__smaller(m->channels, channels - first),
        .group_channels = channels / node->attributes.groups,
        .stride = channels,
        .x = m->x + at,
        .scale = osprey__step_input(m->run, m->step, 1) + first,
        .shift = osprey__step_input(m->run, m->step, 2) + first,
        .epsilon = node->attributes.epsilon,
        .residual = residual ? residual + at : NULL,
        .activation = node->attributes.activation,
        .out = m->out + at,
        .factors = m->run->scratch + thread * m->run->scratch_floats,
    });
}

void osprey__cpu_group_norm(const osprey__run *run, const osprey__step *step)
{
    maps m = begin(run, step);
    size_t channels = osprey__step_shape(run, step->node->output)->dims[2];
    m.channels = task_channels(channels, step->node->attributes.groups);
    m.tasks = osprey__divide_up(channels, m.channels);
    run_maps(&m, group_norm_task);
}

size_t osprey__cpu_group_norm_scratch_floats(const osprey__plan *plan)
{
    size_t most = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        size_t channels = plan->placements[node->output].form.width;
        if (node->op == OSPREY__OP_GROUP_NORM && channels > most) most = channels;
    }
    return 2 * most;
}

static void depthwise_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const maps *m = context;
    const osprey__conv_shape *shape = &m->step->conv;
    size_t channel_blocks = osprey__divide_up(shape->channels, m->channels);
    size_t image = task / m->tasks, first_row = task % m->tasks / channel_blocks * TASK_ROWS;
    size_t first_channel = task % channel_blocks * m->channels;
    m->run->plan->kernels->depthwise_f32(&(osprey__depthwise_f32_args){
        .shape = shape,
        .multiplier = osprey__step_shape(m->run, m->step->node->inputs[1])->dims[0],
        .image = m->x + image * m->in_floats,
        .filter = osprey__step_input(m->run, m->step, 1),
        .bias = osprey__step_input(m->run, m->step, 2),
        .activation = m->step->node->attributes.activation,
        .first_channel = first_channel,
        .channel_count = osprey__smaller(m->channels, shape->channels - first_channel),
        .first_row = first_row,
        .row_count = osprey__smaller(TASK_ROWS, shape->out_height - first_row),
        .out = m->out + image * m->out_floats,
    });
}

void osprey__cpu_depthwise(const osprey__run *run, const osprey__step *step)
{
    maps m = begin(run, step);
    m.channels = TASK_CHANNELS;
    m.tasks = osprey__divide_up(step->conv.out_height, TASK_ROWS) *
              osprey__divide_up(step->conv.channels, TASK_CHANNELS);
    run_maps(&m, depthwise_task);
}

static void gate_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    const maps *m = context;
    size_t width = osprey__step_shape(m->run, m->step->node->output)->dims[2];
    size_t at = task * (m->out_floats / m->tasks);
    m->run->plan->kernels->gate_f32(&(osprey__gate_f32_args){
        .rows = m->out_floats / m->tasks / width,
        .width = width,
        .x = m->x + at,
        .gate = osprey__step_input(m->run, m->step, 1) + task / m->tasks * width,
        .activation = m->step->node->attributes.activation,
        .out = m->out + at,
    });
}

void osprey__cpu_gate(const osprey__run *run, const osprey__step *step)
{
    maps m = begin(run, step);
    run_maps(&m, gate_task);
}
