/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "graph/graph.h"

typedef struct inference {
    const osprey__graph *graph;
    const osprey__node *node;
    osprey_error *error;
} inference;

static osprey_status wrong(const inference *in, const char *what)
{
    return osprey__fail(in->error, OSPREY_INVALID_ARGUMENT, in->graph->name, "%s: %s",
                        osprey__op_name(in->node->op), what);
}

/* Input i's shape, or NULL where it is absent. */
static const osprey__shape *input(const inference *in, size_t i)
{
    osprey__value_id id = in->node->inputs[i];
    return id == OSPREY__NO_VALUE ? NULL : &in->graph->values[id].shape;
}

/* Whether input i is a constant vector of that length, or absent where that is allowed. */
static bool is_vector(const inference *in, size_t i, size_t length, bool optional)
{
    const osprey__shape *shape = input(in, i);
    if (!shape) return optional;
    return shape->extent == OSPREY__ONCE && shape->rank == 1 && shape->dims[0] == length;
}

/* linear and conv2d: bias of `channels`, residual of the output's shape. */
static osprey_status check_epilogue(const inference *in, size_t channels, const osprey__shape *out)
{
    if (!is_vector(in, 2, channels, true)) return wrong(in, "the bias has another length");
    const osprey__shape *residual = input(in, 3);
    if (residual && !osprey__shape_equal(residual, out))
        return wrong(in, "the residual has another shape");
    return OSPREY_OK;
}

static osprey_status infer_linear(const inference *in, osprey__shape *out)
{
    const osprey__shape *x = input(in, 0), *weight = input(in, 1);
    if (x->rank < 1 || weight->rank != 2) return wrong(in, "the weight is no matrix");
    const bool transposed = in->node->attributes.transposed;
    const size_t groups = osprey__linear_groups(in->node);
    if (weight->dims[0] % groups != 0) return wrong(in, "the weight is not one for each group");
    const size_t inputs = transposed ? weight->dims[0] : weight->dims[1] * groups;
    if (inputs != x->dims[x->rank - 1])
        return wrong(in, "the weight's inputs are not the width of x");
    *out = *x;
    out->dims[x->rank - 1] = transposed ? weight->dims[1] * groups : weight->dims[0];
    return check_epilogue(in, out->dims[x->rank - 1], out);
}

static osprey_status infer_conv2d(const inference *in, osprey__shape *out)
{
    const osprey__attributes *a = &in->node->attributes;
    const osprey__shape *x = input(in, 0), *weight = input(in, 1);
    if (x->rank != 3 || weight->rank != 4) return wrong(in, "x is no image or weight no filter");
    size_t height = x->dims[a->planar ? 1 : 0], width = x->dims[a->planar ? 2 : 1];
    if (weight->dims[1] != x->dims[a->planar ? 0 : 2])
        return wrong(in, "the filter has another number of channels than x");
    size_t padding = a->padding + a->padding_after;
    size_t padded_height = height + padding, padded_width = width + padding;
    if (!a->stride || padded_height < weight->dims[2] || padded_width < weight->dims[3])
        return wrong(in, "the filter is larger than x");
    *out = (osprey__shape){x->extent,
                           3,
                           {(padded_height - weight->dims[2]) / a->stride + 1,
                            (padded_width - weight->dims[3]) / a->stride + 1, weight->dims[0]}};
    return check_epilogue(in, weight->dims[0], out);
}

static osprey_status infer_depthwise(const inference *in, osprey__shape *out)
{
    const osprey__attributes *a = &in->node->attributes;
    const osprey__shape *x = input(in, 0), *filter = input(in, 1);
    if (x->rank != 3 || filter->rank != 4) return wrong(in, "x is no image or weight no filter");
    if (filter->dims[3] != x->dims[2])
        return wrong(in, "the filter has another number of channels than x");
    const size_t padding = a->padding + a->padding_after;
    const size_t height = x->dims[0] + padding, width = x->dims[1] + padding;
    if (!a->stride || height < filter->dims[1] || width < filter->dims[2])
        return wrong(in, "the filter is larger than x");
    const size_t channels = filter->dims[0] * x->dims[2];
    *out = (osprey__shape){x->extent,
                           3,
                           {(height - filter->dims[1]) / a->stride + 1,
                            (width - filter->dims[2]) / a->stride + 1, channels}};
    if (!is_vector(in, 2, channels, false)) return wrong(in, "the bias has another length");
    return OSPREY_OK;
}

static osprey_status infer_gate(const inference *in, osprey__shape *out)
{
    const osprey__shape *x = input(in, 0), *y = input(in, 1);
    if (x->rank != 3 || x->extent != OSPREY__PER_SEQUENCE || y->extent != x->extent ||
        osprey__shape_elements(y) != x->dims[2])
        return wrong(in, "not an element for each channel of x");
    *out = *x;
    return OSPREY_OK;
}

static osprey_status infer_pool(const inference *in, osprey__shape *out)
{
    const osprey__attributes *a = &in->node->attributes;
    const size_t stride = osprey__pool_stride(a);
    const osprey__shape *x = input(in, 0);
    if (x->rank != 3) return wrong(in, "x is no image");
    size_t height = x->dims[0] + a->padding + a->padding_after;
    size_t width = x->dims[1] + a->padding + a->padding_after;
    /* So that no window lies outside x. */
    if (!stride || a->padding >= a->size || a->padding_after >= a->size || height < a->size ||
        width < a->size)
        return wrong(in, "the window is larger than x, or smaller than the padding");
    *out = (osprey__shape){
        x->extent,
        3,
        {(height - a->size) / stride + 1, (width - a->size) / stride + 1, x->dims[2]}};
    return OSPREY_OK;
}

static osprey_status infer_group_norm(const inference *in, osprey__shape *out)
{
    const osprey__shape *x = input(in, 0), *residual = input(in, 3);
    size_t groups = in->node->attributes.groups;
    if (x->rank != 3 || !groups || x->dims[2] % groups != 0)
        return wrong(in, "x is no image whose channels fall into that many groups");
    if (!is_vector(in, 1, x->dims[2], false) || !is_vector(in, 2, x->dims[2], false))
        return wrong(in, "scale and shift are not as long as x has channels");
    if (residual && !osprey__shape_equal(residual, x))
        return wrong(in, "the residual has another shape");
    *out = *x;
    return OSPREY_OK;
}

/* Operators with an output like x and constant vectors of x's width as inputs 1..vectors. */
static osprey_status infer_norm(const inference *in, size_t vectors, bool optional,
                                osprey__shape *out)
{
    const osprey__shape *x = input(in, 0);
    for (size_t i = 1; i <= vectors; i++)
        if (x->rank < 1 || !is_vector(in, i, x->dims[x->rank - 1], optional))
            return wrong(in, "scale and shift are not as wide as x");
    *out = *x;
    return OSPREY_OK;
}

/* Input i, if there, says of each of as many rows of a sequence how many tokens it stands for. */
static osprey_status check_sizes(const inference *in, size_t i, size_t rows)
{
    const osprey__shape *sizes = input(in, i);
    const osprey__shape wanted = {OSPREY__PER_SEQUENCE, 2, {rows, 1}};
    if (sizes && !osprey__shape_equal(sizes, &wanted)) return wrong(in, "not a size for each row");
    return OSPREY_OK;
}

/* Attention's turns, if there, are those of all keys' rows, the first of which are the queries'. */
static osprey_status check_turns(const inference *in, const osprey__shape *q,
                                 const osprey__shape *k)
{
    const size_t head_dim = in->node->attributes.head_dim;
    const osprey__shape *turns = input(in, 4);
    const osprey__shape wanted = {OSPREY__ONCE, 2, {k->dims[0], head_dim}};
    if (!turns) return OSPREY_OK;
    if (k->extent != OSPREY__PER_SEQUENCE || q->dims[0] > k->dims[0] || head_dim % 2 ||
        !osprey__shape_equal(turns, &wanted))
        return wrong(in, "not a turn for each pair of each row");
    return OSPREY_OK;
}

/* Input i, if there, is a graph's, whose rows begin with those of the grid: nothing else may say
 * how many of `rows` rows there are. */
static osprey_status check_grid(const inference *in, size_t i, size_t rows)
{
    const osprey__shape *grid = input(in, i);
    if (!grid) return OSPREY_OK;
    const osprey__value *value = &in->graph->values[in->node->inputs[i]];
    if (value->kind != OSPREY__INPUT || value->dtype != OSPREY__F32 ||
        grid->extent != OSPREY__PER_SEQUENCE || osprey__shape_elements(grid) < 2 || !rows)
        return wrong(in, "no input that begins with a grid");
    return OSPREY_OK;
}

static osprey_status infer_attention(const inference *in, osprey__shape *out)
{
    const osprey__shape *q = input(in, 0), *k = input(in, 1), *v = input(in, 2);
    const osprey__attributes *a = &in->node->attributes;
    if (!osprey__shape_equal(k, v)) return wrong(in, "k and v have different shapes");
    /* One query a sequence, over all tokens of its text, or as many queries as tokens. */
    bool pooled = q->extent == OSPREY__PER_SEQUENCE && k->extent == OSPREY__PER_TOKEN;
    bool constant = q->extent == OSPREY__ONCE && k->extent == OSPREY__PER_SEQUENCE && !a->causal &&
                    !input(in, 4);
    size_t rank = k->extent == OSPREY__PER_TOKEN ? 1 : 2;
    if ((q->extent != k->extent && !pooled && !constant) || q->rank != rank || k->rank != rank)
        return wrong(in, "q and k do not fit");
    if (!a->heads || !a->head_dim) return wrong(in, "no heads, or heads of no width");
    for (size_t i = 0; i < 3; i++) {
        size_t row = input(in, i)->dims[rank - 1];
        if (a->columns[i] > row || a->head_dim > (row - a->columns[i]) / a->heads)
            return wrong(in, "the heads are wider than q, k and v");
    }
    if (input(in, 3) && k->extent != OSPREY__PER_SEQUENCE)
        return wrong(in, "the tokens of texts have no sizes");
    OSPREY_TRY(check_sizes(in, 3, k->dims[0]));
    OSPREY_TRY(check_turns(in, q, k));
    if (input(in, 5) && (k->extent != OSPREY__PER_SEQUENCE || a->causal))
        return wrong(in, "the tokens of texts lie in no grid");
    OSPREY_TRY(check_grid(in, 5, k->dims[0]));
    *out = *q;
    if (constant) out->extent = k->extent;
    out->dims[rank - 1] = a->heads * a->head_dim;
    return OSPREY_OK;
}

static osprey_status infer_add(const inference *in, osprey__shape *out)
{
    osprey__shape y = *input(in, 1);
    *out = *input(in, 0);
    if (y.extent == OSPREY__ONCE) y.extent = out->extent;
    return osprey__shape_equal(out, &y) ? OSPREY_OK : wrong(in, "x and y have different shapes");
}

static osprey_status infer_multiply(const inference *in, osprey__shape *out)
{
    *out = *input(in, 0);
    return osprey__shape_equal(out, input(in, 1)) ? OSPREY_OK
                                                  : wrong(in, "x and y have different shapes");
}

/* Of the rows of a sequence, or of the tokens of a text. */
static osprey_status infer_mean(const inference *in, osprey__shape *out)
{
    const osprey__shape *x = input(in, 0);
    bool of_tokens = x->extent == OSPREY__PER_TOKEN;
    if (x->rank != (of_tokens ? 1 : 2)) return wrong(in, "the rows are not there");
    *out = of_tokens ? (osprey__shape){OSPREY__PER_SEQUENCE, 1, {x->dims[0]}}
                     : (osprey__shape){x->extent, 2, {1, x->dims[1]}};
    return OSPREY_OK;
}

static osprey_status infer_concat(const inference *in, osprey__shape *out)
{
    const osprey__shape *x = input(in, 0), *y = input(in, 1);
    if (x->rank != 2 || y->rank != 2 || x->dims[1] != y->dims[1])
        return wrong(in, "x and y have different widths");
    *out = (osprey__shape){x->extent == OSPREY__ONCE ? y->extent : x->extent,
                           2,
                           {x->dims[0] + y->dims[0], x->dims[1]}};
    return OSPREY_OK;
}

static osprey_status infer_slice(const inference *in, size_t start, size_t count,
                                 osprey__shape *out)
{
    const osprey__shape *x = input(in, 0);
    if (x->rank != 2 || start > x->dims[0] || count > x->dims[0] - start)
        return wrong(in, "the rows are not there");
    *out = (osprey__shape){x->extent, 2, {count, x->dims[1]}};
    return OSPREY_OK;
}

static osprey_status infer_gather(const inference *in, osprey__shape *out)
{
    const osprey__shape *table = input(in, 0), *index = input(in, 1);
    /* The rows of a table are its first dimension, or the tokens. */
    bool constant = table->extent == OSPREY__ONCE;
    if (index->rank != 0 || table->rank != (constant ? 2 : 1) ||
        table->extent == OSPREY__PER_SEQUENCE)
        return wrong(in, "no table of rows, or no list of indices");
    *out = (osprey__shape){index->extent, 1, {table->dims[table->rank - 1]}};
    return OSPREY_OK;
}

static osprey_status infer_grid_positions(const inference *in, osprey__shape *out)
{
    const osprey__shape *table = input(in, 0);
    const size_t count = in->node->attributes.count, side = in->node->attributes.size;
    if (table->extent != OSPREY__ONCE || table->rank != 2 || !side || table->dims[0] % side ||
        table->dims[0] / side != side)
        return wrong(in, "the table is not that of a square");
    OSPREY_TRY(check_grid(in, 1, count));
    *out = (osprey__shape){OSPREY__PER_SEQUENCE, 2, {count, table->dims[1]}};
    return OSPREY_OK;
}

static osprey_status infer_token_match(const inference *in, osprey__shape *out)
{
    const osprey__shape *k = input(in, 0);
    const osprey__attributes *a = &in->node->attributes;
    if (k->extent != OSPREY__PER_SEQUENCE || k->rank != 2) return wrong(in, "k has no rows");
    if (!a->heads || !a->head_dim || a->columns[0] > k->dims[1] ||
        a->head_dim > (k->dims[1] - a->columns[0]) / a->heads)
        return wrong(in, "the heads are not within k");
    if (!a->count || k->dims[0] < 3 || a->count > (k->dims[0] - 1) / 2)
        return wrong(in, "every second row but the first can be merged, and no more");
    *out = (osprey__shape){k->extent, 2, {k->dims[0], 1}};
    return OSPREY_OK;
}

/* What token_merge and token_sizes of `width` leave of the rows that input i, a match, speaks of.
 */
static osprey_status infer_merged(const inference *in, size_t i, size_t width, osprey__shape *out)
{
    const osprey__graph *graph = in->graph;
    size_t producer = osprey__graph_producer(graph, in->node->inputs[i]);
    /* Nothing else may say where rows go. */
    if (producer == SIZE_MAX || graph->nodes[producer].op != OSPREY__OP_TOKEN_MATCH)
        return wrong(in, "no token_match says which rows are merged");
    size_t rows = input(in, i)->dims[0];
    OSPREY_TRY(check_sizes(in, i + 1, rows));
    *out = (osprey__shape){
        OSPREY__PER_SEQUENCE, 2, {rows - graph->nodes[producer].attributes.count, width}};
    return OSPREY_OK;
}

static osprey_status infer_token_merge(const inference *in, osprey__shape *out)
{
    const osprey__shape *x = input(in, 0), *match = input(in, 1);
    if (x->extent != OSPREY__PER_SEQUENCE || x->rank != 2 || x->dims[0] != match->dims[0])
        return wrong(in, "x has other rows than the match");
    return infer_merged(in, 1, x->dims[1], out);
}

static osprey_status infer_transpose(const inference *in, osprey__shape *out)
{
    const osprey__shape *x = input(in, 0), *residual = input(in, 1);
    if (x->rank != 2 || x->extent == OSPREY__PER_TOKEN) return wrong(in, "x is no matrix");
    *out = (osprey__shape){x->extent, 2, {x->dims[1], x->dims[0]}};
    if (residual && !osprey__shape_equal(residual, out))
        return wrong(in, "the residual has another shape");
    return OSPREY_OK;
}

osprey_status osprey__graph_infer_shape(const osprey__graph *graph, const osprey__node *node,
                                        osprey__shape *shape, osprey_error *error)
{
    static const size_t required_inputs[] = {
        [OSPREY__OP_LINEAR] = 2,      [OSPREY__OP_CONV2D] = 2,         [OSPREY__OP_BATCH_NORM] = 5,
        [OSPREY__OP_LAYER_NORM] = 1,  [OSPREY__OP_ATTENTION] = 3,      [OSPREY__OP_ACTIVATION] = 1,
        [OSPREY__OP_ADD] = 2,         [OSPREY__OP_AVERAGE_POOL] = 1,   [OSPREY__OP_MEAN] = 1,
        [OSPREY__OP_CONCAT] = 2,      [OSPREY__OP_SLICE] = 1,          [OSPREY__OP_GATHER] = 2,
        [OSPREY__OP_RESHAPE] = 1,     [OSPREY__OP_TOKEN_MATCH] = 1,    [OSPREY__OP_TOKEN_MERGE] = 2,
        [OSPREY__OP_TOKEN_SIZES] = 1, [OSPREY__OP_TRANSPOSE] = 1,      [OSPREY__OP_MAX_POOL] = 1,
        [OSPREY__OP_GROUP_NORM] = 3,  [OSPREY__OP_MULTIPLY] = 2,       [OSPREY__OP_DEPTHWISE] = 3,
        [OSPREY__OP_GATE] = 2,        [OSPREY__OP_GRID_POSITIONS] = 2,
    };
    const inference in = {graph, node, error};
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
        if (i < required_inputs[node->op] && node->inputs[i] == OSPREY__NO_VALUE)
            return wrong(&in, "an input is missing");
        if (node->inputs[i] != OSPREY__NO_VALUE && node->inputs[i] >= graph->value_count)
            return wrong(&in, "an input does not exist");
    }
    const osprey__attributes *a = &node->attributes;
    switch (node->op) {
    case OSPREY__OP_LINEAR:
        return infer_linear(&in, shape);
    case OSPREY__OP_CONV2D:
        return infer_conv2d(&in, shape);
    case OSPREY__OP_DEPTHWISE:
        return infer_depthwise(&in, shape);
    case OSPREY__OP_GATE:
        return infer_gate(&in, shape);
    case OSPREY__OP_BATCH_NORM:
        return infer_norm(&in, 4, false, shape);
    case OSPREY__OP_LAYER_NORM:
        return infer_norm(&in, 2, true, shape);
    case OSPREY__OP_ATTENTION:
        return infer_attention(&in, shape);
    case OSPREY__OP_ACTIVATION:
        return infer_norm(&in, 0, false, shape);
    case OSPREY__OP_ADD:
        return infer_add(&in, shape);
    case OSPREY__OP_MULTIPLY:
        return infer_multiply(&in, shape);
    case OSPREY__OP_AVERAGE_POOL:
    case OSPREY__OP_MAX_POOL:
        return infer_pool(&in, shape);
    case OSPREY__OP_GROUP_NORM:
        return infer_group_norm(&in, shape);
    case OSPREY__OP_MEAN:
        return infer_mean(&in, shape);
    case OSPREY__OP_CONCAT:
        return infer_concat(&in, shape);
    case OSPREY__OP_SLICE:
        return infer_slice(&in, a->start, a->count, shape);
    case OSPREY__OP_GATHER:
        return infer_gather(&in, shape);
    case OSPREY__OP_RESHAPE:
        *shape = a->shape;
        if (shape->extent != input(&in, 0)->extent ||
            osprey__shape_elements(shape) != osprey__shape_elements(input(&in, 0)))
            return wrong(&in, "another number of elements");
        return OSPREY_OK;
    case OSPREY__OP_TRANSPOSE:
        return infer_transpose(&in, shape);
    case OSPREY__OP_GRID_POSITIONS:
        return infer_grid_positions(&in, shape);
    case OSPREY__OP_TOKEN_MATCH:
        return infer_token_match(&in, shape);
    case OSPREY__OP_TOKEN_MERGE:
        return infer_token_merge(&in, shape);
    case OSPREY__OP_TOKEN_SIZES:
        return infer_merged(&in, 0, 1, shape);
    }
    return wrong(&in, "unknown operator");
}
