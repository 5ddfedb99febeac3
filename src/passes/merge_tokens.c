/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token merging (Bolya et al., "Token Merging: Your ViT But Faster", ICLR 2023): behind each
 * layer's attention, before its MLP, tokens whose keys are alike become one, their average. From
 * then on attention counts a token by its size, as published: it adds the size's logarithm to the
 * scores. The first token, whose row the tower is about, stays itself. Texts keep all tokens.
 */
#include "base/status.h"
#include "passes/passes.h"

#include <stdio.h>

typedef struct merging {
    osprey__graph *graph;
    size_t wanted;          /* rows to be merged by a layer */
    osprey__node attention; /* the last one */
    bool is_open;           /* it computes all rows, and its residual is still to come */
    osprey__value_id sizes; /* of the rows there are now; OSPREY__NO_VALUE: all are 1 */
    size_t layers;          /* that could merge so far */
    size_t merged;          /* rows so far */
    osprey_error *error;
} merging;

static size_t rows_of(const merging *m, osprey__value_id value)
{
    const osprey__shape *shape = &m->graph->values[value].shape;
    return shape->extent == OSPREY__PER_SEQUENCE && shape->rank == 2 ? shape->dims[0] : 0;
}

/* Whether the node adds what the open attention, through one linear, says of every row. */
static bool closes(const merging *m, const osprey__node *node)
{
    if (!m->is_open || node->op != OSPREY__OP_ADD) return false;
    for (size_t side = 0; side < 2; side++) {
        size_t producer = osprey__graph_producer(m->graph, node->inputs[side]);
        if (producer != SIZE_MAX && m->graph->nodes[producer].op == OSPREY__OP_LINEAR &&
            m->graph->nodes[producer].inputs[0] == m->attention.output)
            return true;
    }
    return false;
}

static osprey__value_id add_node(const merging *m, osprey__op op, const char *what,
                                 const osprey__value_id inputs[3],
                                 const osprey__attributes *attributes)
{
    char name[256];
    const char *attention = m->graph->values[m->attention.output].name;
    snprintf(name, sizeof name, "%s.%s", attention, what);
    return osprey__graph_node(m->graph, op, name, inputs, 3, attributes);
}

/* From node `first` on, what was read from `old` is read from `new`. */
static void replace_uses(osprey__graph *graph, size_t first, osprey__value_id old,
                         osprey__value_id new)
{
    for (size_t n = first; n < graph->node_count; n++)
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
            if (graph->nodes[n].inputs[i] == old) graph->nodes[n].inputs[i] = new;
    if (graph->output == old) graph->output = new;
}

/* Merges the rows of the sum at index. */
static osprey_status merge_behind(merging *m, size_t index)
{
    osprey__graph *graph = m->graph;
    osprey__value_id sum = graph->nodes[index].output, key = m->attention.inputs[1];
    size_t most = (rows_of(m, sum) - 1) / 2;
    if (!m->layers && m->wanted > most)
        return osprey__fail(m->error, OSPREY_INVALID_ARGUMENT, "token_merge",
                            "%zu; a layer can merge at most %zu of the %s tower's %zu tokens",
                            m->wanted, most, graph->name, rows_of(m, sum));
    const osprey__attributes *a = &m->attention.attributes;
    osprey__attributes how = {
        .heads = a->heads,
        .head_dim = a->head_dim,
        .columns = {a->columns[1]},
        .count = m->wanted < most ? m->wanted : most,
    };
    m->is_open = false;
    m->layers++;
    if (!how.count) return OSPREY_OK;
    m->merged += how.count;
    const osprey__value_id none = OSPREY__NO_VALUE;
    osprey__value_id match =
        add_node(m, OSPREY__OP_TOKEN_MATCH, "match", (osprey__value_id[]){key, none, none}, &how);
    osprey__value_id merged = add_node(m, OSPREY__OP_TOKEN_MERGE, "merged",
                                       (osprey__value_id[]){sum, match, m->sizes}, NULL);
    m->sizes = add_node(m, OSPREY__OP_TOKEN_SIZES, "sizes",
                        (osprey__value_id[]){match, m->sizes, none}, NULL);
    OSPREY_TRY(osprey__graph_status(graph, m->error));
    for (size_t i = 0; i < 3; i++)
        osprey__graph_move_node(graph, graph->node_count - 3 + i, index + 1 + i);
    replace_uses(graph, index + 4, sum, merged);
    return OSPREY_OK;
}

/* Whether the node may see merged rows: it works row by row, or leaves nothing but the first. */
static bool takes_merged_rows(const merging *m, const osprey__node *node)
{
    if (m->sizes == OSPREY__NO_VALUE || rows_of(m, node->inputs[0]) <= 1) return true;
    switch (node->op) {
    case OSPREY__OP_LINEAR:
    case OSPREY__OP_LAYER_NORM:
    case OSPREY__OP_ACTIVATION:
    case OSPREY__OP_ADD:
    case OSPREY__OP_MULTIPLY:
    case OSPREY__OP_ATTENTION:
    case OSPREY__OP_TOKEN_MATCH:
    case OSPREY__OP_TOKEN_MERGE:
    case OSPREY__OP_TOKEN_SIZES:
        return true;
    case OSPREY__OP_SLICE:
        return node->attributes.start == 0 && node->attributes.count == 1;
    case OSPREY__OP_RESHAPE:
        /* Its rows are queries, not tokens. */
        return node->inputs[0] == m->attention.output && !m->is_open;
    default:
        return false;
    }
}

static osprey_status visit(merging *m, size_t index)
{
    osprey__graph *graph = m->graph;
    osprey__node *node = &graph->nodes[index];
    if (node->op == OSPREY__OP_ATTENTION && node->inputs[4] != OSPREY__NO_VALUE)
        return osprey__fail(m->error, OSPREY_INVALID_ARGUMENT, "token_merge",
                            "the %s tower turns queries and keys by the place of their token "
                            "(rotary embeddings), which merged tokens do not have",
                            graph->name);
    if (node->op == OSPREY__OP_ATTENTION && node->inputs[5] != OSPREY__NO_VALUE)
        return osprey__fail(m->error, OSPREY_INVALID_ARGUMENT, "token_merge",
                            "the %s tower takes pictures in any proportions, whose padding cannot "
                            "be told from tokens once they are merged",
                            graph->name);
    if (!takes_merged_rows(m, node))
        return osprey__fail(m->error, OSPREY_INVALID_ARGUMENT, "token_merge",
                            "the %s tower uses all its tokens behind its layers (%s), so none can "
                            "be merged",
                            graph->name, graph->values[node->output].name);
    if (node->op == OSPREY__OP_ATTENTION) {
        size_t rows = rows_of(m, node->inputs[1]);
        node->inputs[3] = m->sizes;
        m->attention = *node;
        /* Where keys are values, as move_projections leaves them, queries are heads. */
        bool of_heads = node->inputs[1] == node->inputs[2] &&
                        node->attributes.columns[1] == node->attributes.columns[2];
        m->is_open = rows && rows == rows_of(m, node->inputs[0]) && !of_heads;
    }
    osprey__shape shape;
    OSPREY_TRY(osprey__graph_infer_shape(graph, node, &shape, m->error));
    graph->values[node->output].shape = shape;
    return closes(m, node) ? merge_behind(m, index) : OSPREY_OK;
}

static bool is_text(const osprey__graph *graph)
{
    for (size_t v = 0; v < graph->value_count; v++)
        if (graph->values[v].shape.extent == OSPREY__PER_TOKEN) return true;
    return false;
}

osprey_status osprey__merge_tokens(osprey__graph *graph, const osprey__reductions *how,
                                   osprey_error *error)
{
    if (is_text(graph)) return OSPREY_OK;
    merging m = {
        .graph = graph, .wanted = how->merged_tokens, .sizes = OSPREY__NO_VALUE, .error = error};
    for (size_t n = 0; n < graph->node_count; n++) OSPREY_TRY(visit(&m, n));
    if (!m.layers)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "token_merge",
                            "the %s tower has no attention that adds to each of its tokens, behind "
                            "which a vision transformer merges them",
                            graph->name);
    if (how->reduced) how->reduced->tokens += m.merged;
    /* The sizes behind the last attention. */
    return osprey__remove_dead_nodes(graph, error);
}
