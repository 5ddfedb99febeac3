/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "base/memory.h"
#include "base/status.h"
#include "graph/graph.h"

static osprey_status print_shape(osprey__buffer *out, const osprey__shape *shape,
                                 osprey_error *error)
{
    static const char *const extents[] = {
        [OSPREY__ONCE] = "", [OSPREY__PER_SEQUENCE] = "sequence", [OSPREY__PER_TOKEN] = "token"};
    OSPREY_TRY(osprey__buffer_print(out, error, "[%s", extents[shape->extent]));
    for (size_t i = 0; i < shape->rank; i++)
        OSPREY_TRY(osprey__buffer_print(
            out, error, "%s%zu", i || shape->extent != OSPREY__ONCE ? " " : "", shape->dims[i]));
    return osprey__buffer_print(out, error, "]");
}

static osprey_status print_value(osprey__buffer *out, const osprey__graph *graph,
                                 osprey__value_id id, osprey_error *error)
{
    const osprey__value *value = &graph->values[id];
    return osprey__buffer_print(out, error, value->kind == OSPREY__CONSTANT ? "\"%s\"" : "%%%s",
                                value->name);
}

static osprey_status print_attributes(osprey__buffer *out, const osprey__node *node,
                                      osprey_error *error)
{
    const osprey__attributes *a = &node->attributes;
    if (a->activation)
        OSPREY_TRY(osprey__buffer_print(out, error, " activation=%s",
                                        osprey_activation_name(a->activation)));
    if (a->precision)
        OSPREY_TRY(
            osprey__buffer_print(out, error, " precision=%s", osprey_precision_name(a->precision)));
    if (a->input_range > 0)
        OSPREY_TRY(osprey__buffer_print(out, error, " range=%g", (double)a->input_range));
    if (a->transposed) OSPREY_TRY(osprey__buffer_print(out, error, " transposed"));
    if (a->epsilon != 0)
        OSPREY_TRY(osprey__buffer_print(out, error, " epsilon=%g", (double)a->epsilon));
    if (a->heads) OSPREY_TRY(osprey__buffer_print(out, error, " heads=%zu", a->heads));
    if (node->op == OSPREY__OP_ATTENTION)
        OSPREY_TRY(osprey__buffer_print(out, error, " scale=%g%s", (double)a->scale,
                                        a->causal ? " causal" : ""));
    if (a->columns[0] || a->columns[1] || a->columns[2])
        OSPREY_TRY(osprey__buffer_print(out, error, " columns=%zu,%zu,%zu", a->columns[0],
                                        a->columns[1], a->columns[2]));
    if (a->stride)
        OSPREY_TRY(
            osprey__buffer_print(out, error, " stride=%zu padding=%zu", a->stride, a->padding));
    if (a->padding_after != a->padding)
        OSPREY_TRY(osprey__buffer_print(out, error, ",%zu", a->padding_after));
    if (a->planar) OSPREY_TRY(osprey__buffer_print(out, error, " planar"));
    if (a->groups) OSPREY_TRY(osprey__buffer_print(out, error, " groups=%zu", a->groups));
    if (a->size) OSPREY_TRY(osprey__buffer_print(out, error, " size=%zu", a->size));
    if (node->op == OSPREY__OP_SLICE)
        OSPREY_TRY(osprey__buffer_print(out, error, " rows=%zu+%zu", a->start, a->count));
    if (node->op == OSPREY__OP_TOKEN_MATCH)
        OSPREY_TRY(osprey__buffer_print(out, error, " merged=%zu", a->count));
    if (node->op == OSPREY__OP_GRID_POSITIONS)
        OSPREY_TRY(osprey__buffer_print(out, error, " count=%zu", a->count));
    return OSPREY_OK;
}

/* What an optional input is, so that a bias cannot be taken for a residual. */
static const char *input_label(const osprey__node *node, size_t i)
{
    switch (node->op) {
    case OSPREY__OP_LINEAR:
    case OSPREY__OP_CONV2D:
        return i == 2 ? "bias=" : i == 3 ? "residual=" : "";
    case OSPREY__OP_DEPTHWISE:
        return i == 2 ? "bias=" : "";
    case OSPREY__OP_GROUP_NORM:
        return i == 3 ? "residual=" : "";
    case OSPREY__OP_LAYER_NORM:
        return i == 1 ? "scale=" : i == 2 ? "shift=" : "";
    case OSPREY__OP_ATTENTION:
        return i == 3 ? "sizes=" : i == 4 ? "turns=" : i == 5 ? "grid=" : "";
    case OSPREY__OP_TOKEN_MERGE:
        return i == 2 ? "sizes=" : "";
    case OSPREY__OP_TOKEN_SIZES:
        return i == 1 ? "sizes=" : "";
    case OSPREY__OP_TRANSPOSE:
        return i == 1 ? "residual=" : "";
    default:
        return "";
    }
}

static osprey_status print_node(osprey__buffer *out, const osprey__graph *graph,
                                const osprey__node *node, osprey_error *error)
{
    OSPREY_TRY(print_value(out, graph, node->output, error));
    OSPREY_TRY(osprey__buffer_print(out, error, " = %s(", osprey__op_name(node->op)));
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
        if (node->inputs[i] == OSPREY__NO_VALUE) continue;
        OSPREY_TRY(osprey__buffer_print(out, error, "%s%s", i ? ", " : "", input_label(node, i)));
        OSPREY_TRY(print_value(out, graph, node->inputs[i], error));
    }
    OSPREY_TRY(osprey__buffer_print(out, error, ")"));
    OSPREY_TRY(print_attributes(out, node, error));
    OSPREY_TRY(osprey__buffer_print(out, error, " : "));
    OSPREY_TRY(print_shape(out, &graph->values[node->output].shape, error));
    return osprey__buffer_print(out, error, "\n");
}

static osprey_status print_graph(osprey__buffer *out, const osprey__graph *graph,
                                 osprey_error *error)
{
    OSPREY_TRY(osprey__buffer_print(out, error, "graph %s\n", graph->name));
    for (osprey__value_id v = 0; v < graph->value_count; v++) {
        const osprey__value *value = &graph->values[v];
        if (value->kind != OSPREY__INPUT) continue;
        OSPREY_TRY(osprey__buffer_print(out, error, "%%%s = input %s : ", value->name,
                                        osprey__dtype_name(value->dtype)));
        OSPREY_TRY(print_shape(out, &value->shape, error));
        OSPREY_TRY(osprey__buffer_print(out, error, "\n"));
    }
    for (size_t n = 0; n < graph->node_count; n++)
        OSPREY_TRY(print_node(out, graph, &graph->nodes[n], error));
    OSPREY_TRY(osprey__buffer_print(out, error, "output "));
    OSPREY_TRY(print_value(out, graph, graph->output, error));
    return osprey__buffer_append(out, "\n", 2, error); /* with the closing NUL */
}

osprey_status osprey__graph_dump(const osprey__graph *graph, char **text, osprey_error *error)
{
    osprey__buffer out = {0};
    osprey_status status = print_graph(&out, graph, error);
    if (status != OSPREY_OK) {
        osprey__buffer_free(&out);
        return status;
    }
    *text = out.bytes;
    return OSPREY_OK;
}
