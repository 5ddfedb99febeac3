/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conv2d -> batch_norm becomes conv2d with other weights and a bias: at inference the norm is
 *     y = (x - mean) / sqrt(variance + epsilon) * scale + shift,
 * so the factor scale / sqrt(variance + epsilon) goes into the filter of each output channel.
 */
#include "base/memory.h"
#include "base/status.h"
#include "passes/passes.h"

#include <math.h>

enum { SCALE, SHIFT, MEAN, VARIANCE, VECTORS }; /* the norm's inputs 1 and on */

static osprey_status fold_vectors(osprey__graph *graph, osprey__node *conv,
                                  const osprey__node *norm, float *const vectors[VECTORS],
                                  osprey_error *error)
{
    float *filter = osprey__graph_edit_constant(graph, &conv->inputs[1]);
    float *bias = osprey__graph_edit_bias(graph, conv);
    if (!filter || !bias) return osprey__graph_status(graph, error);
    const osprey__shape *shape = &graph->values[conv->inputs[1]].shape;
    size_t channels = shape->dims[0], per_channel = osprey__shape_elements(shape) / channels;
    for (size_t c = 0; c < channels; c++) {
        double deviation = sqrt((double)vectors[VARIANCE][c] + (double)norm->attributes.epsilon);
        double factor = vectors[SCALE][c] / deviation;
        for (size_t i = 0; i < per_channel; i++)
            filter[c * per_channel + i] = (float)(filter[c * per_channel + i] * factor);
        bias[c] = (float)(vectors[SHIFT][c] + ((double)bias[c] - vectors[MEAN][c]) * factor);
    }
    conv->output = norm->output;
    return OSPREY_OK;
}

static osprey_status fold_into(osprey__graph *graph, osprey__node *conv, const osprey__node *norm,
                               osprey_error *error)
{
    float *vectors[VECTORS] = {0};
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < VECTORS && status == OSPREY_OK; i++) {
        const osprey__value *value = &graph->values[norm->inputs[i + 1]];
        vectors[i] = osprey__graph_constant_f32(value);
        if (!vectors[i])
            status =
                osprey__fail_memory(error, osprey__shape_elements(&value->shape) * sizeof(float));
    }
    if (status == OSPREY_OK) status = fold_vectors(graph, conv, norm, vectors, error);
    for (size_t i = 0; i < VECTORS; i++) osprey__free(vectors[i]);
    return status;
}

osprey_status osprey__fold_batch_norm(osprey__graph *graph, osprey_error *error)
{
    bool *remove = osprey__calloc(graph->node_count, sizeof *remove);
    if (!remove) return osprey__fail_memory(error, graph->node_count);
    osprey_status status = OSPREY_OK;
    for (size_t n = 0; n < graph->node_count && status == OSPREY_OK; n++) {
        osprey__node *norm = &graph->nodes[n];
        if (norm->op != OSPREY__OP_BATCH_NORM) continue;
        size_t producer = osprey__graph_producer(graph, norm->inputs[0]);
        if (producer == SIZE_MAX || graph->nodes[producer].op != OSPREY__OP_CONV2D ||
            osprey__graph_uses(graph, norm->inputs[0]) != 1)
            continue;
        status = fold_into(graph, &graph->nodes[producer], norm, error);
        remove[n] = status == OSPREY_OK;
    }
    if (status == OSPREY_OK) osprey__graph_remove_nodes(graph, remove);
    osprey__free(remove);
    return status;
}
