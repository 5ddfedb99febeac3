/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where attention has one query a sequence, nobody else reads the keys and values, and what their
 * weights do to each row of x can be done once instead: to the query, and to the mean that the
 * attention takes. For a head with weights K and V and biases a and b
 *     q . (K x[t] + a) = (K' q) . x[t] + q . a, where the last term is the same for all rows;
 *     sum of p[t] (V x[t] + b) = V (sum of p[t] x[t]) + b, as the weights p[t] sum up to 1.
 * So each head becomes a query of its own that sees the rows of x themselves.
 */
#include "base/memory.h"
#include "base/status.h"
#include "passes/passes.h"

#include <stdio.h>
#include <string.h>

/* What computes the keys and values of an attention with one query, from the same rows. */
typedef struct projections {
    osprey__node attention, keys, values; /* copies */
    osprey__value_id x;
    size_t rows, in;
} projections;

static bool find_projections(osprey__graph *graph, const osprey__node *attention,
                             projections *found)
{
    const osprey__attributes *a = &attention->attributes;
    const osprey__shape *q = &graph->values[attention->inputs[0]].shape;
    const osprey__shape *k = &graph->values[attention->inputs[1]].shape;
    /* Texts have few rows; the rows' angles would have to turn x. */
    if (k->extent != OSPREY__PER_SEQUENCE || q->dims[0] != 1 || a->causal ||
        attention->inputs[4] != OSPREY__NO_VALUE || q->dims[1] != a->heads * a->head_dim ||
        !osprey__shape_equal(k, &(osprey__shape){k->extent, 2, {k->dims[0], q->dims[1]}}))
        return false;
    const osprey__node *keys = osprey__plain_writer(graph, attention->inputs[1]);
    const osprey__node *values = osprey__plain_writer(graph, attention->inputs[2]);
    if (!keys || !values || keys->inputs[0] != values->inputs[0]) return false;
    *found = (projections){
        .attention = *attention, .keys = *keys, .values = *values, .x = keys->inputs[0]};
    const osprey__shape *x = &graph->values[found->x].shape;
    found->rows = x->dims[0];
    found->in = x->dims[1];
    /* With so few rows there is nothing to be saved. */
    return x->rank == 2 && found->rows > a->heads;
}

/* The linear's weight as [out][in]. */
static osprey__value_id plain_weight(osprey__graph *graph, const osprey__node *linear)
{
    const osprey__value_id id = linear->inputs[1];
    if (!linear->attributes.transposed) return id;
    float *from = osprey__graph_constant_f32(&graph->values[id]), *to;
    const size_t in = graph->values[id].shape.dims[0], out = graph->values[id].shape.dims[1];
    osprey__value_id plain = OSPREY__NO_VALUE;
    osprey_error error;
    if (!from) {
        osprey__fail_memory(&error, in * out * sizeof *from);
        osprey__graph_fail(graph, &error);
        return OSPREY__NO_VALUE;
    }
    plain = osprey__graph_new_constant(graph, graph->values[id].name, 2, (size_t[]){out, in}, &to);
    for (size_t i = 0; plain != OSPREY__NO_VALUE && i < in; i++)
        for (size_t o = 0; o < out; o++) to[o * in + i] = from[i * out + o];
    osprey__free(from);
    return plain;
}

static osprey__value_id add_node(osprey__graph *graph, const projections *p, osprey__op op,
                                 const char *what,
                                 const osprey__value_id inputs[OSPREY__MAX_INPUTS],
                                 const osprey__attributes *attributes)
{
    char name[256];
    snprintf(name, sizeof name, "%s.%s", graph->values[p->attention.output].name, what);
    return osprey__graph_node(graph, op, name, inputs, OSPREY__MAX_INPUTS, attributes);
}

/* K' q of a query that is a constant. */
static osprey__value_id constant_queries(osprey__graph *graph, const projections *p,
                                         osprey__value_id weight)
{
    const osprey__attributes *a = &p->attention.attributes;
    char name[256];
    snprintf(name, sizeof name, "%s.queries", graph->values[p->attention.output].name);
    float *out, *q = osprey__graph_constant_f32(&graph->values[p->attention.inputs[0]]);
    float *k = osprey__graph_constant_f32(&graph->values[weight]);
    osprey__value_id queries = OSPREY__NO_VALUE;
    osprey_error error;
    if (q && k) {
        queries = osprey__graph_new_constant(graph, name, 2, (size_t[]){a->heads, p->in}, &out);
    } else {
        osprey__fail_memory(&error, a->heads * p->in * sizeof *out);
        osprey__graph_fail(graph, &error);
    }
    for (size_t head = 0; queries != OSPREY__NO_VALUE && head < a->heads; head++)
        for (size_t i = 0; i < p->in; i++) {
            double sum = 0;
            for (size_t d = head * a->head_dim; d < (head + 1) * a->head_dim; d++)
                sum += (double)q[d] * (double)k[d * p->in + i];
            out[head * p->in + i] = (float)sum;
        }
    osprey__free(q);
    osprey__free(k);
    return queries;
}

/* The heads' queries, [heads][in]. */
static osprey__value_id add_queries(osprey__graph *graph, const projections *p)
{
    const osprey__value_id none = OSPREY__NO_VALUE, q = p->attention.inputs[0];
    const size_t heads = p->attention.attributes.heads;
    osprey__value_id weight = plain_weight(graph, &p->keys);
    if (weight == none || graph->values[q].shape.extent == OSPREY__ONCE)
        return weight == none ? none : constant_queries(graph, p, weight);
    const osprey__attributes of_head = {.transposed = true, .groups = heads};
    const osprey__attributes rows = {.shape = {OSPREY__PER_SEQUENCE, 2, {heads, p->in}}};
    osprey__value_id moved =
        add_node(graph, p, OSPREY__OP_LINEAR, "query",
                 (osprey__value_id[]){q, weight, none, none, none, none}, &of_head);
    return add_node(graph, p, OSPREY__OP_RESHAPE, "queries",
                    (osprey__value_id[]){moved, none, none, none, none, none}, &rows);
}

/* Puts what replaces the attention at *index there, which moves on to the last of it. */
static osprey_status move(osprey__graph *graph, const projections *p, size_t *index,
                          osprey_error *error)
{
    const osprey__value_id none = OSPREY__NO_VALUE;
    const osprey__attributes *a = &p->attention.attributes;
    const osprey__attributes over_rows = {.heads = 1, .head_dim = p->in, .scale = a->scale};
    const osprey__attributes row = {.shape = {OSPREY__PER_SEQUENCE, 2, {1, a->heads * p->in}}};
    const size_t before = graph->node_count;
    osprey__value_id queries = add_queries(graph, p);
    osprey__value_id means =
        add_node(graph, p, OSPREY__OP_ATTENTION, "means",
                 (osprey__value_id[]){queries, p->x, p->x, p->attention.inputs[3], none,
                                      p->attention.inputs[5]},
                 &over_rows);
    osprey__value_id mean =
        add_node(graph, p, OSPREY__OP_RESHAPE, "mean",
                 (osprey__value_id[]){means, none, none, none, none, none}, &row);
    osprey__value_id weight = plain_weight(graph, &p->values);
    OSPREY_TRY(osprey__graph_status(graph, error));
    for (size_t n = before; n < graph->node_count; n++)
        osprey__graph_move_node(graph, n, (*index)++);
    graph->nodes[*index] =
        (osprey__node){.op = OSPREY__OP_LINEAR,
                       .inputs = {mean, weight, p->values.inputs[2], none, none, none},
                       .output = p->attention.output,
                       .attributes = {.groups = a->heads}};
    return OSPREY_OK;
}

osprey_status osprey__move_projections(osprey__graph *graph, osprey_error *error)
{
    bool moved = false;
    for (size_t n = 0; n < graph->node_count; n++) {
        projections p;
        if (graph->nodes[n].op != OSPREY__OP_ATTENTION ||
            !find_projections(graph, &graph->nodes[n], &p))
            continue;
        OSPREY_TRY(move(graph, &p, &n, error));
        moved = true;
    }
    /* The linears of keys and values, and their constants. */
    return moved ? osprey__remove_dead_nodes(graph, error) : OSPREY_OK;
}
