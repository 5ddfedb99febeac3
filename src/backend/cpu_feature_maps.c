/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on feature maps: rows of the result are the tasks, or channels of an image. */
#include "backend/cpu_internal.h"

/* Channels that a task normalises, at least: two cache lines of a position. */
#define TASK_CHANNELS 32

typedef struct maps {
    const osprey__run *run;
    const osprey__step *step;
    const float *x;
    float *out;
    size_t in_floats, out_floats; /* of an image */
    size_t tasks;                 /* of an image */
    size_t channels;              /* group norm: of a task */
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
    const osprey__conv_shape *in = &m->step->conv;
    size_t size = m->step->node->attributes.size;
    size_t image = task / m->tasks, row = task % m->tasks;
    m->run->plan->kernels->average_pool_f32(
        size, in->width, in->channels, size,
        m->x + image * m->in_floats + row * size * in->width * in->channels,
        m->out + image * m->out_floats + row * (m->out_floats / m->tasks));
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
