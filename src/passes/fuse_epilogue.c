/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows an operator and can be done while its result is in registers: the addition of
 * another value (the residual), then, but for a transposition, the activation.
 */
#include "base/memory.h"
#include "base/status.h"
#include "passes/passes.h"

/* The input that is added to the operator's result; 0 for those that have none. */
static size_t residual_input(osprey__op op)
{
    switch (op) {
    case OSPREY__OP_LINEAR:
    case OSPREY__OP_CONV2D:
    case OSPREY__OP_GROUP_NORM:
        return 3;
    case OSPREY__OP_TRANSPOSE:
        return 1;
    default:
        return 0;
    }
}

/* Whether the operator's last step can be an activation. */
static bool takes_activation(osprey__op op)
{
    switch (op) {
    case OSPREY__OP_LINEAR:
    case OSPREY__OP_CONV2D:
    case OSPREY__OP_DEPTHWISE:
    case OSPREY__OP_GROUP_NORM:
    case OSPREY__OP_GATE:
        return true;
    default:
        return false;
    }
}

/* The node that computes value and whose result only this one use sees; SIZE_MAX if there is none,
 * or if it has an activation already. */
static size_t fusible_producer(const osprey__graph *graph, osprey__value_id value)
{
    size_t producer = osprey__graph_producer(graph, value);
    if (producer == SIZE_MAX || osprey__graph_uses(graph, value) != 1) return SIZE_MAX;
    const osprey__node *node = &graph->nodes[producer];
    return node->attributes.activation ? SIZE_MAX : producer;
}

/* A node that is taken out must not count as a use of anything until then. */
static const osprey__node nothing = {
    .inputs = {OSPREY__NO_VALUE, OSPREY__NO_VALUE, OSPREY__NO_VALUE, OSPREY__NO_VALUE,
               OSPREY__NO_VALUE, OSPREY__NO_VALUE},
    .output = OSPREY__NO_VALUE,
};

/*
 * Fuses the addition at index n into the node that computes one of its inputs. That node then runs
 * where the addition was, as the other input may be computed in between.
 */
static void fuse_add(osprey__graph *graph, size_t n, bool *remove)
{
    osprey__node *add = &graph->nodes[n];
    for (size_t side = 0; side < 2; side++) {
        osprey__value_id residual = add->inputs[1 - side];
        size_t producer = fusible_producer(graph, add->inputs[side]);
        if (producer == SIZE_MAX || graph->values[residual].shape.extent == OSPREY__ONCE) continue;
        osprey__node fused = graph->nodes[producer];
        size_t input = residual_input(fused.op);
        if (!input || fused.inputs[input] != OSPREY__NO_VALUE) continue;
        fused.inputs[input] = residual;
        fused.output = add->output;
        *add = fused;
        graph->nodes[producer] = nothing;
        remove[producer] = true;
        return;
    }
}

static bool fuse_activation(osprey__graph *graph, size_t n)
{
    const osprey__node *activation = &graph->nodes[n];
    size_t producer = fusible_producer(graph, activation->inputs[0]);
    if (producer == SIZE_MAX || !takes_activation(graph->nodes[producer].op)) return false;
    graph->nodes[producer].attributes.activation = activation->attributes.activation;
    graph->nodes[producer].output = activation->output;
    return true;
}

osprey_status osprey__fuse_epilogue(osprey__graph *graph, osprey_error *error)
{
    bool *remove = osprey__calloc(graph->node_count, sizeof *remove);
    if (!remove) return osprey__fail_memory(error, graph->node_count);
    for (size_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op == OSPREY__OP_ADD)
            fuse_add(graph, n, remove);
        else if (graph->nodes[n].op == OSPREY__OP_ACTIVATION)
            remove[n] = fuse_activation(graph, n);
    }
    osprey__graph_remove_nodes(graph, remove);
    osprey__free(remove);
    return OSPREY_OK;
}
