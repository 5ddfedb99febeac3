/* SPDX-License-Identifier: Apache-2.0 */
/* What passes do to a transformer block: layer norm, attention's scale, q, k and v. */
#include "cmocka_all.h"
#include "passes/pass_graphs.h"

#include <string.h>

enum { WIDTH = 4 };
static const size_t width = WIDTH, square[] = {WIDTH, WIDTH};

static osprey__value_id node(osprey__graph *graph, osprey__op op, const char *name,
                             osprey__value_id x, osprey__value_id y, osprey__attributes attributes)
{
    return osprey__graph_node(graph, op, name, (osprey__value_id[]){x, y}, 2, &attributes);
}

static osprey__value_id norm(osprey__graph *graph, const char *name, osprey__value_id x)
{
    osprey__value_id inputs[] = {x, random_constant(graph, "scale", 1, &width),
                                 random_constant(graph, "shift", 1, &width)};
    return osprey__graph_node(graph, OSPREY__OP_LAYER_NORM, name, inputs, 3,
                              &(osprey__attributes){.epsilon = 1e-5F});
}

/* Two linears (one without bias, stored the other way round, with the other's weight) of a norm. */
static osprey__graph *normed_linears(void)
{
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {3, WIDTH}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, rows);
    osprey__value_id w = random_constant(graph, "w", 2, square);
    osprey__value_id n = norm(graph, "n", x);
    osprey__value_id a = osprey__graph_node(
        graph, OSPREY__OP_LINEAR, "a",
        (osprey__value_id[]){n, w, random_constant(graph, "b", 1, &width)}, 3, NULL);
    osprey__value_id b =
        node(graph, OSPREY__OP_LINEAR, "b", n, w, (osprey__attributes){.transposed = true});
    osprey__value_id sum = node(graph, OSPREY__OP_ADD, "sum", a, b, (osprey__attributes){0});
    osprey__value_id last = norm(graph, "last", sum);
    sum = node(graph, OSPREY__OP_ADD, "out", last, sum, (osprey__attributes){0});
    assert_int_equal(osprey__graph_finish(graph, sum, NULL), OSPREY_OK);
    return graph;
}

static void test_layer_norm_goes_into_linears(void **state)
{
    (void)state;
    osprey__graph *graph = normed_linears();
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 4]\n"
                       "%n = layer_norm(%x, scale=\"scale\", shift=\"shift\") epsilon=1e-05"
                       " : [sequence 3 4]\n"
                       "%a = linear(%n, \"w\", bias=\"b\") : [sequence 3 4]\n"
                       "%b = linear(%n, \"w\") transposed : [sequence 3 4]\n"
                       "%sum = add(%a, %b) : [sequence 3 4]\n"
                       "%last = layer_norm(%sum, scale=\"scale\", shift=\"shift\") epsilon=1e-05"
                       " : [sequence 3 4]\n"
                       "%out = add(%last, %sum) : [sequence 3 4]\n"
                       "output %out\n");
    assert_int_equal(osprey__fold_layer_norm(graph, NULL), OSPREY_OK);
    /* The last norm goes into an addition and stays as it is. */
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 4]\n"
                       "%n = layer_norm(%x) epsilon=1e-05 : [sequence 3 4]\n"
                       "%a = linear(%n, \"w\", bias=\"b\") : [sequence 3 4]\n"
                       "%b = linear(%n, \"w\", bias=\"b.bias\") transposed : [sequence 3 4]\n"
                       "%sum = add(%a, %b) : [sequence 3 4]\n"
                       "%last = layer_norm(%sum, scale=\"scale\", shift=\"shift\") epsilon=1e-05"
                       " : [sequence 3 4]\n"
                       "%out = add(%last, %sum) : [sequence 3 4]\n"
                       "output %out\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(normed_linears, osprey__fold_layer_norm);
}

/*
 * Attention over rows of x; k and v, and q if `same_source`, are linears of the same norm. With
 * `pooled` q is computed for one row, as prune_rows leaves it.
 */
static osprey__graph *attention_block(bool text, bool pooled)
{
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {3, WIDTH}};
    osprey__shape tokens = {OSPREY__PER_TOKEN, 1, {WIDTH}};
    osprey__shape index = {OSPREY__PER_SEQUENCE, 0, {0}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, text ? tokens : rows);
    osprey__value_id asks = x;
    if (pooled && text)
        asks =
            node(graph, OSPREY__OP_GATHER, "one", x,
                 osprey__graph_input(graph, "pooled", OSPREY__I32, index), (osprey__attributes){0});
    else if (pooled)
        asks = node(graph, OSPREY__OP_SLICE, "one", x, OSPREY__NO_VALUE,
                    (osprey__attributes){.count = 1});
    static const char *const names[] = {"q", "k", "v"}, *const weights[] = {"wq", "wk", "wv"};
    static const char *const biases[] = {"bq", "bk", "bv"};
    osprey__value_id qkv[3];
    for (size_t i = 0; i < 3; i++) {
        osprey__value_id inputs[] = {i ? x : asks, random_constant(graph, weights[i], 2, square),
                                     random_constant(graph, biases[i], 1, &width)};
        qkv[i] = osprey__graph_node(graph, OSPREY__OP_LINEAR, names[i], inputs, 3, NULL);
    }
    osprey__value_id y = osprey__graph_node(
        graph, OSPREY__OP_ATTENTION, "mixed", qkv, 3,
        &(osprey__attributes){.heads = 2, .head_dim = 2, .scale = 0.7F, .causal = text && !pooled});
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

static osprey__graph *image_block(void)
{
    return attention_block(false, false);
}

static osprey__graph *text_block(void)
{
    return attention_block(true, false);
}

static osprey__graph *pooled_image_block(void)
{
    return attention_block(false, true);
}

static osprey__graph *pooled_text_block(void)
{
    return attention_block(true, true);
}

static void test_attention_scale_goes_into_q(void **state)
{
    (void)state;
    osprey__graph *graph = pooled_image_block();
    float first = *(const float *)graph->values[graph->nodes[1].inputs[1]].data;
    assert_int_equal(osprey__fold_attention_scale(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 4]\n"
                       "%one = slice(%x) rows=0+1 : [sequence 1 4]\n"
                       "%q = linear(%one, \"wq\", bias=\"bq\") : [sequence 1 4]\n"
                       "%k = linear(%x, \"wk\", bias=\"bk\") : [sequence 3 4]\n"
                       "%v = linear(%x, \"wv\", bias=\"bv\") : [sequence 3 4]\n"
                       "%mixed = attention(%q, %k, %v) heads=2 scale=1 : [sequence 1 4]\n"
                       "output %mixed\n");
    assert_true(*(const float *)graph->values[graph->nodes[1].inputs[1]].data == first * 0.7F);
    osprey__graph_free(graph);
    assert_pass_keeps_function(image_block, osprey__fold_attention_scale);
    assert_pass_keeps_function(text_block, osprey__fold_attention_scale);
    assert_pass_keeps_function(pooled_text_block, osprey__fold_attention_scale);
}

/* A query that something else reads too must keep its size. */
static void test_a_shared_q_is_not_scaled(void **state)
{
    (void)state;
    osprey__graph *graph = image_block();
    osprey__node *attention = &graph->nodes[3];
    attention->inputs[1] = attention->inputs[0];
    assert_int_equal(osprey__fold_attention_scale(graph, NULL), OSPREY_OK);
    assert_true(graph->nodes[3].attributes.scale == 0.7F);
    osprey__graph_free(graph);
}

static void test_qkv_become_one_linear(void **state)
{
    (void)state;
    osprey__graph *graph = image_block();
    assert_int_equal(osprey__merge_qkv(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 4]\n"
                       "%mixed.qkv = linear(%x, \"mixed.qkv.weight\", bias=\"mixed.qkv.bias\")"
                       " : [sequence 3 12]\n"
                       "%mixed = attention(%mixed.qkv, %mixed.qkv, %mixed.qkv) heads=2 scale=0.7"
                       " columns=0,4,8 : [sequence 3 4]\n"
                       "output %mixed\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(image_block, osprey__merge_qkv);
    assert_pass_keeps_function(text_block, osprey__merge_qkv);
}

/* q of one row stays alone; k and v are merged. */
static void test_kv_become_one_linear(void **state)
{
    (void)state;
    osprey__graph *graph = pooled_text_block();
    assert_int_equal(osprey__merge_qkv(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [token 4]\n"
                       "%pooled = input I32 : [sequence]\n"
                       "%one = gather(%x, %pooled) : [sequence 4]\n"
                       "%q = linear(%one, \"wq\", bias=\"bq\") : [sequence 4]\n"
                       "%mixed.kv = linear(%x, \"mixed.kv.weight\", bias=\"mixed.kv.bias\")"
                       " : [token 8]\n"
                       "%mixed = attention(%q, %mixed.kv, %mixed.kv) heads=2 scale=0.7"
                       " columns=0,0,4 : [sequence 4]\n"
                       "output %mixed\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(pooled_text_block, osprey__merge_qkv);
    assert_pass_keeps_function(pooled_image_block, osprey__merge_qkv);
}

/* Weights stored the other way round, and a bias that only v has. */
static osprey__graph *transposed_block(void)
{
    osprey__graph *graph = image_block();
    for (size_t i = 0; i < 3; i++) {
        graph->nodes[i].attributes.transposed = true;
        if (i < 2) graph->nodes[i].inputs[2] = OSPREY__NO_VALUE;
    }
    return graph;
}

static osprey__graph *block_without_bias(void)
{
    osprey__graph *graph = image_block();
    for (size_t i = 0; i < 3; i++) graph->nodes[i].inputs[2] = OSPREY__NO_VALUE;
    return graph;
}

static void test_qkv_of_other_forms(void **state)
{
    (void)state;
    osprey__graph *graph = block_without_bias();
    assert_int_equal(osprey__merge_qkv(graph, NULL), OSPREY_OK);
    assert_int_equal(graph->nodes[0].inputs[2], OSPREY__NO_VALUE);
    osprey__graph_free(graph);
    assert_pass_keeps_function(block_without_bias, osprey__merge_qkv);
    assert_pass_keeps_function(transposed_block, osprey__merge_qkv);
}

static void test_attention_columns_are_checked(void **state)
{
    (void)state;
    osprey__graph *graph = image_block();
    assert_int_equal(osprey__merge_qkv(graph, NULL), OSPREY_OK);
    osprey_error error;
    graph->nodes[1].attributes.columns[2] = 9;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "wider than q, k and v"));
    graph->nodes[1].attributes.columns[2] = SIZE_MAX;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_INVALID_ARGUMENT);
    graph->nodes[1].attributes.columns[2] = 8;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_OK);
    osprey__graph_free(graph);
}

static osprey__graph *transposed_pooled_block(void)
{
    osprey__graph *graph = pooled_image_block();
    for (size_t i = 1; i < 4; i++) graph->nodes[i].attributes.transposed = true;
    graph->nodes[3].inputs[2] = OSPREY__NO_VALUE;
    return graph;
}

/* A query that was learned. */
static osprey__graph *constant_query_block(void)
{
    osprey__graph *graph = image_block();
    const size_t row[] = {1, WIDTH};
    graph->nodes[3].inputs[0] = random_constant(graph, "probe", 2, row);
    osprey__graph_remove_node(graph, 0);
    graph->values[graph->output].shape.dims[0] = 1;
    return graph;
}

static void test_one_query_takes_the_weights_of_keys(void **state)
{
    (void)state;
    osprey__graph *graph = pooled_image_block();
    assert_int_equal(osprey__move_projections(graph, NULL), OSPREY_OK);
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    assert_dump(
        graph,
        "graph test\n"
        "%x = input F32 : [sequence 3 4]\n"
        "%one = slice(%x) rows=0+1 : [sequence 1 4]\n"
        "%q = linear(%one, \"wq\", bias=\"bq\") : [sequence 1 4]\n"
        "%mixed.query = linear(%q, \"wk\") transposed groups=2 : [sequence 1 8]\n"
        "%mixed.queries = reshape(%mixed.query) : [sequence 2 4]\n"
        "%mixed.means = attention(%mixed.queries, %x, %x) heads=1 scale=0.7 : [sequence 2 4]\n"
        "%mixed.mean = reshape(%mixed.means) : [sequence 1 8]\n"
        "%mixed = linear(%mixed.mean, \"wv\", bias=\"bv\") groups=2 : [sequence 1 4]\n"
        "output %mixed\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(pooled_image_block, osprey__move_projections);
    assert_pass_keeps_function(transposed_pooled_block, osprey__move_projections);
}

static void test_a_constant_query_is_multiplied_at_once(void **state)
{
    (void)state;
    osprey__graph *graph = constant_query_block();
    assert_int_equal(osprey__move_projections(graph, NULL), OSPREY_OK);
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 4]\n"
                       "%mixed.means = attention(\"mixed.queries\", %x, %x) heads=1 scale=0.7"
                       " : [sequence 2 4]\n"
                       "%mixed.mean = reshape(%mixed.means) : [sequence 1 8]\n"
                       "%mixed = linear(%mixed.mean, \"wv\", bias=\"bv\") groups=2"
                       " : [sequence 1 4]\n"
                       "output %mixed\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(constant_query_block, osprey__move_projections);
}

/* All rows ask; or the keys are a text's; or something else reads them too. */
static void test_other_attention_keeps_its_keys(void **state)
{
    (void)state;
    osprey__graph *(*const builders[])(void) = {image_block, text_block, pooled_text_block};
    for (size_t i = 0; i < 3; i++) {
        osprey__graph *graph = builders[i]();
        size_t nodes = graph->node_count;
        assert_int_equal(osprey__move_projections(graph, NULL), OSPREY_OK);
        assert_int_equal(graph->node_count, nodes);
        osprey__graph_free(graph);
    }
    osprey__graph *graph = pooled_image_block();
    graph->nodes[4].inputs[2] = graph->nodes[4].inputs[1];
    assert_int_equal(osprey__move_projections(graph, NULL), OSPREY_OK);
    assert_int_equal(graph->node_count, 5);
    osprey__graph_free(graph);
}

static void test_groups_are_checked(void **state)
{
    (void)state;
    osprey__graph *graph = pooled_image_block();
    assert_int_equal(osprey__move_projections(graph, NULL), OSPREY_OK);
    osprey_error error;
    osprey__node *last = &graph->nodes[graph->node_count - 1];
    last->attributes.groups = 3;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "not one for each group"));
    last->attributes.groups = 4;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "not the width of x"));
    osprey__graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer_norm_goes_into_linears),
        cmocka_unit_test(test_attention_scale_goes_into_q),
        cmocka_unit_test(test_a_shared_q_is_not_scaled),
        cmocka_unit_test(test_qkv_become_one_linear),
        cmocka_unit_test(test_kv_become_one_linear),
        cmocka_unit_test(test_qkv_of_other_forms),
        cmocka_unit_test(test_attention_columns_are_checked),
        cmocka_unit_test(test_one_query_takes_the_weights_of_keys),
        cmocka_unit_test(test_a_constant_query_is_multiplied_at_once),
        cmocka_unit_test(test_other_attention_keeps_its_keys),
        cmocka_unit_test(test_groups_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
