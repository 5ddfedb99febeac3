/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/layer_activity.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/calibration_run.h"
#include "session/session_data.h"

#include <math.h>
#include <stdint.h>

typedef struct watching {
    osprey__activities *activities;
    size_t *of_step; /* an index of activities; SIZE_MAX: none */
} watching;

/* The columns of a linear's x that stay or go together: a head's, or one behind an activation. */
static size_t group_width(const osprey__graph *graph, const osprey__node *node)
{
    if (node->op != OSPREY__OP_LINEAR) return 0;
    size_t producer = osprey__graph_producer(graph, node->inputs[0]);
    if (producer == SIZE_MAX) return 0;
    const osprey__node *before = &graph->nodes[producer];
    if (before->op == OSPREY__OP_ATTENTION) return before->attributes.head_dim;
    if (before->op != OSPREY__OP_LINEAR) return 0;
    /* What has become of an attention with one query. */
    const osprey__shape *shape = &graph->values[before->output].shape;
    const size_t groups = osprey__linear_groups(before);
    if (groups > 1) return shape->dims[shape->rank - 1] / groups;
    return before->attributes.activation ? 1 : 0;
}

static osprey_status add_activity(osprey__activities *activities, const char *weight, size_t groups,
                                  size_t width, osprey_error *error)
{
    if (activities->count == activities->capacity) {
        size_t more = activities->capacity ? 2 * activities->capacity : 64;
        void *grown = osprey__realloc(activities->items, more, sizeof *activities->items);
        if (!grown) return osprey__fail_memory(error, more * sizeof *activities->items);
        activities->items = grown;
        activities->capacity = more;
    }
    osprey__activity *made = &activities->items[activities->count++];
    *made = (osprey__activity){.weight = osprey__strdup(weight), .groups = groups, .width = width};
    made->sums = osprey__calloc(groups * width, sizeof *made->sums);
    made->products = osprey__calloc(groups * width * width, sizeof *made->products);
    if (made->weight && made->sums && made->products) return OSPREY_OK;
    return osprey__fail_memory(error, groups * width * width * sizeof *made->products);
}

static osprey_status find_steps(const osprey__plan *plan, watching *w, osprey_error *error)
{
    const osprey__graph *graph = plan->graph;
    w->of_step = osprey__calloc(plan->step_count, sizeof *w->of_step);
    if (!w->of_step) return osprey__fail_memory(error, plan->step_count * sizeof *w->of_step);
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        size_t width = group_width(graph, node);
        w->of_step[s] = width ? w->activities->count : SIZE_MAX;
        if (!width) continue;
        size_t columns = plan->steps[s].in_channels;
        OSPREY_TRY(add_activity(w->activities, graph->values[node->inputs[1]].name, columns / width,
                                width, error));
    }
    return OSPREY_OK;
}

static void add_row(osprey__activity *activity, const float *row)
{
    size_t width = activity->width;
    for (size_t g = 0; g < activity->groups; g++, row += width) {
        double *sums = activity->sums + g * width;
        double *products = activity->products + g * width * width;
        for (size_t i = 0; i < width; i++) {
            sums[i] += (double)row[i];
            for (size_t j = 0; j < width; j++)
                products[i * width + j] += (double)row[i] * (double)row[j];
        }
    }
    activity->rows++;
}

/* A step observer. In fp32 what the step reads are floats. */
static void observe(void *context, const osprey__run *run, size_t step)
{
    const watching *w = context;
    if (step == run->plan->step_count || w->of_step[step] == SIZE_MAX) return;
    osprey__activity *activity = &w->activities->items[w->of_step[step]];
    osprey__run_rows rows = osprey__run_get_rows(run, run->plan->steps[step].node->inputs[0]);
    for (size_t row = 0; row < rows.count; row++)
        add_row(activity, (const float *)(rows.first + row * rows.form->stride));
}

static osprey_status measure_tower(const osprey_model *model, osprey_tower tower,
                                   const osprey_engine_calibration *how,
                                   osprey__activities *activities, osprey_error *error)
{
    const osprey_session_options fp32 = {.towers = tower};
    watching w = {.activities = activities};
    osprey_session *session;
    OSPREY_TRY(osprey_session_create(model, &fp32, &session, error));
    const osprey__tower *at = tower == OSPREY_TOWER_IMAGE ? &session->image : &session->text;
    osprey_status status = find_steps(at->plan, &w, error);
    session->observer = observe;
    session->observer_context = &w;
    if (status == OSPREY_OK) status = osprey__calibration_run(how, session, tower, error);
    osprey__free(w.of_step);
    osprey_session_free(session);
    return status;
}

/* A layer that gives NaN or infinity cannot be weighed. */
static osprey_status check_finite(const osprey__activities *activities, osprey_error *error)
{
    for (size_t a = 0; a < activities->count; a++) {
        const osprey__activity *activity = &activities->items[a];
        for (size_t i = 0; i < activity->groups * activity->width * activity->width; i++)
            if (!isfinite(activity->products[i]))
                return osprey__fail(error, OSPREY_INVALID_ARGUMENT, activity->weight,
                                    "the images or prompts that calibrate give what this layer "
                                    "reads NaN or infinity in fp32");
    }
    return OSPREY_OK;
}

osprey_status osprey__activities_measure(const osprey_model *model, osprey_tower towers,
                                         const osprey_engine_calibration *how,
                                         osprey__activities *activities, osprey_error *error)
{
    if (towers & OSPREY_TOWER_IMAGE)
        OSPREY_TRY(measure_tower(model, OSPREY_TOWER_IMAGE, how, activities, error));
    if (towers & OSPREY_TOWER_TEXT)
        OSPREY_TRY(measure_tower(model, OSPREY_TOWER_TEXT, how, activities, error));
    return check_finite(activities, error);
}

void osprey__activities_free(osprey__activities *activities)
{
    for (size_t a = 0; a < activities->count; a++) {
        osprey__free((void *)(uintptr_t)activities->items[a].weight);
        osprey__free(activities->items[a].sums);
        osprey__free(activities->items[a].products);
    }
    osprey__free(activities->items);
    *activities = (osprey__activities){0};
}
