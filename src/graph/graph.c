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
    for (size_t i = 0; i < graph->owned_count; i++) osprey__free(graph->owned[i]);
    osprey__free(graph->owned);
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

/* Hands block to the graph; frees it on failure. */
static bool own(osprey__graph *graph, void *block, size_t bytes)
{
    if (!block) {
        fail_memory(graph, bytes);
        return false;
    }
    if (!grow(graph, (void **)&graph->owned, graph->owned_count, &graph->owned_capacity,
              sizeof *graph->owned)) {
        osprey__free(block);
        return false;
    }
    graph->owned[graph->owned_count++] = block;
    return true;
}

static osprey__value_id add_value(osprey__graph *graph, const char *name, osprey__value value)
{
    char *copy = osprey__strdup(name);
    if (!own(graph, copy, strlen(name) + 1)) return OSPREY__NO_VALUE;
    if (!grow(graph, (void **)&graph->values, graph->value_count, &graph->value_capacity,
              sizeof *graph->values))
        return OSPREY__NO_VALUE;
    value.name = copy;
    graph->values[graph->value_count] = value;
    return (osprey__value_id)graph->value_count++;
}

osprey__value_id osprey__graph_input(osprey__graph *graph, const char *name, osprey__dtype dtype,
                                     osprey__shape shape)
{
    if (graph->failure.status != OSPREY_OK) return OSPREY__NO_VALUE;
    return add_value(graph, name, (osprey__value){NULL, OSPREY__INPUT, dtype, shape, NULL});
}

osprey__value_id osprey__graph_constant(osprey__graph *graph, const char *name, osprey__dtype dtype,
                                        size_t rank, const size_t *dims, const void *data)
{
    if (graph->failure.status != OSPREY_OK) return OSPREY__NO_VALUE;
    osprey__shape shape = {OSPREY__ONCE, rank, {0}};
    memcpy(shape.dims, dims, rank * sizeof *dims);
    return add_value(graph, name, (osprey__value){NULL, OSPREY__CONSTANT, dtype, shape, data});
}

osprey__value_id osprey__graph_new_constant(osprey__graph *graph, const char *name, size_t rank,
                                            const size_t *dims, float **data)
{
    size_t elements = 1;
    for (size_t i = 0; i < rank; i++) elements *= dims[i];
    *data = osprey__calloc(elements, sizeof(float));
    if (!own(graph, *data, elements * sizeof(float))) return OSPREY__NO_VALUE;
    return osprey__graph_constant(graph, name, OSPREY__F32, rank, dims, *data);
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
    osprey__value value = {NULL, OSPREY__COMPUTED, OSPREY__F32, shape, NULL};
    node.output = add_value(graph, name, value);
    if (node.output != OSPREY__NO_VALUE) graph->nodes[graph->node_count++] = node;
    return node.output;
}

osprey_status osprey__graph_finish(osprey__graph *graph, osprey__value_id output,
                                   osprey_error *error)
{
    if (graph->failure.status != OSPREY_OK) {
        if (error) *error = graph->failure;
        return graph->failure.status;
    }
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
