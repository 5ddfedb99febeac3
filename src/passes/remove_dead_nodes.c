/* SPDX-License-Identifier: Apache-2.0 */
/* Takes out the nodes from which no way leads to the output, and frees the constants of such. */
#include "base/memory.h"
#include "base/status.h"
#include "passes/passes.h"

osprey_status osprey__remove_dead_nodes(osprey__graph *graph, osprey_error *error)
{
    bool *needed = osprey__calloc(graph->value_count, sizeof *needed);
    if (!needed) return osprey__fail_memory(error, graph->value_count);
    needed[graph->output] = true;
    for (size_t n = graph->node_count; n-- > 0;) {
        const osprey__node *node = &graph->nodes[n];
        if (!needed[node->output]) {
            osprey__graph_remove_node(graph, n);
            continue;
        }
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
            if (node->inputs[i] != OSPREY__NO_VALUE) needed[node->inputs[i]] = true;
    }
    for (osprey__value_id v = 0; v < graph->value_count; v++)
        if (!needed[v]) osprey__graph_release(graph, v);
    osprey__free(needed);
    return OSPREY_OK;
}
