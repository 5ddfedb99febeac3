/* SPDX-License-Identifier: Apache-2.0 */
/* What passes do to a graph: nodes taken out or moved, constants changed or given back. */
#include "base/memory.h"
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

void osprey__graph_remove_node(osprey__graph *graph, size_t index)
{
    graph->node_count--;
    memmove(graph->nodes + index, graph->nodes + index + 1,
            (graph->node_count - index) * sizeof *graph->nodes);
}

void osprey__graph_move_node(osprey__graph *graph, size_t from, size_t to)
{
    osprey__node moved = graph->nodes[from];
    memmove(graph->nodes + to + 1, graph->nodes + to, (from - to) * sizeof *graph->nodes);
    graph->nodes[to] = moved;
}

void osprey__graph_remove_nodes(osprey__graph *graph, const bool *remove)
{
    size_t kept = 0;
    for (size_t n = 0; n < graph->node_count; n++)
        if (!remove[n]) graph->nodes[kept++] = graph->nodes[n];
    graph->node_count = kept;
}

float *osprey__graph_constant_f32(const osprey__value *value)
{
    size_t elements = osprey__shape_elements(&value->shape);
    float *copy = osprey__calloc(elements, sizeof *copy);
    if (copy) osprey__to_f32(value->dtype, value->data, elements, copy);
    return copy;
}

float *osprey__graph_edit_constant(osprey__graph *graph, osprey__value_id *id)
{
    /* A copy: adding a value may move the list. */
    const osprey__value old = graph->values[*id];
    if (old.owned && osprey__graph_uses(graph, *id) == 1) return old.owned;
    float *data;
    osprey__value_id copy =
        osprey__graph_new_constant(graph, old.name, old.shape.rank, old.shape.dims, &data);
    if (copy == OSPREY__NO_VALUE) return NULL;
    osprey__to_f32(old.dtype, old.data, osprey__shape_elements(&old.shape), data);
    *id = copy;
    return data;
}

float *osprey__graph_edit_bias(osprey__graph *graph, osprey__node *node)
{
    if (node->inputs[2] != OSPREY__NO_VALUE)
        return osprey__graph_edit_constant(graph, &node->inputs[2]);
    const osprey__value *output = &graph->values[node->output];
    size_t channels = output->shape.dims[output->shape.rank - 1];
    char name[256];
    snprintf(name, sizeof name, "%s.bias", output->name);
    float *data;
    node->inputs[2] = osprey__graph_new_constant(graph, name, 1, &channels, &data);
    if (node->inputs[2] == OSPREY__NO_VALUE) return NULL;
    memset(data, 0, channels * sizeof *data);
    return data;
}

void osprey__graph_release(osprey__graph *graph, osprey__value_id id)
{
    osprey__value *value = &graph->values[id];
    if (!value->owned) return;
    osprey__aligned_free(value->owned);
    value->owned = NULL;
    value->data = NULL;
}

void osprey__graph_release_unused(osprey__graph *graph, osprey__value_id id)
{
    if (!osprey__graph_uses(graph, id)) osprey__graph_release(graph, id);
}
