/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention heads that matter least go: their rows of the linears that compute q, k and v, and
 * their columns of the linear that reads what attention mixed.
 */
#include "base/status.h"
#include "passes/passes.h"
#include "passes/prune_columns.h"

/* The columns of the attention's heads, if linears alone write and read them. */
static bool find_heads(osprey__graph *graph, const osprey__node *attention,
                       osprey__pruned_columns *found)
{
    const osprey__attributes *a = &attention->attributes;
    *found = (osprey__pruned_columns){.groups = a->heads, .width = a->head_dim};
    for (; found->writer_count < 3; found->writer_count++) {
        osprey__value_id value = attention->inputs[found->writer_count];
        const osprey__shape *shape = &graph->values[value].shape;
        osprey__node *writer = osprey__plain_writer(graph, value);
        if (!writer || shape->dims[shape->rank - 1] != a->heads * a->head_dim) return false;
        found->writers[found->writer_count] = writer;
    }
    found->reader = osprey__only_reader(graph, attention->output);
    return found->reader;
}

osprey_status osprey__prune_heads(osprey__graph *graph, const osprey__reductions *how,
                                  osprey_error *error)
{
    size_t layers = 0, heads = 0, removed = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        osprey__node *attention = &graph->nodes[n];
        osprey__pruned_columns columns;
        if (attention->op != OSPREY__OP_ATTENTION || !find_heads(graph, attention, &columns))
            continue;
        OSPREY_TRY(osprey__prune_columns(graph, &columns, how->heads, how, &removed, error));
        heads = columns.groups;
        attention->attributes.heads -= removed;
        osprey__set_width(graph, attention->output, (heads - removed) * columns.width);
        layers++;
    }
    if (layers && !removed)
        return osprey__prunes_nothing(graph, "heads", "heads", how->heads, heads, error);
    if (how->reduced) how->reduced->heads += removed;
    return OSPREY_OK;
}
