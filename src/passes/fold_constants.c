/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of which all inputs are constants is computed here and becomes a constant itself, so that
 * later passes and the plan find every weight as one. Operators that no importer leaves between
 * constants, such as a product of two weights, are refused.
 */
#include "base/memory.h"
#include "base/status.h"
#include "kernels/kernel_table.h"
#include "passes/passes.h"

#include <string.h>

static bool reads_only_constants(const osprey__graph *graph, const osprey__node *node)
{
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
        if (node->inputs[i] != OSPREY__NO_VALUE &&
            graph->values[node->inputs[i]].kind != OSPREY__CONSTANT)
            return false;
    return true;
}

static bool reads_only_floats(const osprey__graph *graph, const osprey__node *node)
{
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
        if (node->inputs[i] == OSPREY__NO_VALUE) continue;
        osprey__dtype dtype = graph->values[node->inputs[i]].dtype;
        if (dtype != OSPREY__F32 && dtype != OSPREY__F16 && dtype != OSPREY__BF16) return false;
    }
    return true;
}

static bool can_compute(osprey__op op)
{
    return op == OSPREY__OP_ACTIVATION || op == OSPREY__OP_ADD || op == OSPREY__OP_CONCAT ||
           op == OSPREY__OP_SLICE || op == OSPREY__OP_RESHAPE;
}

/* Writes count elements of the node's result; y is NULL where there is no second input. */
static void compute(const osprey__graph *graph, const osprey__node *node, const float *x,
                    const float *y, size_t count, float *out)
{
    const osprey__kernels *kernels = osprey__kernels_for(OSPREY__CPU_PORTABLE);
    const osprey__attributes *a = &node->attributes;
    const osprey__shape *x_shape = &graph->values[node->inputs[0]].shape;
    size_t x_count = osprey__shape_elements(x_shape);
    switch (node->op) {
    case OSPREY__OP_ACTIVATION:
        kernels->activation_f32(a->activation, count, x, out);
        break;
    case OSPREY__OP_ADD:
        kernels->add_f32(a->activation, count, x, y, out);
        break;
    case OSPREY__OP_CONCAT:
        memcpy(out, x, x_count * sizeof *out);
        memcpy(out + x_count, y, (count - x_count) * sizeof *out);
        break;
    case OSPREY__OP_SLICE:
        memcpy(out, x + a->start * x_shape->dims[1], count * sizeof *out);
        break;
    default: /* a reshape */
        memcpy(out, x, count * sizeof *out);
        break;
    }
}

/* Turns the output of the node at index into a constant and takes the node out. */
static osprey_status fold(osprey__graph *graph, size_t index, osprey_error *error)
{
    const osprey__node node = graph->nodes[index];
    osprey__value *output = &graph->values[node.output];
    bool has_y = node.inputs[1] != OSPREY__NO_VALUE;
    size_t count = osprey__shape_elements(&output->shape);
    float *x = osprey__graph_constant_f32(&graph->values[node.inputs[0]]);
    float *y = has_y ? osprey__graph_constant_f32(&graph->values[node.inputs[1]]) : NULL;
    float *out = osprey__aligned_alloc(count * sizeof *out);
    bool complete = x && out && (y || !has_y);
    if (complete) compute(graph, &node, x, y, count, out);
    osprey__free(x);
    osprey__free(y);
    if (!complete) {
        osprey__aligned_free(out);
        return osprey__fail_memory(error, count * sizeof *out);
    }
    output->kind = OSPREY__CONSTANT;
    output->data = output->owned = out;
    osprey__graph_remove_node(graph, index);
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
        if (node.inputs[i] != OSPREY__NO_VALUE) osprey__graph_release_unused(graph, node.inputs[i]);
    return OSPREY_OK;
}

osprey_status osprey__fold_constants(osprey__graph *graph, osprey_error *error)
{
    for (size_t n = 0; n < graph->node_count;) {
        const osprey__node *node = &graph->nodes[n];
        if (!reads_only_constants(graph, node)) {
            n++;
            continue;
        }
        if (!can_compute(node->op) || !reads_only_floats(graph, node) ||
            node->output == graph->output)
            return osprey__fail(error, OSPREY_UNSUPPORTED, graph->values[node->output].name,
                                "this %s depends on nothing but constants; a result of the inputs "
                                "would be right",
                                osprey__op_name(node->op));
        OSPREY_TRY(fold(graph, n, error));
    }
    return OSPREY_OK;
}
