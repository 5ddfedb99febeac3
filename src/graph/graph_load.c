/* SPDX-License-Identifier: Apache-2.0 */
#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"
#include "graph/graph_store.h"

#include <math.h>
#include <string.h>

/* They keep every product of sizes below 2^63, whatever batch runs. */
#define DIM_MAX               ((size_t)1 << 24)
#define CONSTANT_ELEMENTS_MAX ((size_t)1 << 32)
#define VALUES_MAX            ((size_t)1 << 16)
#define NAME_BYTES            512

typedef struct loading {
    osprey__byte_cursor at;
    osprey__byte_cursor constants;
    osprey__graph *graph;
    const char *file;
    osprey_error *error;
} loading;

static osprey_status damaged(const loading *in, const char *what)
{
    return osprey__fail(in->error, OSPREY_FORMAT, in->file, "the engine's %s graph is damaged: %s",
                        in->graph->name, what);
}

static osprey_status take(loading *in, size_t bytes, uint64_t most, size_t *number)
{
    uint64_t value;
    *number = 0;
    if (!osprey__cursor_number(&in->at, bytes, false, &value)) return damaged(in, "it is cut off");
    if (value > most) return damaged(in, "a number is out of its range");
    *number = (size_t)value;
    return OSPREY_OK;
}

static osprey_status take_bool(loading *in, bool *value)
{
    size_t number;
    OSPREY_TRY(take(in, 1, 1, &number));
    *value = number == 1;
    return OSPREY_OK;
}

static osprey_status take_float(loading *in, float *value)
{
    size_t number;
    OSPREY_TRY(take(in, 4, UINT32_MAX, &number));
    uint32_t bits = (uint32_t)number;
    memcpy(value, &bits, sizeof bits);
    return OSPREY_OK;
}

static osprey_status take_text(loading *in, char text[NAME_BYTES])
{
    size_t length;
    OSPREY_TRY(take(in, 4, NAME_BYTES - 1, &length));
    const uint8_t *bytes = osprey__cursor_take(&in->at, length);
    if (!bytes || memchr(bytes, '\0', length)) return damaged(in, "a name is cut off");
    memcpy(text, bytes, length);
    text[length] = '\0';
    return OSPREY_OK;
}

static osprey_status check_elements(const loading *in, const osprey__shape *shape, size_t most)
{
    size_t elements = 1;
    for (size_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 1 || shape->dims[i] > DIM_MAX)
            return damaged(in, "a dimension is out of its range");
        if (!osprey__multiply(elements, shape->dims[i], &elements) || elements > most)
            return damaged(in, "a value is too large");
    }
    return OSPREY_OK;
}

static osprey_status take_shape(loading *in, osprey__shape *shape)
{
    size_t extent;
    *shape = (osprey__shape){0};
    OSPREY_TRY(take(in, 1, OSPREY__PER_TOKEN, &extent));
    shape->extent = (osprey__extent)extent;
    OSPREY_TRY(take(in, 1, OSPREY__MAX_DIMS, &shape->rank));
    for (size_t i = 0; i < shape->rank; i++) OSPREY_TRY(take(in, 8, DIM_MAX, &shape->dims[i]));
    return OSPREY_OK;
}

static osprey_status take_dtype(loading *in, osprey__dtype *dtype)
{
    static const osprey__dtype known[] = {OSPREY__F32, OSPREY__F16, OSPREY__BF16, OSPREY__I32};
    char name[NAME_BYTES];
    OSPREY_TRY(take_text(in, name));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *dtype = known[i];
        if (strcmp(name, osprey__dtype_name(*dtype)) == 0) return OSPREY_OK;
    }
    return damaged(in, "a type is not known");
}

static osprey_status take_input(loading *in)
{
    char name[NAME_BYTES];
    osprey__dtype dtype;
    osprey__shape shape;
    OSPREY_TRY(take_text(in, name));
    OSPREY_TRY(take_dtype(in, &dtype));
    OSPREY_TRY(take_shape(in, &shape));
    OSPREY_TRY(check_elements(in, &shape, OSPREY__COMPUTED_ELEMENTS_MAX));
    if (shape.extent == OSPREY__ONCE || (dtype != OSPREY__F32 && dtype != OSPREY__I32))
        return damaged(in, "an input is of a kind that there is not");
    osprey__graph_input(in->graph, name, dtype, shape);
    return OSPREY_OK;
}

static osprey_status take_constant(loading *in)
{
    char name[NAME_BYTES];
    osprey__dtype dtype;
    osprey__shape shape;
    bool kept;
    size_t offset;
    OSPREY_TRY(take_text(in, name));
    OSPREY_TRY(take_dtype(in, &dtype));
    OSPREY_TRY(take_shape(in, &shape));
    OSPREY_TRY(take_bool(in, &kept));
    OSPREY_TRY(take(in, 8, SIZE_MAX, &offset));
    OSPREY_TRY(check_elements(in, &shape, CONSTANT_ELEMENTS_MAX));
    if (shape.extent != OSPREY__ONCE || dtype == OSPREY__I32)
        return damaged(in, "a constant is of a kind that there is not");
    osprey__byte_cursor elements = in->constants;
    size_t bytes = osprey__shape_elements(&shape) * osprey__dtype_bytes(dtype);
    const void *data = NULL;
    if (kept && osprey__cursor_take(&elements, offset))
        data = osprey__cursor_take(&elements, bytes);
    if (kept && !data) return damaged(in, "a constant's elements are not there");
    osprey__graph_constant(in->graph, name, dtype, shape.rank, shape.dims, data);
    return OSPREY_OK;
}

static osprey_status take_attributes(loading *in, osprey__attributes *a)
{
    size_t activation, precision;
    OSPREY_TRY(take(in, 1, OSPREY_ACTIVATION_SILU, &activation));
    a->activation = (osprey_activation)activation;
    OSPREY_TRY(take(in, 1, OSPREY_PRECISIONS - 1, &precision));
    a->precision = (osprey_precision)precision;
    OSPREY_TRY(take_float(in, &a->input_range));
    if (!isfinite(a->input_range) || a->input_range < 0)
        return damaged(in, "a static range is no positive number");
    OSPREY_TRY(take_bool(in, &a->transposed));
    OSPREY_TRY(take_float(in, &a->epsilon));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->heads));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->head_dim));
    for (size_t i = 0; i < 3; i++) OSPREY_TRY(take(in, 8, DIM_MAX, &a->columns[i]));
    OSPREY_TRY(take_float(in, &a->scale));
    OSPREY_TRY(take_bool(in, &a->causal));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->stride));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->padding));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->padding_after));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->groups));
    OSPREY_TRY(take_bool(in, &a->planar));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->size));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->start));
    OSPREY_TRY(take(in, 8, DIM_MAX, &a->count));
    return take_shape(in, &a->shape);
}

static osprey_status take_op(loading *in, osprey__op *op)
{
#define OSPREY__OP_VALUE(name, text) OSPREY__OP_##name,
    static const osprey__op known[] = {OSPREY__OP_MAP(OSPREY__OP_VALUE)};
#undef OSPREY__OP_VALUE
    char name[NAME_BYTES];
    OSPREY_TRY(take_text(in, name));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *op = known[i];
        if (strcmp(name, osprey__op_name(*op)) == 0) return OSPREY_OK;
    }
    return damaged(in, "an operator is not known");
}

/* What an input has to be for its operator to run. */
typedef enum role { COMPUTED, CONSTANT, EITHER, TABLE, INDEX } role;

static role role_of(osprey__op op, size_t i)
{
    switch (op) {
    case OSPREY__OP_LINEAR:
    case OSPREY__OP_CONV2D:
        return i == 1 || i == 2 ? CONSTANT : COMPUTED;
    case OSPREY__OP_DEPTHWISE:
    case OSPREY__OP_GROUP_NORM:
        return i == 1 || i == 2 ? CONSTANT : COMPUTED;
    case OSPREY__OP_LAYER_NORM:
    case OSPREY__OP_BATCH_NORM:
        return i ? CONSTANT : COMPUTED;
    case OSPREY__OP_ADD:
        return i ? EITHER : COMPUTED;
    case OSPREY__OP_GRID_POSITIONS:
        return i == 0 ? CONSTANT : COMPUTED;
    case OSPREY__OP_ATTENTION:
        return i == 4 ? CONSTANT : i == 0 ? EITHER : COMPUTED;
    case OSPREY__OP_CONCAT:
        return EITHER;
    case OSPREY__OP_GATHER:
        return i ? INDEX : TABLE;
    default:
        return COMPUTED;
    }
}

static osprey_status check_input(const loading *in, const osprey__node *node, size_t i)
{
    osprey__value_id id = node->inputs[i];
    if (id == OSPREY__NO_VALUE) return OSPREY_OK;
    const osprey__value *value = &in->graph->values[id];
    bool constant = value->kind == OSPREY__CONSTANT, index = value->dtype == OSPREY__I32;
    role wanted = role_of(node->op, i);
    if (index != (wanted == INDEX) || (constant && wanted == COMPUTED) ||
        (!constant && wanted == CONSTANT) || (constant && wanted == TABLE && !value->data) ||
        (wanted == COMPUTED && value->shape.rank < 1))
        return damaged(in, "an operator's input is of the wrong kind");
    return OSPREY_OK;
}

/* What shape inference leaves open, because no importer builds it. */
static osprey_status check_node(const loading *in, const osprey__node *node)
{
    const osprey__value *values = in->graph->values;
    const osprey__value *output = &values[node->output];
    if (output->shape.extent == OSPREY__ONCE)
        return damaged(in, "an operator has only constants as inputs");
    OSPREY_TRY(check_elements(in, &output->shape, OSPREY__COMPUTED_ELEMENTS_MAX));
    if (node->op != OSPREY__OP_ATTENTION) return OSPREY_OK;
    const osprey__shape *q = &values[node->inputs[0]].shape, *k = &values[node->inputs[1]].shape;
    if (k->extent == OSPREY__PER_SEQUENCE && node->attributes.causal && q->dims[0] != k->dims[0])
        return damaged(in, "causal attention has other queries than keys");
    return OSPREY_OK;
}

static osprey_status take_node(loading *in)
{
    osprey__node node = {0};
    char name[NAME_BYTES];
    osprey__graph *graph = in->graph;
    OSPREY_TRY(take_op(in, &node.op));
    OSPREY_TRY(take_text(in, name));
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
        size_t id;
        OSPREY_TRY(take(in, 4, UINT32_MAX, &id));
        node.inputs[i] = (osprey__value_id)id;
        if (id != OSPREY__NO_VALUE && id >= graph->value_count)
            return damaged(in, "an operator's input does not exist");
        OSPREY_TRY(check_input(in, &node, i));
    }
    OSPREY_TRY(take_attributes(in, &node.attributes));
    node.output =
        osprey__graph_node(graph, node.op, name, node.inputs, OSPREY__MAX_INPUTS, &node.attributes);
    if (node.output == OSPREY__NO_VALUE) return OSPREY_OK; /* the graph keeps why */
    return check_node(in, &node);
}

/* As many of a kind as the file says, until the graph has a failure. */
static osprey_status take_all(loading *in, osprey_status (*take_one)(loading *in))
{
    size_t count;
    OSPREY_TRY(take(in, 4, VALUES_MAX, &count));
    for (size_t i = 0; i < count; i++) {
        OSPREY_TRY(take_one(in));
        if (in->graph->failure.status == OSPREY_OUT_OF_MEMORY)
            return osprey__graph_finish(in->graph, 0, in->error);
        if (in->graph->failure.status != OSPREY_OK) return damaged(in, in->graph->failure.message);
    }
    return OSPREY_OK;
}

static osprey_status load(loading *in)
{
    size_t output;
    OSPREY_TRY(take_all(in, take_input));
    OSPREY_TRY(take_all(in, take_constant));
    OSPREY_TRY(take_all(in, take_node));
    OSPREY_TRY(take(in, 4, UINT32_MAX, &output));
    if (in->at.remaining) return damaged(in, "bytes are left over");
    if (output >= in->graph->value_count || in->graph->values[output].kind != OSPREY__COMPUTED)
        return damaged(in, "its output is never computed");
    return osprey__graph_finish(in->graph, (osprey__value_id)output, in->error);
}

osprey_status osprey__graph_load(const osprey__stored_graph *stored, const char *name,
                                 const char *file, osprey__graph **graph, osprey_error *error)
{
    OSPREY_TRY(osprey__graph_create(name, graph, error));
    loading in = {
        .at = osprey__cursor_over(stored->bytes, stored->length),
        .constants = osprey__cursor_over(stored->constants, stored->constant_bytes),
        .graph = *graph,
        .file = file,
        .error = error,
    };
    osprey_status status = load(&in);
    if (status == OSPREY_OK) return OSPREY_OK;
    osprey__graph_free(*graph);
    *graph = NULL;
    return status;
}
