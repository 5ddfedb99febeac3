/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The factor of q . k in attention goes into the linear that computes q, whose weight and bias are
 * multiplied by it once instead of every score at every run.
 */
#include "base/status.h"
#include "passes/passes.h"

static osprey_status scale_constant(osprey__graph *graph, osprey__value_id *id, float scale,
                                    osprey_error *error)
{
    float *data = osprey__graph_edit_constant(graph, id);
    if (!data) return osprey__graph_status(graph, error);
    size_t elements = osprey__shape_elements(&graph->values[*id].shape);
    for (size_t i = 0; i < elements; i++) data[i] *= scale;
    return OSPREY_OK;
}

osprey_status osprey__fold_attention_scale(osprey__graph *graph, osprey_error *error)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        osprey__node *attention = &graph->nodes[n];
        if (attention->op != OSPREY__OP_ATTENTION || attention->attributes.scale == 1) continue;
        osprey__node *linear = osprey__plain_writer(graph, attention->inputs[0]);
        if (!linear) continue;
        float scale = attention->attributes.scale;
        OSPREY_TRY(scale_constant(graph, &linear->inputs[1], scale, error));
        if (linear->inputs[2] != OSPREY__NO_VALUE)
            OSPREY_TRY(scale_constant(graph, &linear->inputs[2], scale, error));
        attention->attributes.scale = 1;
    }
    return OSPREY_OK;
}
