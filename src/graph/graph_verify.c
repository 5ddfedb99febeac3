/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "graph/graph.h"

static osprey_status verify_node(const osprey__graph *graph, const osprey__node *node,
                                 bool *available, osprey_error *error)
{
    osprey__shape shape;
    OSPREY_TRY(osprey__graph_infer_shape(graph, node, &shape, error));
    const char *name = graph->values[node->output].name;
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
        if (node->inputs[i] != OSPREY__NO_VALUE && !available[node->inputs[i]])
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, name,
                                "uses \"%s\" before it is "
                                "computed",
                                graph->values[node->inputs[i]].name);
    if (available[node->output])
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, name, "is computed twice");
    if (!osprey__shape_equal(&shape, &graph->values[node->output].shape))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, name,
                            "has not the shape that its %s "
                            "gives",
                            osprey__op_name(node->op));
    available[node->output] = true;
    return OSPREY_OK;
}

osprey_status osprey__graph_verify(const osprey__graph *graph, osprey_error *error)
{
    bool *available = osprey__calloc(graph->value_count, sizeof *available);
    if (!available) return osprey__fail_memory(error, graph->value_count);
    for (size_t v = 0; v < graph->value_count; v++)
        available[v] = graph->values[v].kind != OSPREY__COMPUTED;
    osprey_status status = OSPREY_OK;
    for (size_t n = 0; n < graph->node_count && status == OSPREY_OK; n++)
        status = verify_node(graph, &graph->nodes[n], available, error);
    if (status == OSPREY_OK && (graph->output >= graph->value_count || !available[graph->output]))
        status = osprey__fail(error, OSPREY_INVALID_ARGUMENT, graph->name,
                              "the output is never "
                              "computed");
    osprey__free(available);
    return status;
}
