/* SPDX-License-Identifier: Apache-2.0 */
#include "passes/prune_columns.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

osprey__node *osprey__only_reader(osprey__graph *graph, osprey__value_id value)
{
    if (osprey__graph_uses(graph, value) != 1) return NULL;
    for (size_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op == OSPREY__OP_LINEAR && graph->nodes[n].inputs[0] == value)
            return &graph->nodes[n];
    return NULL;
}

void osprey__set_width(osprey__graph *graph, osprey__value_id value, size_t width)
{
    osprey__shape *shape = &graph->values[value].shape;
    shape->dims[shape->rank - 1] = width;
}

osprey_status osprey__prunes_nothing(const osprey__graph *graph, const char *word, const char *what,
                                     float fraction, size_t count, osprey_error *error)
{
    if (count == 1)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "prune",
                            "the layers of the %s tower have too few %s for one to go: 1",
                            graph->name, what);
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "prune",
                        "%s=%g removes none of the %zu %s of a layer of the %s tower; %s=%.2g "
                        "would remove one",
                        word, (double)fraction, count, what, graph->name, word, 1 / (double)count);
}

/* A constant as [outer][groups][run] elements: run is a group's width times what lies within. */
typedef struct axis {
    size_t outer, run;
} axis;

static axis axis_of(const osprey__shape *shape, size_t dim, size_t groups)
{
    axis a = {1, shape->dims[dim] / groups};
    for (size_t i = 0; i < dim; i++) a.outer *= shape->dims[i];
    for (size_t i = dim + 1; i < shape->rank; i++) a.run *= shape->dims[i];
    return a;
}

/* The dimension of a linear's weight that its outputs, or inputs, are. */
static size_t weight_dim(const osprey__node *linear, bool outputs)
{
    return linear->attributes.transposed == outputs ? 1 : 0;
}

/* Adds the squares of each group's elements of the linear's weight to its score. */
static osprey_status add_squares(const osprey__graph *graph, const osprey__node *linear,
                                 bool outputs, size_t groups, double *scores, osprey_error *error)
{
    const osprey__value *value = &graph->values[linear->inputs[1]];
    const axis a = axis_of(&value->shape, weight_dim(linear, outputs), groups);
    float *weight = osprey__graph_constant_f32(value);
    if (!weight)
        return osprey__fail_memory(error, osprey__shape_elements(&value->shape) * sizeof *weight);
    const float *at = weight;
    for (size_t o = 0; o < a.outer; o++)
        for (size_t g = 0; g < groups; g++)
            for (size_t i = 0; i < a.run; i++, at++) scores[g] += (double)*at * (double)*at;
    osprey__free(weight);
    return OSPREY_OK;
}

static osprey_status score_by_magnitude(const osprey__graph *graph,
                                        const osprey__pruned_columns *columns, double *scores,
                                        osprey_error *error)
{
    for (size_t w = 0; w < columns->writer_count; w++)
        OSPREY_TRY(add_squares(graph, columns->writers[w], true, columns->groups, scores, error));
    return add_squares(graph, columns->reader, false, columns->groups, scores, error);
}

/* Covariance of columns i and j of the group. */
static double covariance(const osprey__activity *activity, size_t group, size_t i, size_t j)
{
    size_t width = activity->width;
    const double *sums = activity->sums + group * width;
    const double *products = activity->products + group * width * width;
    double rows = (double)activity->rows;
    return products[i * width + j] / rows - sums[i] / rows * (sums[j] / rows);
}

/*
 * The mean square of what the reader's result loses with the group, when its mean goes into the
 * bias: the trace of W C W^T, with the group's columns of the weight and their covariance.
 */
static osprey_status score_by_activity(const osprey__graph *graph, const osprey__node *reader,
                                       const osprey__activity *activity, double *scores,
                                       osprey_error *error)
{
    const osprey__value *value = &graph->values[reader->inputs[1]];
    float *weight = osprey__graph_constant_f32(value);
    if (!weight)
        return osprey__fail_memory(error, osprey__shape_elements(&value->shape) * sizeof *weight);
    bool transposed = reader->attributes.transposed;
    size_t out = value->shape.dims[transposed ? 1 : 0], in = activity->groups * activity->width;
    size_t column_step = transposed ? out : 1, row_step = transposed ? 1 : in;
    for (size_t g = 0; g < activity->groups; g++)
        for (size_t i = 0; i < activity->width; i++)
            for (size_t j = 0; j < activity->width; j++) {
                const float *a = weight + (g * activity->width + i) * column_step;
                const float *b = weight + (g * activity->width + j) * column_step;
                double dot = 0;
                for (size_t o = 0; o < out; o++)
                    dot += (double)a[o * row_step] * (double)b[o * row_step];
                scores[g] += dot * covariance(activity, g, i, j);
            }
    osprey__free(weight);
    return OSPREY_OK;
}

/* The activity of what the reader reads; NULL where there is none. */
static const osprey__activity *find_activity(const osprey__graph *graph,
                                             const osprey__pruned_columns *columns,
                                             const osprey__reductions *how)
{
    const char *name = graph->values[columns->reader->inputs[1]].name;
    for (size_t i = 0; i < how->activity_count; i++) {
        const osprey__activity *activity = &how->activities[i];
        if (activity->rows && strcmp(activity->weight, name) == 0 &&
            activity->groups == columns->groups && activity->width == columns->width)
            return activity;
    }
    return NULL;
}

/* Sets remove for the count groups of the lowest scores, of equal ones the later. */
static void choose(const double *scores, size_t groups, size_t count, bool *remove)
{
    for (size_t chosen = 0; chosen < count; chosen++) {
        size_t least = SIZE_MAX;
        for (size_t g = groups; g-- > 0;)
            if (!remove[g] && (least == SIZE_MAX || scores[g] < scores[least])) least = g;
        remove[least] = true;
    }
}

/* What the removed columns gave on average goes into the reader's bias. */
static osprey_status keep_mean(osprey__graph *graph, osprey__node *reader,
                               const osprey__activity *activity, const bool *remove,
                               osprey_error *error)
{
    float *bias = osprey__graph_edit_bias(graph, reader);
    if (!bias) return osprey__graph_status(graph, error);
    const osprey__value *value = &graph->values[reader->inputs[1]];
    float *weight = osprey__graph_constant_f32(value);
    if (!weight)
        return osprey__fail_memory(error, osprey__shape_elements(&value->shape) * sizeof *weight);
    bool transposed = reader->attributes.transposed;
    size_t out = value->shape.dims[transposed ? 1 : 0], in = activity->groups * activity->width;
    for (size_t o = 0; o < out; o++) {
        double sum = 0;
        for (size_t i = 0; i < in; i++)
            if (remove[i / activity->width])
                sum += (double)weight[transposed ? i * out + o : o * in + i] * activity->sums[i];
        bias[o] = (float)((double)bias[o] + sum / (double)activity->rows);
    }
    osprey__free(weight);
    return OSPREY_OK;
}

/* Takes the groups out of dimension dim of the constant *id. */
static osprey_status cut(osprey__graph *graph, osprey__value_id *id, size_t dim, size_t groups,
                         const bool *remove, const osprey__reductions *how, osprey_error *error)
{
    /* A copy: adding a value may move the list. */
    const osprey__value old = graph->values[*id];
    const axis a = axis_of(&old.shape, dim, groups);
    osprey__shape shape = old.shape;
    for (size_t g = 0; g < groups; g++)
        if (remove[g]) shape.dims[dim] -= old.shape.dims[dim] / groups;
    float *to;
    osprey__value_id made =
        osprey__graph_new_constant(graph, old.name, shape.rank, shape.dims, &to);
    if (made == OSPREY__NO_VALUE) return osprey__graph_status(graph, error);
    const char *from = old.data;
    size_t run_bytes = a.run * osprey__dtype_bytes(old.dtype);
    for (size_t i = 0; i < a.outer * groups; i++, from += run_bytes) {
        if (remove[i % groups]) continue;
        osprey__to_f32(old.dtype, from, a.run, to);
        to += a.run;
    }
    osprey__value_id before = *id;
    *id = made;
    osprey__graph_release_unused(graph, before);
    if (how->reduced)
        how->reduced->parameters +=
            osprey__shape_elements(&old.shape) - osprey__shape_elements(&shape);
    return OSPREY_OK;
}

static osprey_status cut_all(osprey__graph *graph, const osprey__pruned_columns *columns,
                             const bool *remove, size_t left, const osprey__reductions *how,
                             osprey_error *error)
{
    for (size_t w = 0; w < columns->writer_count; w++) {
        osprey__node *writer = columns->writers[w];
        OSPREY_TRY(cut(graph, &writer->inputs[1], weight_dim(writer, true), columns->groups, remove,
                       how, error));
        if (writer->inputs[2] != OSPREY__NO_VALUE)
            OSPREY_TRY(cut(graph, &writer->inputs[2], 0, columns->groups, remove, how, error));
        osprey__set_width(graph, writer->output, left * columns->width);
    }
    osprey__node *reader = columns->reader;
    return cut(graph, &reader->inputs[1], weight_dim(reader, false), columns->groups, remove, how,
               error);
}

osprey_status osprey__prune_columns(osprey__graph *graph, const osprey__pruned_columns *columns,
                                    float fraction, const osprey__reductions *how, size_t *removed,
                                    osprey_error *error)
{
    size_t groups = columns->groups, count = (size_t)lround((double)fraction * (double)groups);
    *removed = count < groups ? count : groups - 1;
    if (!*removed) return OSPREY_OK;
    osprey_status status;
    const osprey__activity *activity = find_activity(graph, columns, how);
    double *scores = osprey__calloc(groups, sizeof *scores);
    bool *remove = osprey__calloc(groups, sizeof *remove);
    if (!scores || !remove) {
        status = osprey__fail_memory(error, groups * sizeof *scores);
        goto fail;
    }
    OSPREY_TRY_GOTO(activity ? score_by_activity(graph, columns->reader, activity, scores, error)
                             : score_by_magnitude(graph, columns, scores, error));
    choose(scores, groups, *removed, remove);
    if (activity) OSPREY_TRY_GOTO(keep_mean(graph, columns->reader, activity, remove, error));
    status = cut_all(graph, columns, remove, groups - *removed, how, error);
fail:
    osprey__free(scores);
    osprey__free(remove);
    return status;
}
