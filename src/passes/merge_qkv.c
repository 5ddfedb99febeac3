/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linears that compute q, k and v of one attention from the same value become one: fewer,
 * wider products. Where q is computed for fewer rows (of the pooled token), k and v are merged. The
 * attention then reads columns of the one result.
 */
#include "base/status.h"
#include "passes/passes.h"

#include <stdio.h>
#include <string.h>

/* The linears that compute inputs first..2 of an attention. */
typedef struct parts {
    size_t first;
    osprey__node linears[3]; /* copies */
    osprey__value_id x;      /* what all of them read */
    size_t in, width;        /* inputs and outputs of each */
    bool transposed;
} parts;

/* Whether inputs first..2 of the attention can be merged, and what they are. */
static bool find_parts(osprey__graph *graph, const osprey__node *attention, size_t first,
                       parts *found)
{
    *found = (parts){.first = first};
    for (size_t i = first; i < 3; i++) {
        const osprey__node *linear = osprey__plain_writer(graph, attention->inputs[i]);
        if (!linear) return false;
        found->linears[i] = *linear;
    }
    const osprey__node *model = &found->linears[first];
    const osprey__shape *x = &graph->values[model->inputs[0]].shape;
    found->x = model->inputs[0];
    found->in = x->dims[x->rank - 1];
    found->width = attention->attributes.heads * attention->attributes.head_dim;
    found->transposed = model->attributes.transposed;
    for (size_t i = first; i < 3; i++) {
        const osprey__node *linear = &found->linears[i];
        const osprey__shape *output = &graph->values[linear->output].shape;
        if (linear->inputs[0] != found->x || linear->attributes.transposed != found->transposed ||
            output->dims[output->rank - 1] != found->width)
            return false;
    }
    return true;
}

/*
 * A constant of the parts' inputs `input` (weights or biases), each `rows` times `run` elements, of
 * which a run of every part follows the other; zeros for a part that has no bias.
 */
static osprey__value_id merge_constants(osprey__graph *graph, const parts *p, const char *name,
                                        size_t input, size_t rank, const size_t *dims, size_t rows,
                                        size_t run)
{
    size_t count = 3 - p->first;
    float *merged;
    osprey__value_id result = osprey__graph_new_constant(graph, name, rank, dims, &merged);
    if (result == OSPREY__NO_VALUE) return OSPREY__NO_VALUE;
    for (size_t i = 0; i < count; i++) {
        osprey__value_id id = p->linears[p->first + i].inputs[input];
        if (id == OSPREY__NO_VALUE) {
            memset(merged + i * run, 0, run * sizeof *merged);
            continue;
        }
        const osprey__value *value = &graph->values[id];
        size_t run_bytes = run * osprey__dtype_bytes(value->dtype);
        for (size_t row = 0; row < rows; row++)
            osprey__to_f32(value->dtype, (const char *)value->data + row * run_bytes, run,
                           merged + (row * count + i) * run);
    }
    return result;
}

static osprey__value_id merge_weights(osprey__graph *graph, const parts *p, const char *name)
{
    size_t outputs = (3 - p->first) * p->width;
    if (p->transposed) {
        const size_t dims[] = {p->in, outputs};
        return merge_constants(graph, p, name, 1, 2, dims, p->in, p->width);
    }
    const size_t dims[] = {outputs, p->in};
    return merge_constants(graph, p, name, 1, 2, dims, 1, p->width * p->in);
}

static osprey__value_id merge_biases(osprey__graph *graph, const parts *p, const char *name)
{
    bool has_bias = false;
    for (size_t i = p->first; i < 3; i++) has_bias |= p->linears[i].inputs[2] != OSPREY__NO_VALUE;
    if (!has_bias) return OSPREY__NO_VALUE;
    size_t outputs = (3 - p->first) * p->width;
    return merge_constants(graph, p, name, 2, 1, &outputs, 1, p->width);
}

/* The merged linear as the graph's last node; its output, or OSPREY__NO_VALUE after a failure. */
static osprey__value_id add_merged(osprey__graph *graph, const parts *p, const char *attention)
{
    char name[256], weight[256], bias[256];
    const char *which = p->first ? "kv" : "qkv";
    snprintf(name, sizeof name, "%s.%s", attention, which);
    snprintf(weight, sizeof weight, "%s.%s.weight", attention, which);
    snprintf(bias, sizeof bias, "%s.%s.bias", attention, which);
    osprey__value_id inputs[] = {p->x, merge_weights(graph, p, weight),
                                 merge_biases(graph, p, bias)};
    return osprey__graph_node(graph, OSPREY__OP_LINEAR, name, inputs, 3,
                              &(osprey__attributes){.transposed = p->transposed});
}

/* Takes the parts out and moves the last node, the merged one, to where the first of them was. */
static void replace_parts(osprey__graph *graph, const parts *p)
{
    size_t place = SIZE_MAX;
    for (size_t i = p->first; i < 3; i++) {
        size_t at = osprey__graph_producer(graph, p->linears[i].output);
        if (at < place) place = at;
        osprey__graph_remove_node(graph, at);
    }
    osprey__graph_move_node(graph, graph->node_count - 1, place);
    for (size_t i = p->first; i < 3; i++)
        for (size_t input = 1; input <= 2; input++)
            if (p->linears[i].inputs[input] != OSPREY__NO_VALUE)
                osprey__graph_release_unused(graph, p->linears[i].inputs[input]);
}

osprey_status osprey__merge_qkv(osprey__graph *graph, osprey_error *error)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        const osprey__node *attention = &graph->nodes[n];
        parts p;
        if (attention->op != OSPREY__OP_ATTENTION ||
            (!find_parts(graph, attention, 0, &p) && !find_parts(graph, attention, 1, &p)))
            continue;
        osprey__value_id merged = add_merged(graph, &p, graph->values[attention->output].name);
        if (merged == OSPREY__NO_VALUE) return osprey__graph_status(graph, error);
        osprey__node *reader = &graph->nodes[n];
        for (size_t i = p.first; i < 3; i++) {
            reader->inputs[i] = merged;
            reader->attributes.columns[i] = (i - p.first) * p.width;
        }
        replace_parts(graph, &p);
        n -= 3 - p.first - 1; /* as many nodes fewer before the attention */
    }
    return OSPREY_OK;
}
