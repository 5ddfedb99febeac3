/* SPDX-License-Identifier: Apache-2.0 */
/* The passes that leave out attention heads and hidden channels. */
#include "cmocka_all.h"
#include "passes/pass_graphs.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 4, HEADS = 4, HEAD_DIM = 2, MIXED = HEADS * HEAD_DIM, HIDDEN = 5 };

static osprey__value_id linear(osprey__graph *graph, const char *name, osprey__value_id x,
                               size_t in, size_t out, bool transposed)
{
    char weight[32], bias[32];
    snprintf(weight, sizeof weight, "%s.w", name);
    snprintf(bias, sizeof bias, "%s.b", name);
    const size_t dims[] = {transposed ? in : out, transposed ? out : in};
    osprey__value_id inputs[] = {x, random_constant(graph, weight, 2, dims),
                                 random_constant(graph, bias, 1, &out)};
    return osprey__graph_node(graph, OSPREY__OP_LINEAR, name, inputs, 3,
                              &(osprey__attributes){.transposed = transposed});
}

/* A transformer layer over three rows, or over the tokens of texts, without its norms. */
static osprey__graph *layer(bool text, bool transposed)
{
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {3, WIDTH}};
    osprey__shape tokens = {OSPREY__PER_TOKEN, 1, {WIDTH}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, text ? tokens : rows);
    osprey__value_id qkv[] = {linear(graph, "q", x, WIDTH, MIXED, transposed),
                              linear(graph, "k", x, WIDTH, MIXED, transposed),
                              linear(graph, "v", x, WIDTH, MIXED, transposed)};
    osprey__value_id y = osprey__graph_node(
        graph, OSPREY__OP_ATTENTION, "mixed", qkv, 3,
        &(osprey__attributes){.heads = HEADS, .head_dim = HEAD_DIM, .scale = 0.7F, .causal = text});
    y = linear(graph, "out", y, MIXED, WIDTH, transposed);
    x = osprey__graph_node(graph, OSPREY__OP_ADD, "sum", (osprey__value_id[]){y, x}, 2, NULL);
    y = linear(graph, "up", x, WIDTH, HIDDEN, transposed);
    y = osprey__graph_node(graph, OSPREY__OP_ACTIVATION, "act", &y, 1,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_GELU});
    y = linear(graph, "down", y, HIDDEN, WIDTH, transposed);
    y = osprey__graph_node(graph, OSPREY__OP_ADD, "end", (osprey__value_id[]){y, x}, 2, NULL);
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

static float *weight_of(const osprey__graph *graph, const char *node)
{
    for (size_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->values[graph->nodes[n].output].name, node) == 0)
            return graph->values[graph->nodes[n].inputs[1]].owned;
    fail_msg("no node %s", node);
    return NULL;
}

/* Multiplies columns first..first + count of the node's weight, its outputs or its inputs. */
static void scale_columns(osprey__graph *graph, const char *node, bool outputs, bool transposed,
                          size_t first, size_t count, float factor)
{
    const osprey__value *value = NULL;
    float *weight = weight_of(graph, node);
    for (size_t v = 0; v < graph->value_count; v++)
        if (graph->values[v].owned == weight) value = &graph->values[v];
    size_t rows = value->shape.dims[0], columns = value->shape.dims[1];
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            size_t at = outputs == transposed ? c : r;
            if (at >= first && at < first + count) weight[r * columns + c] *= factor;
        }
}

/* Head 1 is the smallest of four, channels 0 and 3 are the smallest of five. */
static osprey__graph *layer_with_small_parts(bool text, bool transposed, float factor)
{
    osprey__graph *graph = layer(text, transposed);
    static const char *const writers[] = {"q", "k", "v"};
    for (size_t i = 0; i < 3; i++)
        scale_columns(graph, writers[i], true, transposed, HEAD_DIM, HEAD_DIM, factor);
    scale_columns(graph, "out", false, transposed, HEAD_DIM, HEAD_DIM, factor);
    for (size_t c = 0; c < HIDDEN; c += 3) {
        scale_columns(graph, "up", true, transposed, c, 1, factor);
        scale_columns(graph, "down", false, transposed, c, 1, factor);
    }
    return graph;
}

static osprey_status prune(osprey__graph *graph, float heads, float channels, osprey_error *error)
{
    const osprey__reductions how = {.heads = heads, .channels = channels};
    osprey_status status = OSPREY_OK;
    if (heads > 0) status = osprey__prune_heads(graph, &how, error);
    if (status == OSPREY_OK && channels > 0) status = osprey__prune_mlp(graph, &how, error);
    return status;
}

static void test_the_graph_shrinks(void **state)
{
    (void)state;
    osprey__graph *graph = layer_with_small_parts(false, false, 0.01F);
    assert_int_equal(prune(graph, 0.25F, 0.4F, NULL), OSPREY_OK);
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 4]\n"
                       "%q = linear(%x, \"q.w\", bias=\"q.b\") : [sequence 3 6]\n"
                       "%k = linear(%x, \"k.w\", bias=\"k.b\") : [sequence 3 6]\n"
                       "%v = linear(%x, \"v.w\", bias=\"v.b\") : [sequence 3 6]\n"
                       "%mixed = attention(%q, %k, %v) heads=3 scale=0.7 : [sequence 3 6]\n"
                       "%out = linear(%mixed, \"out.w\", bias=\"out.b\") : [sequence 3 4]\n"
                       "%sum = add(%out, %x) : [sequence 3 4]\n"
                       "%up = linear(%sum, \"up.w\", bias=\"up.b\") : [sequence 3 3]\n"
                       "%act = activation(%up) activation=gelu : [sequence 3 3]\n"
                       "%down = linear(%act, \"down.w\", bias=\"down.b\") : [sequence 3 4]\n"
                       "%end = add(%down, %sum) : [sequence 3 4]\n"
                       "output %end\n");
    osprey__graph_free(graph);
}

/* What stays are the right rows and columns of the weights, in their order. */
static void test_the_smallest_go(void **state)
{
    (void)state;
    for (int transposed = 0; transposed < 2; transposed++) {
        osprey__graph *whole = layer_with_small_parts(false, transposed, 0.01F);
        osprey__graph *graph = layer_with_small_parts(false, transposed, 0.01F);
        assert_int_equal(prune(graph, 0.25F, 0.4F, NULL), OSPREY_OK);
        static const size_t heads[] = {0, 2, 3}, channels[] = {1, 2, 4};
        const float *k = weight_of(whole, "k"), *cut_k = weight_of(graph, "k");
        const float *out = weight_of(whole, "out"), *cut_out = weight_of(graph, "out");
        for (size_t c = 0; c < 3 * HEAD_DIM; c++)
            for (size_t w = 0; w < WIDTH; w++) {
                size_t from = heads[c / HEAD_DIM] * HEAD_DIM + c % HEAD_DIM;
                size_t row_k = from * WIDTH + w, column_k = w * MIXED + from;
                assert_true(cut_k[transposed ? w * 3 * HEAD_DIM + c : c * WIDTH + w] ==
                            k[transposed ? column_k : row_k]);
                assert_true(cut_out[transposed ? c * WIDTH + w : w * 3 * HEAD_DIM + c] ==
                            out[transposed ? from * WIDTH + w : w * MIXED + from]);
            }
        const float *up = weight_of(whole, "up"), *cut_up = weight_of(graph, "up");
        for (size_t c = 0; c < 3; c++)
            for (size_t w = 0; w < WIDTH; w++)
                assert_true(cut_up[transposed ? w * 3 + c : c * WIDTH + w] ==
                            up[transposed ? w * HIDDEN + channels[c] : channels[c] * WIDTH + w]);
        osprey__graph_free(whole);
        osprey__graph_free(graph);
    }
}

static osprey_status prune_both(osprey__graph *graph, osprey_error *error)
{
    return prune(graph, 0.25F, 0.4F, error);
}

static osprey__graph *image_layer(void)
{
    return layer_with_small_parts(false, false, 0);
}

static osprey__graph *text_layer(void)
{
    return layer_with_small_parts(true, false, 0);
}

static osprey__graph *transposed_layer(void)
{
    return layer_with_small_parts(false, true, 0);
}

static void test_parts_of_zeros_are_not_missed(void **state)
{
    (void)state;
    assert_pass_keeps_function(image_layer, prune_both);
    assert_pass_keeps_function(text_layer, prune_both);
    assert_pass_keeps_function(transposed_layer, prune_both);
}

/* Head 3 and channel 1 never change: with their mean in the bias nothing is lost without them. */
static osprey_status prune_by_activity(osprey__graph *graph, osprey_error *error)
{
    double mixed_sums[MIXED], mixed_products[MIXED * HEAD_DIM] = {0}, hidden_sums[HIDDEN];
    double hidden_products[HIDDEN];
    enum { ROWS = 8 };
    for (size_t c = 0; c < MIXED; c++) {
        mixed_sums[c] = 0.5 * ROWS;
        for (size_t d = 0; d < HEAD_DIM; d++)
            mixed_products[c * HEAD_DIM + d] =
                0.25 * ROWS + (d == c % HEAD_DIM && c / HEAD_DIM != 3 ? 1 : 0);
    }
    for (size_t c = 0; c < HIDDEN; c++) {
        hidden_sums[c] = 2 * ROWS;
        hidden_products[c] = 4 * ROWS + (c == 1 ? 0 : 1);
    }
    const osprey__activity activities[] = {
        {"out.w", HEADS, HEAD_DIM, ROWS, mixed_sums, mixed_products},
        {"down.w", HIDDEN, 1, ROWS, hidden_sums, hidden_products},
    };
    osprey__reduced reduced = {0};
    const osprey__reductions how = {
        .heads = 0.25F,
        .channels = 0.2F,
        .activities = activities,
        .activity_count = 2,
        .reduced = &reduced,
    };
    osprey_status status = osprey__prune_heads(graph, &how, error);
    if (status == OSPREY_OK) status = osprey__prune_mlp(graph, &how, error);
    assert_int_equal(reduced.heads, 1);
    assert_int_equal(reduced.channels, 1);
    assert_int_equal(reduced.parameters,
                     HEAD_DIM * (3 * (WIDTH + 1) + WIDTH) + (WIDTH + 1) + WIDTH);
    return status;
}

/* The layer with head 3 and channel 1 as large as can be, and constant: 0.5 and 2. */
static osprey__graph *layer_with_constant_parts(void)
{
    osprey__graph *graph = layer(false, false);
    scale_columns(graph, "v", true, false, 3 * HEAD_DIM, HEAD_DIM, 0);
    scale_columns(graph, "out", false, false, 3 * HEAD_DIM, HEAD_DIM, 10);
    scale_columns(graph, "up", true, false, 1, 1, 0);
    scale_columns(graph, "down", false, false, 1, 1, 10);
    for (size_t n = 0; n < graph->node_count; n++) {
        osprey__node *node = &graph->nodes[n];
        const char *name = graph->values[node->output].name;
        if (node->op == OSPREY__OP_ACTIVATION) node->attributes.activation = OSPREY_ACTIVATION_RELU;
        float *bias = node->op == OSPREY__OP_LINEAR ? graph->values[node->inputs[2]].owned : NULL;
        if (strcmp(name, "v") == 0) bias[6] = bias[7] = 0.5F;
        if (strcmp(name, "up") == 0) bias[1] = 2;
    }
    return graph;
}

static void test_activity_finds_what_never_changes(void **state)
{
    (void)state;
    assert_pass_keeps_function(layer_with_constant_parts, prune_by_activity);
}

static void test_one_always_stays(void **state)
{
    (void)state;
    osprey__graph *graph = layer(false, false);
    assert_int_equal(prune(graph, 0.99F, 0.99F, NULL), OSPREY_OK);
    assert_int_equal(graph->nodes[3].attributes.heads, 1);
    assert_int_equal(graph->values[graph->nodes[7].output].shape.dims[1], 1);
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    osprey__graph_free(graph);
}

static void test_nothing_to_prune(void **state)
{
    (void)state;
    osprey_error error;
    osprey__graph *graph = layer(false, false);
    assert_int_equal(prune(graph, 0.1F, 0, &error), OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.message, "heads=0.1 removes none of the 4 heads of a layer of the "
                                       "test tower; heads=0.25 would remove one");
    assert_int_equal(prune(graph, 0, 0.05F, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "none of the 5 channels"));
    /* What is read twice stays as it is. */
    graph->output = graph->nodes[3].output;
    assert_int_equal(prune(graph, 0.5F, 0, &error), OSPREY_OK);
    assert_int_equal(graph->nodes[3].attributes.heads, HEADS);
    graph->output = graph->nodes[7].output;
    assert_int_equal(prune(graph, 0, 0.5F, &error), OSPREY_OK);
    assert_int_equal(graph->values[graph->nodes[7].output].shape.dims[1], HIDDEN);
    osprey__graph_free(graph);
}

static void test_the_passes_reduce_where_asked_to(void **state)
{
    (void)state;
    osprey__graph *graph = layer(false, false);
    const osprey__reductions how = {.channels = 0.4F};
    assert_int_equal(osprey__passes_run(graph, &how, NULL, NULL, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 4]\n"
                       "%mixed.qkv = linear(%x, \"mixed.qkv.weight\", bias=\"mixed.qkv.bias\")"
                       " : [sequence 3 24]\n"
                       "%mixed = attention(%mixed.qkv, %mixed.qkv, %mixed.qkv) heads=4 scale=1"
                       " columns=0,8,16 : [sequence 3 8]\n"
                       "%sum = linear(%mixed, \"out.w\", bias=\"out.b\", residual=%x)"
                       " : [sequence 3 4]\n"
                       "%act = linear(%sum, \"up.w\", bias=\"up.b\") activation=gelu"
                       " : [sequence 3 3]\n"
                       "%end = linear(%act, \"down.w\", bias=\"down.b\", residual=%sum)"
                       " : [sequence 3 4]\n"
                       "output %end\n");
    osprey__graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_graph_shrinks),
        cmocka_unit_test(test_the_smallest_go),
        cmocka_unit_test(test_parts_of_zeros_are_not_missed),
        cmocka_unit_test(test_activity_finds_what_never_changes),
        cmocka_unit_test(test_one_always_stays),
        cmocka_unit_test(test_nothing_to_prune),
        cmocka_unit_test(test_the_passes_reduce_where_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
