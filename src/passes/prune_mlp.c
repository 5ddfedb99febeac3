/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hidden channels of the MLPs that matter least go: their rows of the linear before the activation,
 * and their columns of the linear behind it.
 */
#include "base/status.h"
#include "passes/passes.h"
#include "passes/prune_columns.h"

/* The channels between the linears around the activation, if it stands between two. */
static bool find_channels(osprey__graph *graph, const osprey__node *activation,
                          osprey__pruned_columns *found)
{
    const osprey__shape *shape = &graph->values[activation->output].shape;
    osprey__node *writer = osprey__plain_writer(graph, activation->inputs[0]);
    osprey__node *reader = osprey__only_reader(graph, activation->output);
    if (!writer || !reader) return false;
    *found = (osprey__pruned_columns){
        .writers = {writer},
        .writer_count = 1,
        .reader = reader,
        .groups = shape->dims[shape->rank - 1],
        .width = 1,
    };
    return true;
}

osprey_status osprey__prune_mlp(osprey__graph *graph, const osprey__reductions *how,
                                osprey_error *error)
{
    size_t layers = 0, channels = 0, removed = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        const osprey__node *activation = &graph->nodes[n];
        osprey__pruned_columns columns;
        if (activation->op != OSPREY__OP_ACTIVATION || !find_channels(graph, activation, &columns))
            continue;
        OSPREY_TRY(osprey__prune_columns(graph, &columns, how->channels, how, &removed, error));
        channels = columns.groups;
        osprey__set_width(graph, activation->output, channels - removed);
        layers++;
    }
    if (layers && !removed)
        return osprey__prunes_nothing(graph, "mlp", "channels", how->channels, channels, error);
    if (how->reduced) how->reduced->channels += removed;
    return OSPREY_OK;
}
