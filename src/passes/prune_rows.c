/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes only the rows that are used. Of a tower's last layer only the pooled token is: the slice
 * (of the class token) or gather (of the end-of-text token) that picks it moves up through every
 * operator that works row by row, as far as other rows are not needed. Keys and values still are.
 */
#include "base/status.h"
#include "passes/passes.h"

#include <stdio.h>
#include <string.h>

/* Picks rows of what was computed for all: a slice, or a gather from a value, not a table. */
static bool is_pick(const osprey__graph *graph, const osprey__node *node)
{
    if (node->op == OSPREY__OP_SLICE) return true;
    return node->op == OSPREY__OP_GATHER && graph->values[node->inputs[0]].kind == OSPREY__COMPUTED;
}

/*
 * Bit i: a row of the node's output depends on that row of input i and on no other row of it. 0 if
 * the pick cannot move up through the node.
 */
static unsigned row_inputs(const osprey__graph *graph, const osprey__node *node,
                           const osprey__node *pick)
{
    switch (node->op) {
    case OSPREY__OP_LINEAR:
        return node->inputs[3] == OSPREY__NO_VALUE ? 1U : 1U | 1U << 3;
    case OSPREY__OP_LAYER_NORM:
    case OSPREY__OP_ACTIVATION:
        return 1U;
    case OSPREY__OP_ADD:
        return graph->values[node->inputs[1]].shape.extent == OSPREY__ONCE ? 0 : 1U | 1U << 1;
    case OSPREY__OP_MULTIPLY:
        return 1U | 1U << 1;
    case OSPREY__OP_ATTENTION:
        /* The queries that are turned are those of the first rows. */
        if (node->inputs[4] != OSPREY__NO_VALUE &&
            (pick->op != OSPREY__OP_SLICE || pick->attributes.start != 0))
            return 0;
        /* Behind a causal mask the one pick that keeps all keys is that of each text's last row. */
        return !node->attributes.causal || pick->op == OSPREY__OP_GATHER ? 1U : 0;
    default:
        return 0;
    }
}

static bool same_pick(const osprey__node *a, const osprey__node *b)
{
    return a->op == b->op && memcmp(a->inputs, b->inputs, sizeof a->inputs) == 0 &&
           a->attributes.start == b->attributes.start && a->attributes.count == b->attributes.count;
}

/*
 * The value that picks like `pick`, but from `from`, computed before the node at *index: one that
 * is there already, or a new one. *index moves on by the nodes put before it.
 */
static osprey__value_id pick_from(osprey__graph *graph, osprey__node pick, osprey__value_id from,
                                  size_t *index)
{
    pick.inputs[0] = from;
    size_t found = 0;
    while (found < graph->node_count && !same_pick(&graph->nodes[found], &pick)) found++;
    if (found == graph->node_count) {
        char name[256];
        snprintf(name, sizeof name, "%s.picked", graph->values[from].name);
        if (osprey__graph_node(graph, pick.op, name, pick.inputs, 2, &pick.attributes) ==
            OSPREY__NO_VALUE)
            return OSPREY__NO_VALUE;
    }
    osprey__value_id value = graph->nodes[found].output;
    if (found > *index) osprey__graph_move_node(graph, found, (*index)++);
    return value;
}

/* Moves the pick at index up through the node that computes what it picks from. */
static bool move_up(osprey__graph *graph, size_t index)
{
    osprey__node pick = graph->nodes[index];
    size_t producer = osprey__graph_producer(graph, pick.inputs[0]);
    if (producer == SIZE_MAX || osprey__graph_uses(graph, pick.inputs[0]) != 1) return false;
    osprey__node moved = graph->nodes[producer];
    unsigned rows = row_inputs(graph, &moved, &pick);
    if (!rows) return false;
    osprey__graph_remove_node(graph, producer);
    index--;
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
        if (rows >> i & 1) moved.inputs[i] = pick_from(graph, pick, moved.inputs[i], &index);
    moved.output = pick.output;
    graph->nodes[index] = moved;
    return true;
}

osprey_status osprey__prune_rows(osprey__graph *graph, osprey_error *error)
{
    for (bool moved = true; moved && graph->failure.status == OSPREY_OK;) {
        moved = false;
        for (size_t n = 0; n < graph->node_count && !moved; n++)
            moved = is_pick(graph, &graph->nodes[n]) && move_up(graph, n);
    }
    return osprey__graph_status(graph, error);
}
