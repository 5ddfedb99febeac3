/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scale and shift of a layer norm go into the linears that read it:
 *     W (scale * n + shift) + b = (W diag(scale)) n + (b + W shift).
 * All of its readers have to be such; what else reads it (a residual, a slice) needs both in place.
 * Convolutions are left alone, as padding puts in zeros behind the norm.
 */
#include "base/memory.h"
#include "base/status.h"
#include "passes/passes.h"

/* Whether the node reads value as the x of a linear and nowhere else. */
static bool is_linear_of(const osprey__node *node, osprey__value_id value)
{
    if (node->op != OSPREY__OP_LINEAR || node->inputs[0] != value) return false;
    for (size_t i = 1; i < OSPREY__MAX_INPUTS; i++)
        if (node->inputs[i] == value) return false;
    return true;
}

static size_t linears_of(const osprey__graph *graph, osprey__value_id value)
{
    size_t linears = 0;
    for (size_t n = 0; n < graph->node_count; n++) linears += is_linear_of(&graph->nodes[n], value);
    return linears;
}

/* scale and shift are as wide as the linear's input; either may be NULL. */
static osprey_status fold_into(osprey__graph *graph, osprey__node *linear, const float *scale,
                               const float *shift, osprey_error *error)
{
    float *weight = osprey__graph_edit_constant(graph, &linear->inputs[1]);
    float *bias = shift ? osprey__graph_edit_bias(graph, linear) : NULL;
    if (!weight || (shift && !bias)) return osprey__graph_status(graph, error);
    const osprey__shape *shape = &graph->values[linear->inputs[1]].shape;
    bool transposed = linear->attributes.transposed;
    size_t out = shape->dims[transposed ? 1 : 0], in = shape->dims[transposed ? 0 : 1];
    for (size_t o = 0; o < out; o++) {
        double sum = 0;
        for (size_t i = 0; i < in; i++) {
            float *w = &weight[transposed ? i * out + o : o * in + i];
            if (shift) sum += (double)*w * (double)shift[i];
            if (scale) *w *= scale[i];
        }
        if (shift) bias[o] = (float)(sum + (double)bias[o]);
    }
    return OSPREY_OK;
}

/* The norm's input i as floats into *floats; NULL where it is absent. */
static osprey_status read_vector(const osprey__graph *graph, const osprey__node *norm, size_t i,
                                 float **floats, osprey_error *error)
{
    *floats = NULL;
    if (norm->inputs[i] == OSPREY__NO_VALUE) return OSPREY_OK;
    const osprey__value *value = &graph->values[norm->inputs[i]];
    *floats = osprey__graph_constant_f32(value);
    if (*floats) return OSPREY_OK;
    return osprey__fail_memory(error, osprey__shape_elements(&value->shape) * sizeof **floats);
}

static osprey_status fold_norm(osprey__graph *graph, osprey__node *norm, osprey_error *error)
{
    float *scale = NULL, *shift = NULL;
    osprey_status status;
    OSPREY_TRY_GOTO(read_vector(graph, norm, 1, &scale, error));
    OSPREY_TRY_GOTO(read_vector(graph, norm, 2, &shift, error));
    for (size_t n = 0; n < graph->node_count; n++)
        if (is_linear_of(&graph->nodes[n], norm->output))
            OSPREY_TRY_GOTO(fold_into(graph, &graph->nodes[n], scale, shift, error));
    for (size_t i = 1; i <= 2; i++) {
        osprey__value_id vector = norm->inputs[i];
        norm->inputs[i] = OSPREY__NO_VALUE;
        if (vector != OSPREY__NO_VALUE) osprey__graph_release_unused(graph, vector);
    }
fail:
    osprey__free(scale);
    osprey__free(shift);
    return status;
}

osprey_status osprey__fold_layer_norm(osprey__graph *graph, osprey_error *error)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        osprey__node *norm = &graph->nodes[n];
        bool has_vectors =
            norm->inputs[1] != OSPREY__NO_VALUE || norm->inputs[2] != OSPREY__NO_VALUE;
        if (norm->op != OSPREY__OP_LAYER_NORM || !has_vectors) continue;
        size_t linears = linears_of(graph, norm->output);
        if (linears && linears == osprey__graph_uses(graph, norm->output))
            OSPREY_TRY(fold_norm(graph, norm, error));
    }
    return OSPREY_OK;
}
