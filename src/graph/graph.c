/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

#include "base/memory.h"
#include "base/status.h"

#include <string.h>

osprey_status osprey__graph_create(const char *name, osprey__graph **graph, osprey_error *error)
{
    *graph = osprey__calloc(1, sizeof **graph);
    if (!*graph) return osprey__fail_memory(error, sizeof **graph);
    (*graph)->name = name;
    (*graph)->output = OSPREY__NO_VALUE;
    return OSPREY_OK;
}

void osprey__graph_free(osprey__graph *graph)
{
    if (!graph) return;
    for (size_t v = 0; v < graph->value_count; v++) {
        osprey__free(graph->values[v].name);
        osprey__aligned_free(graph->values[v].owned);
    }
    osprey__free(graph->values);
    osprey__free(graph->nodes);
    osprey__free(graph);
}

void osprey__graph_fail(osprey__graph *graph, const osprey_error *error)
{
    if (graph->failure.status == OSPREY_OK) graph->failure = *error;
}

static osprey__value_id fail_memory(osprey__graph *graph, size_t bytes)
{
    osprey_error error;
    osprey__fail_memory(&error, bytes);
    osprey__graph_fail(graph, &error);
    return OSPREY__NO_VALUE;
}

/* Room for one more element of size bytes in the list; false after recording the failure. */
static bool grow(osprey__graph *graph, void **list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return true;
    size_t larger = *capacity ? *capacity * 2 : 64;
    void *grown = osprey__realloc(*list, larger, size);
    if (!grown) {
        fail_memory(graph, larger * size);
        return false;
    }
    *list = grown;
    *capacity = larger;
    return true;
}

static osprey__value_id add_value(osprey__graph *graph, const char *name, osprey__value value)
{
    if (!grow(graph, (void **)&graph->values, graph->value_count, &graph->value_capacity,
              sizeof *graph->values))
        return OSPREY__NO_VALUE;
    value.name = osprey__strdup(name);
    if (!value.name) return fail_memory(graph, strlen(name) + 1);
    graph->values[graph->value_count] = value;
    return (osprey__value_id)graph->value_count++;
}

osprey__value_id osprey__graph_input(osprey__graph *graph, const char *name, osprey__dtype dtype,
                                     osprey__shape shape)
{
    if (graph->failure.status != OSPREY_OK) return OSPREY__NO_VALUE;
    return add_value(graph, name,
                     (osprey__value){.kind = OSPREY__INPUT, .dtype = dtype, .shape = shape});
}

osprey__value_id osprey__graph_constant(osprey__graph *graph, const char *name, osprey__dtype dtype,
                                        size_t rank, const size_t *dims, const void *data)
{
    if (graph->failure.status != OSPREY_OK) return OSPREY__NO_VALUE;
    osprey__shape shape = {OSPREY__ONCE, rank, {0}};
    memcpy(shape.dims, dims, rank * sizeof *dims);
    return add_value(
        graph, name,
        (osprey__value){.kind = OSPREY__CONSTANT, .dtype = dtype, .shape = shape, .data = data});
}

osprey__value_id osprey__graph_new_constant(osprey__graph *graph, const char *name, size_t rank,
                                            const size_t *dims, float **data)
{
    size_t elements = 1;
    for (size_t i = 0; i < rank; i++) elements *= dims[i];
    *data = osprey__aligned_alloc(elements * sizeof(float));
    if (!*data) return fail_memory(graph, elements * sizeof(float));
    osprey__value_id id = osprey__graph_constant(graph, name, OSPREY__F32, rank, dims, *data);
    if (id == OSPREY__NO_VALUE)
        osprey__aligned_free(*data);
    else
        graph->values[id].owned = *data;
    return id;
}

osprey__value_id osprey__graph_node(osprey__graph *graph, osprey__op op, const char *name,
                                    const osprey__value_id *inputs, size_t input_count,
                                    const osprey__attributes *attributes)
{
    if (graph->failure.status != OSPREY_OK) return OSPREY__NO_VALUE;
    osprey__node node = {.op = op};
    if (attributes) node.attributes = *attributes;
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
        node.inputs[i] = i < input_count ? inputs[i] : OSPREY__NO_VALUE;
    osprey_error error;
    osprey__shape shape;
    if (osprey__graph_infer_shape(graph, &node, &shape, &error) != OSPREY_OK) {
        osprey_error named;
        osprey__fail(&named, error.status, name, "%s", error.message);
        osprey__graph_fail(graph, &named);
        return OSPREY__NO_VALUE;
    }
    if (!grow(graph, (void **)&graph->nodes, graph->node_count, &graph->node_capacity,
              sizeof *graph->nodes))
        return OSPREY__NO_VALUE;
    osprey__value value = {.kind = OSPREY__COMPUTED, .dtype = OSPREY__F32, .shape = shape};
    node.output = add_value(graph, name, value);
    if (node.output != OSPREY__NO_VALUE) graph->nodes[graph->node_count++] = node;
    return node.output;
}

osprey_status osprey__graph_status(const osprey__graph *graph, osprey_error *error)
{
    if (graph->failure.status != OSPREY_OK && error) *error = graph->failure;
    return graph->failure.status;
}

osprey_status osprey__graph_finish(osprey__graph *graph, osprey__value_id output,
                                   osprey_error *error)
{
    OSPREY_TRY(osprey__graph_status(graph, error));
    graph->output = output;
    return osprey__graph_verify(graph, error);
}

const char *osprey__op_name(osprey__op op)
{
    switch (op) {
#define OSPREY__OP_CASE(name, text)                                                                \
    case OSPREY__OP_##name:                                                                        \
        return text;
        OSPREY__OP_MAP(OSPREY__OP_CASE)
#undef OSPREY__OP_CASE
    }
    return "unknown";
}

size_t osprey__shape_elements(const osprey__shape *shape)
{
    size_t elements = 1;
    for (size_t i = 0; i < shape->rank; i++) elements *= shape->dims[i];
    return elements;
}

bool osprey__shape_equal(const osprey__shape *a, const osprey__shape *b)
{
    return a->extent == b->extent && a->rank == b->rank &&
           memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0;
}

size_t osprey__graph_uses(const osprey__graph *graph, osprey__value_id value)
{
    size_t uses = graph->output == value;
    for (size_t n = 0; n < graph->node_count; n++)
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) uses += graph->nodes[n].inputs[i] == value;
    return uses;
}

size_t osprey__graph_producer(const osprey__graph *graph, osprey__value_id value)
{
    for (size_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].output == value) return n;
    return SIZE_MAX;
}
