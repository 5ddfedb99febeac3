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

/* Everything as floats, read once. */
typedef struct folding {
    float *vectors[5]; /* scale, shift, mean, variance; the convolution's own bias or NULL */
    float *filter;
} folding;

static bool read_constants(const osprey__graph *graph, const osprey__node *conv,
                           const osprey__node *norm, folding *fold)
{
    for (size_t i = 0; i < 4; i++) {
        fold->vectors[i] = osprey__graph_constant_f32(&graph->values[norm->inputs[i + 1]]);
        if (!fold->vectors[i]) return false;
    }
    if (conv->inputs[2] != OSPREY__NO_VALUE) {
        fold->vectors[4] = osprey__graph_constant_f32(&graph->values[conv->inputs[2]]);
        if (!fold->vectors[4]) return false;
    }
    fold->filter = osprey__graph_constant_f32(&graph->values[conv->inputs[1]]);
    return fold->filter != NULL;
}

static void free_constants(folding *fold)
{
    for (size_t i = 0; i < 5; i++) osprey__free(fold->vectors[i]);
    osprey__free(fold->filter);
}

static osprey_status fold_into(osprey__graph *graph, osprey__node *conv, const osprey__node *norm,
                               osprey_error *error)
{
    folding fold = {0};
    float *weight = NULL, *bias = NULL;
    osprey__value_id weight_id = OSPREY__NO_VALUE, bias_id = OSPREY__NO_VALUE;
    /* Copies: adding values may move the list. */
    osprey__value old = graph->values[conv->inputs[1]];
    size_t channels = old.shape.dims[0];
    if (read_constants(graph, conv, norm, &fold)) {
        weight_id = osprey__graph_new_constant(graph, old.name, 4, old.shape.dims, &weight);
        bias_id = osprey__graph_new_constant(graph, graph->values[norm->output].name, 1, &channels,
                                             &bias);
    }
    if (weight_id == OSPREY__NO_VALUE || bias_id == OSPREY__NO_VALUE) {
        free_constants(&fold);
        return osprey__fail_memory(error, osprey__shape_elements(&old.shape) * sizeof(float));
    }
    size_t per_channel = osprey__shape_elements(&old.shape) / channels;
    for (size_t c = 0; c < channels; c++) {
        const float *const *v = (const float *const *)fold.vectors;
        double factor = v[0][c] / sqrt((double)v[3][c] + (double)norm->attributes.epsilon);
        for (size_t i = 0; i < per_channel; i++)
            weight[c * per_channel + i] = (float)(fold.filter[c * per_channel + i] * factor);
        double own_bias = v[4] ? (double)v[4][c] : 0;
        bias[c] = (float)(v[1][c] + (own_bias - v[2][c]) * factor);
    }
    free_constants(&fold);
    conv->inputs[1] = weight_id;
    conv->inputs[2] = bias_id;
    conv->output = norm->output;
    return OSPREY_OK;
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
