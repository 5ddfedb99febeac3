/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph_store.h"

#include "base/memory.h"
#include "base/status.h"

#include <string.h>

/* What is stored, value by value; whoever adds an attribute also writes and reads it. */
_Static_assert(sizeof(osprey__attributes) == 184, "graph_store and graph_load know all attributes");

typedef struct storing {
    const osprey__graph *graph;
    osprey__kept_constants keep;
    osprey__value_id *ids; /* a value's number in the file; OSPREY__NO_VALUE: not stored */
    osprey__buffer *out;
    osprey_error *error;
} storing;

static bool is_table(const osprey__graph *graph, osprey__value_id id)
{
    for (size_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op == OSPREY__OP_GATHER && graph->nodes[n].inputs[0] == id) return true;
    return false;
}

/* A constant that no node uses is no part of the engine. */
static bool is_stored(const osprey__graph *graph, osprey__value_id id, osprey__value_kind kind)
{
    if (graph->values[id].kind != kind) return false;
    return kind != OSPREY__CONSTANT || osprey__graph_uses(graph, id) > 0;
}

static bool is_kept(const osprey__graph *graph, osprey__kept_constants keep, osprey__value_id id)
{
    return keep == OSPREY__KEEP_ALL || is_table(graph, id);
}

static size_t constant_bytes(const osprey__value *value)
{
    return osprey__shape_elements(&value->shape) * osprey__dtype_bytes(value->dtype);
}

static osprey_status put(const storing *s, uint64_t number, size_t bytes)
{
    return osprey__buffer_number(s->out, number, bytes, s->error);
}

static osprey_status put_text(const storing *s, const char *text)
{
    size_t length = strlen(text);
    OSPREY_TRY(put(s, length, 4));
    return osprey__buffer_append(s->out, text, length, s->error);
}

static osprey_status put_shape(const storing *s, const osprey__shape *shape)
{
    OSPREY_TRY(put(s, shape->extent, 1));
    OSPREY_TRY(put(s, shape->rank, 1));
    for (size_t i = 0; i < shape->rank; i++) OSPREY_TRY(put(s, shape->dims[i], 8));
    return OSPREY_OK;
}

static size_t count_values(const osprey__graph *graph, osprey__value_kind kind)
{
    size_t count = 0;
    for (osprey__value_id v = 0; v < graph->value_count; v++) count += is_stored(graph, v, kind);
    return count;
}

/* All of a kind: inputs, or constants with the place of their elements. */
static osprey_status put_values(storing *s, osprey__value_kind kind, osprey__value_id *next)
{
    size_t offset = 0;
    OSPREY_TRY(put(s, count_values(s->graph, kind), 4));
    for (osprey__value_id v = 0; v < s->graph->value_count; v++) {
        if (!is_stored(s->graph, v, kind)) continue;
        const osprey__value *value = &s->graph->values[v];
        s->ids[v] = (*next)++;
        OSPREY_TRY(put_text(s, value->name));
        OSPREY_TRY(put_text(s, osprey__dtype_name(value->dtype)));
        OSPREY_TRY(put_shape(s, &value->shape));
        if (kind != OSPREY__CONSTANT) continue;
        bool kept = is_kept(s->graph, s->keep, v);
        OSPREY_TRY(put(s, kept, 1));
        OSPREY_TRY(put(s, kept ? offset : 0, 8));
        if (kept) offset += osprey__round_up(constant_bytes(value), OSPREY__ALIGNMENT);
    }
    return OSPREY_OK;
}

static osprey_status put_attributes(const storing *s, const osprey__attributes *a)
{
    OSPREY_TRY(put(s, a->activation, 1));
    OSPREY_TRY(put(s, a->precision, 1));
    OSPREY_TRY(osprey__buffer_float(s->out, a->input_range, s->error));
    OSPREY_TRY(put(s, a->transposed, 1));
    OSPREY_TRY(osprey__buffer_float(s->out, a->epsilon, s->error));
    OSPREY_TRY(put(s, a->heads, 8));
    OSPREY_TRY(put(s, a->head_dim, 8));
    for (size_t i = 0; i < 3; i++) OSPREY_TRY(put(s, a->columns[i], 8));
    OSPREY_TRY(osprey__buffer_float(s->out, a->scale, s->error));
    OSPREY_TRY(put(s, a->causal, 1));
    OSPREY_TRY(put(s, a->stride, 8));
    OSPREY_TRY(put(s, a->padding, 8));
    OSPREY_TRY(put(s, a->padding_after, 8));
    OSPREY_TRY(put(s, a->groups, 8));
    OSPREY_TRY(put(s, a->planar, 1));
    OSPREY_TRY(put(s, a->size, 8));
    OSPREY_TRY(put(s, a->start, 8));
    OSPREY_TRY(put(s, a->count, 8));
    return put_shape(s, &a->shape);
}

static osprey_status put_nodes(storing *s, osprey__value_id *next)
{
    OSPREY_TRY(put(s, s->graph->node_count, 4));
    for (size_t n = 0; n < s->graph->node_count; n++) {
        const osprey__node *node = &s->graph->nodes[n];
        OSPREY_TRY(put_text(s, osprey__op_name(node->op)));
        OSPREY_TRY(put_text(s, s->graph->values[node->output].name));
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
            osprey__value_id id = node->inputs[i];
            OSPREY_TRY(put(s, id == OSPREY__NO_VALUE ? OSPREY__NO_VALUE : s->ids[id], 4));
        }
        OSPREY_TRY(put_attributes(s, &node->attributes));
        s->ids[node->output] = (*next)++;
    }
    return put(s, s->ids[s->graph->output], 4);
}

/* What a reader would refuse. */
static osprey_status check_sizes(const osprey__graph *graph, osprey_error *error)
{
    for (osprey__value_id v = 0; v < graph->value_count; v++) {
        const osprey__value *value = &graph->values[v];
        const size_t elements = osprey__shape_elements(&value->shape);
        if (value->kind != OSPREY__CONSTANT && elements > OSPREY__COMPUTED_ELEMENTS_MAX)
            return osprey__fail(error, OSPREY_LIMIT, graph->name,
                                "a value of this tower, \"%s\", has %zu elements, and in an engine "
                                "it may have %zu; a smaller image size would be right",
                                value->name, elements, OSPREY__COMPUTED_ELEMENTS_MAX);
    }
    return OSPREY_OK;
}

osprey_status osprey__graph_store(const osprey__graph *graph, osprey__kept_constants keep,
                                  osprey__buffer *bytes, osprey_error *error)
{
    OSPREY_TRY(check_sizes(graph, error));
    storing s = {graph, keep, osprey__calloc(graph->value_count, sizeof *s.ids), bytes, error};
    if (!s.ids) return osprey__fail_memory(error, graph->value_count * sizeof *s.ids);
    osprey__value_id next = 0;
    osprey_status status = put_values(&s, OSPREY__INPUT, &next);
    if (status == OSPREY_OK) status = put_values(&s, OSPREY__CONSTANT, &next);
    if (status == OSPREY_OK) status = put_nodes(&s, &next);
    osprey__free(s.ids);
    return status;
}

osprey_status osprey__graph_store_constants(const osprey__graph *graph, osprey__kept_constants keep,
                                            const osprey__byte_sink *sink, osprey_error *error)
{
    static const char zeros[OSPREY__ALIGNMENT];
    for (osprey__value_id v = 0; v < graph->value_count; v++) {
        if (!is_stored(graph, v, OSPREY__CONSTANT) || !is_kept(graph, keep, v)) continue;
        size_t bytes = constant_bytes(&graph->values[v]);
        OSPREY_TRY(sink->write(sink->context, graph->values[v].data, bytes, error));
        OSPREY_TRY(sink->write(sink->context, zeros,
                               osprey__round_up(bytes, OSPREY__ALIGNMENT) - bytes, error));
    }
    return OSPREY_OK;
}
