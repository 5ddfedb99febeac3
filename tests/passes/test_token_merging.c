/* SPDX-License-Identifier: Apache-2.0 */
/* The pass that merges tokens. */
#include "cmocka_all.h"
#include "passes/pass_graphs.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 4 };
static const size_t square[] = {WIDTH, WIDTH}, triple[] = {3 * WIDTH, WIDTH};

typedef enum pooling { FIRST_ROW, MEAN } pooling;

static osprey__value_id node(osprey__graph *graph, osprey__op op, size_t layer, const char *name,
                             osprey__value_id x, osprey__value_id y, osprey__attributes attributes)
{
    char whole[32];
    snprintf(whole, sizeof whole, "%s%zu", name, layer);
    return osprey__graph_node(graph, op, whole, (osprey__value_id[]){x, y}, 2, &attributes);
}

/* Layers as they are after merge_qkv, without norms; each its attention, its sum and its MLP. */
static osprey__graph *tower(bool text, size_t rows, size_t layers, pooling pooled)
{
    osprey__graph *graph = new_graph();
    osprey__shape image = {OSPREY__PER_SEQUENCE, 2, {rows, WIDTH}};
    osprey__shape tokens = {OSPREY__PER_TOKEN, 1, {WIDTH}};
    const osprey__attributes none = {0};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, text ? tokens : image);
    osprey__value_id w = random_constant(graph, "w", 2, square);
    osprey__value_id wide = random_constant(graph, "wide", 2, triple);
    for (size_t l = 0; l < layers; l++) {
        osprey__value_id qkv = node(graph, OSPREY__OP_LINEAR, l, "qkv", x, wide, none);
        char name[32];
        snprintf(name, sizeof name, "mixed%zu", l);
        const osprey__attributes attention = {
            .heads = 2, .head_dim = 2, .scale = 1, .columns = {0, WIDTH, 2 * WIDTH}};
        osprey__value_id y = osprey__graph_node(graph, OSPREY__OP_ATTENTION, name,
                                                (osprey__value_id[]){qkv, qkv, qkv}, 3, &attention);
        y = node(graph, OSPREY__OP_LINEAR, l, "out", y, w, none);
        x = node(graph, OSPREY__OP_ADD, l, "sum", y, x, none);
        y = node(graph, OSPREY__OP_LINEAR, l, "mlp", x, w, none);
        x = node(graph, OSPREY__OP_ADD, l, "end", y, x, none);
    }
    if (!text && pooled == MEAN)
        x = osprey__graph_node(graph, OSPREY__OP_MEAN, "mean", &x, 1, NULL);
    else if (!text)
        x = osprey__graph_node(graph, OSPREY__OP_SLICE, "first", &x, 1,
                               &(osprey__attributes){.count = 1});
    assert_int_equal(osprey__graph_finish(graph, x, NULL), OSPREY_OK);
    return graph;
}

static osprey_status merge(osprey__graph *graph, size_t count, osprey_error *error)
{
    const osprey__reductions how = {.merged_tokens = count};
    return osprey__merge_tokens(graph, &how, error);
}

static void test_tokens_merge_behind_attention(void **state)
{
    (void)state;
    osprey__graph *graph = tower(false, 7, 2, FIRST_ROW);
    osprey__reduced reduced = {0};
    const osprey__reductions how = {.merged_tokens = 3, .reduced = &reduced};
    assert_int_equal(osprey__merge_tokens(graph, &how, NULL), OSPREY_OK);
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    /* The second layer has 4 tokens left, of which one can be merged. */
    assert_int_equal(reduced.tokens, 4);
    assert_dump(
        graph,
        "graph test\n"
        "%x = input F32 : [sequence 7 4]\n"
        "%qkv0 = linear(%x, \"wide\") : [sequence 7 12]\n"
        "%mixed0 = attention(%qkv0, %qkv0, %qkv0) heads=2 scale=1 columns=0,4,8 : [sequence 7 4]\n"
        "%out0 = linear(%mixed0, \"w\") : [sequence 7 4]\n"
        "%sum0 = add(%out0, %x) : [sequence 7 4]\n"
        "%mixed0.match = token_match(%qkv0) heads=2 columns=4,0,0 merged=3 : [sequence 7 1]\n"
        "%mixed0.merged = token_merge(%sum0, %mixed0.match) : [sequence 4 4]\n"
        "%mixed0.sizes = token_sizes(%mixed0.match) : [sequence 4 1]\n"
        "%mlp0 = linear(%mixed0.merged, \"w\") : [sequence 4 4]\n"
        "%end0 = add(%mlp0, %mixed0.merged) : [sequence 4 4]\n"
        "%qkv1 = linear(%end0, \"wide\") : [sequence 4 12]\n"
        "%mixed1 = attention(%qkv1, %qkv1, %qkv1, sizes=%mixed0.sizes) heads=2 scale=1"
        " columns=0,4,8 : [sequence 4 4]\n"
        "%out1 = linear(%mixed1, \"w\") : [sequence 4 4]\n"
        "%sum1 = add(%out1, %end0) : [sequence 4 4]\n"
        "%mixed1.match = token_match(%qkv1) heads=2 columns=4,0,0 merged=1 : [sequence 4 1]\n"
        "%mixed1.merged = token_merge(%sum1, %mixed1.match, sizes=%mixed0.sizes)"
        " : [sequence 3 4]\n"
        "%mlp1 = linear(%mixed1.merged, \"w\") : [sequence 3 4]\n"
        "%end1 = add(%mlp1, %mixed1.merged) : [sequence 3 4]\n"
        "%first = slice(%end1) rows=0+1 : [sequence 1 4]\n"
        "output %first\n");
    osprey__graph_free(graph);
}

/* Of a last layer that computes one row only, the keys are merged already, and no more is. */
static void test_all_passes_together(void **state)
{
    (void)state;
    osprey__graph *graph = tower(false, 7, 2, FIRST_ROW);
    const osprey__reductions how = {.merged_tokens = 2};
    assert_int_equal(osprey__passes_run(graph, &how, NULL, NULL, NULL), OSPREY_OK);
    size_t matches = 0, sized = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        const osprey__node *at = &graph->nodes[n];
        matches += at->op == OSPREY__OP_TOKEN_MATCH;
        if (at->op != OSPREY__OP_ATTENTION || at->inputs[3] == OSPREY__NO_VALUE) continue;
        sized++;
        assert_int_equal(graph->values[at->inputs[1]].shape.dims[0], 5);
    }
    assert_int_equal(matches, 1);
    assert_int_equal(sized, 1);
    osprey__graph_free(graph);
}

static void test_texts_stay(void **state)
{
    (void)state;
    osprey__graph *graph = tower(true, 0, 1, FIRST_ROW);
    size_t nodes = graph->node_count;
    assert_int_equal(merge(graph, 1, NULL), OSPREY_OK);
    assert_int_equal(graph->node_count, nodes);
    osprey__graph_free(graph);
}

static void test_what_cannot_be_merged_is_refused(void **state)
{
    (void)state;
    osprey_error error;
    osprey__graph *graph = tower(false, 7, 1, FIRST_ROW);
    assert_int_equal(merge(graph, 4, &error), OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.message,
                        "4; a layer can merge at most 3 of the test tower's 7 tokens");
    osprey__graph_free(graph);
    graph = tower(false, 7, 1, MEAN);
    assert_int_equal(merge(graph, 2, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "uses all its tokens behind its layers (mean)"));
    osprey__graph_free(graph);
    graph = tower(false, 7, 0, FIRST_ROW);
    assert_int_equal(merge(graph, 1, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "has no attention that adds to each of its tokens"));
    osprey__graph_free(graph);
}

static void refuse(osprey__graph *graph, const char *message)
{
    osprey_error error;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, message));
}

/* Nodes of the first layer: 1 attention, 4 match, 5 merge, 6 sizes; 10 the second attention. */
static void test_shapes_are_checked(void **state)
{
    (void)state;
    osprey__graph *graph = tower(false, 7, 2, FIRST_ROW);
    assert_int_equal(merge(graph, 3, NULL), OSPREY_OK);
    osprey__node *nodes = graph->nodes;
    osprey__value_id match = nodes[4].output, other = nodes[14].output;

    nodes[5].inputs[1] = nodes[3].output;
    refuse(graph, "no token_match says");
    nodes[5].inputs[1] = other;
    refuse(graph, "x has other rows than the match");
    nodes[5].inputs[1] = match;
    nodes[4].attributes.count = 4;
    refuse(graph, "every second row");
    nodes[4].attributes.count = SIZE_MAX;
    refuse(graph, "every second row");
    nodes[4].attributes.count = 3;
    nodes[4].attributes.columns[0] = 11;
    refuse(graph, "the heads are not within k");
    nodes[4].attributes.columns[0] = 4;
    nodes[10].inputs[3] = match;
    refuse(graph, "not a size for each row");
    nodes[10].inputs[3] = nodes[6].output;
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    osprey__graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_merge_behind_attention),
        cmocka_unit_test(test_all_passes_together),
        cmocka_unit_test(test_texts_stay),
        cmocka_unit_test(test_what_cannot_be_merged_is_refused),
        cmocka_unit_test(test_shapes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
