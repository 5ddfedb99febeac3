/* SPDX-License-Identifier: Apache-2.0 */
/* Passes on small graphs: the text before and after, and the numbers that folding computes. */
#include "cmocka_all.h"
#include "passes/pass_graphs.h"

#include <math.h>
#include <string.h>

static const size_t two = 2, channels = 4;

/* y = relu(norm(conv(x)) + x) */
static osprey__graph *residual_block(void)
{
    osprey__graph *graph = new_graph();
    osprey__shape image = {OSPREY__PER_SEQUENCE, 3, {2, 2, 4}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, image);
    const size_t filter[] = {4, 4, 1, 1};
    osprey__value_id conv[] = {x, ascending_constant(graph, "filter", 4, filter, 1)};
    osprey__value_id y = osprey__graph_node(graph, OSPREY__OP_CONV2D, "conv", conv, 2,
                                            &(osprey__attributes){.stride = 1});
    osprey__value_id norm[] = {y, ascending_constant(graph, "scale", 1, &channels, 2),
                               ascending_constant(graph, "shift", 1, &channels, -1),
                               ascending_constant(graph, "mean", 1, &channels, 0.5F),
                               ascending_constant(graph, "variance", 1, &channels, 3)};
    y = osprey__graph_node(graph, OSPREY__OP_BATCH_NORM, "norm", norm, 5,
                           &(osprey__attributes){.epsilon = 1});
    y = osprey__graph_node(graph, OSPREY__OP_ADD, "sum", (osprey__value_id[]){y, x}, 2, NULL);
    y = osprey__graph_node(graph, OSPREY__OP_ACTIVATION, "y", &y, 1,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_RELU});
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

static void test_a_residual_block_becomes_one_convolution(void **state)
{
    (void)state;
    osprey__graph *graph = residual_block();
    assert_dump(graph,
                "graph test\n"
                "%x = input F32 : [sequence 2 2 4]\n"
                "%conv = conv2d(%x, \"filter\") stride=1 padding=0 : [sequence 2 2 4]\n"
                "%norm = batch_norm(%conv, \"scale\", \"shift\", \"mean\", \"variance\") epsilon=1"
                " : [sequence 2 2 4]\n"
                "%sum = add(%norm, %x) : [sequence 2 2 4]\n"
                "%y = activation(%sum) activation=relu : [sequence 2 2 4]\n"
                "output %y\n");
    assert_int_equal(osprey__fold_batch_norm(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 2 2 4]\n"
                       "%norm = conv2d(%x, \"filter\", bias=\"conv.bias\") stride=1 padding=0"
                       " : [sequence 2 2 4]\n"
                       "%sum = add(%norm, %x) : [sequence 2 2 4]\n"
                       "%y = activation(%sum) activation=relu : [sequence 2 2 4]\n"
                       "output %y\n");
    assert_int_equal(osprey__fuse_epilogue(graph, NULL), OSPREY_OK);
    assert_dump(
        graph,
        "graph test\n"
        "%x = input F32 : [sequence 2 2 4]\n"
        "%y = conv2d(%x, \"filter\", bias=\"conv.bias\", residual=%x) activation=relu stride=1 "
        "padding=0 : [sequence 2 2 4]\n"
        "output %y\n");
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    osprey__graph_free(graph);
}

/* y = relu(norm(x) + x), pooled */
static osprey__graph *group_normed_block(void)
{
    osprey__graph *graph = new_graph();
    osprey__shape image = {OSPREY__PER_SEQUENCE, 3, {5, 5, 4}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, image);
    osprey__value_id norm[] = {x, random_constant(graph, "scale", 1, &channels),
                               random_constant(graph, "shift", 1, &channels)};
    osprey__value_id y = osprey__graph_node(graph, OSPREY__OP_GROUP_NORM, "norm", norm, 3,
                                            &(osprey__attributes){.groups = 2, .epsilon = 1e-6F});
    y = osprey__graph_node(graph, OSPREY__OP_ADD, "sum", (osprey__value_id[]){y, x}, 2, NULL);
    y = osprey__graph_node(graph, OSPREY__OP_ACTIVATION, "y", &y, 1,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_RELU});
    y = osprey__graph_node(graph, OSPREY__OP_MAX_POOL, "pool", &y, 1,
                           &(osprey__attributes){.size = 3, .stride = 2, .padding_after = 1});
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

static void test_addition_and_activation_go_into_a_group_norm(void **state)
{
    (void)state;
    osprey__graph *graph = group_normed_block();
    assert_int_equal(osprey__fuse_epilogue(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 5 5 4]\n"
                       "%y = group_norm(%x, \"scale\", \"shift\", residual=%x) activation=relu "
                       "epsilon=1e-06 groups=2 : [sequence 5 5 4]\n"
                       "%pool = max_pool(%y) stride=2 padding=0,1 size=3 : [sequence 2 2 4]\n"
                       "output %pool\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(group_normed_block, osprey__fuse_epilogue);
}

static void test_folding_keeps_the_function(void **state)
{
    (void)state;
    osprey__graph *graph = residual_block();
    assert_int_equal(osprey__fold_batch_norm(graph, NULL), OSPREY_OK);
    const osprey__node *conv = &graph->nodes[0];
    const float *weight = graph->values[conv->inputs[1]].data;
    const float *bias = graph->values[conv->inputs[2]].data;
    for (size_t c = 0; c < channels; c++) {
        double factor = (2 + (double)c) / sqrt(3 + (double)c + 1);
        for (size_t i = 0; i < 4; i++)
            assert_true(fabs(weight[c * 4 + i] - (1 + (double)(c * 4 + i)) * factor) < 1e-5);
        assert_true(fabs(bias[c] - (-1 + (double)c - (0.5 + (double)c) * factor)) < 1e-5);
    }
    osprey__graph_free(graph);
}

/* A value that something else reads too has to stay. */
static void test_what_is_used_twice_is_not_fused(void **state)
{
    (void)state;
    osprey__graph *graph = new_graph();
    osprey__shape row = {OSPREY__PER_TOKEN, 1, {2}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, row);
    const size_t square[] = {2, 2};
    osprey__value_id linear[] = {x, ascending_constant(graph, "w", 2, square, 1),
                                 ascending_constant(graph, "b", 1, &two, 0)};
    osprey__value_id y = osprey__graph_node(graph, OSPREY__OP_LINEAR, "y", linear, 3, NULL);
    osprey__value_id z =
        osprey__graph_node(graph, OSPREY__OP_ACTIVATION, "z", &y, 1,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_GELU});
    osprey__value_id sum =
        osprey__graph_node(graph, OSPREY__OP_ADD, "sum", (osprey__value_id[]){z, y}, 2, NULL);
    assert_int_equal(osprey__graph_finish(graph, sum, NULL), OSPREY_OK);
    assert_int_equal(osprey__passes_run(graph, NULL, NULL, NULL, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [token 2]\n"
                       "%y = linear(%x, \"w\", bias=\"b\") : [token 2]\n"
                       "%z = activation(%y) activation=gelu : [token 2]\n"
                       "%sum = add(%z, %y) : [token 2]\n"
                       "output %sum\n");
    osprey__graph_free(graph);
}

/* An attention block over tokens of which only one is read afterwards. */
static osprey__graph *pooled_block(osprey__extent extent, bool causal)
{
    bool text = extent == OSPREY__PER_TOKEN;
    osprey__graph *graph = new_graph();
    osprey__shape rows = {extent, text ? 1 : 2, {text ? 2 : 5, 2}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, rows);
    const size_t square[] = {2, 2};
    osprey__value_id w = ascending_constant(graph, "w", 2, square, 1);
    osprey__value_id qkv[3], y;
    static const char *const names[] = {"q", "k", "v"};
    for (size_t i = 0; i < 3; i++)
        qkv[i] = osprey__graph_node(graph, OSPREY__OP_LINEAR, names[i], (osprey__value_id[]){x, w},
                                    2, NULL);
    y = osprey__graph_node(
        graph, OSPREY__OP_ATTENTION, "mixed", qkv, 3,
        &(osprey__attributes){.heads = 1, .head_dim = 2, .scale = 1, .causal = causal});
    y = osprey__graph_node(graph, OSPREY__OP_ADD, "sum", (osprey__value_id[]){y, x}, 2, NULL);
    osprey__value_id z =
        osprey__graph_node(graph, OSPREY__OP_ACTIVATION, "z", &y, 1,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_GELU});
    y = osprey__graph_node(graph, OSPREY__OP_ADD, "sum2", (osprey__value_id[]){z, y}, 2, NULL);
    if (text) {
        osprey__shape index = {OSPREY__PER_SEQUENCE, 0, {0}};
        osprey__value_id pooled = osprey__graph_input(graph, "pooled", OSPREY__I32, index);
        y = osprey__graph_node(graph, OSPREY__OP_GATHER, "out", (osprey__value_id[]){y, pooled}, 2,
                               NULL);
    } else {
        y = osprey__graph_node(graph, OSPREY__OP_SLICE, "out", &y, 1,
                               &(osprey__attributes){.count = 1});
    }
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    assert_int_equal(osprey__prune_rows(graph, NULL), OSPREY_OK);
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    return graph;
}

static void test_only_the_class_token_is_computed(void **state)
{
    (void)state;
    osprey__graph *graph = pooled_block(OSPREY__PER_SEQUENCE, false);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 5 2]\n"
                       "%k = linear(%x, \"w\") : [sequence 5 2]\n"
                       "%v = linear(%x, \"w\") : [sequence 5 2]\n"
                       "%x.picked = slice(%x) rows=0+1 : [sequence 1 2]\n"
                       "%q.picked = linear(%x.picked, \"w\") : [sequence 1 2]\n"
                       "%mixed.picked = attention(%q.picked, %k, %v) heads=1 scale=1"
                       " : [sequence 1 2]\n"
                       "%sum.picked = add(%mixed.picked, %x.picked) : [sequence 1 2]\n"
                       "%z.picked = activation(%sum.picked) activation=gelu : [sequence 1 2]\n"
                       "%out = add(%z.picked, %sum.picked) : [sequence 1 2]\n"
                       "output %out\n");
    osprey__graph_free(graph);
}

static void test_only_the_last_token_of_a_text_is_computed(void **state)
{
    (void)state;
    osprey__graph *graph = pooled_block(OSPREY__PER_TOKEN, true);
    assert_dump(
        graph,
        "graph test\n"
        "%x = input F32 : [token 2]\n"
        "%pooled = input I32 : [sequence]\n"
        "%k = linear(%x, \"w\") : [token 2]\n"
        "%v = linear(%x, \"w\") : [token 2]\n"
        "%x.picked = gather(%x, %pooled) : [sequence 2]\n"
        "%q.picked = linear(%x.picked, \"w\") : [sequence 2]\n"
        "%mixed.picked = attention(%q.picked, %k, %v) heads=1 scale=1 causal : [sequence 2]\n"
        "%sum.picked = add(%mixed.picked, %x.picked) : [sequence 2]\n"
        "%z.picked = activation(%sum.picked) activation=gelu : [sequence 2]\n"
        "%out = add(%z.picked, %sum.picked) : [sequence 2]\n"
        "output %out\n");
    osprey__graph_free(graph);
}

/* Without a mask any token can be the pooled one; the graph still says that there is none. */
static void test_only_the_first_token_of_a_text_is_computed(void **state)
{
    (void)state;
    osprey__graph *graph = pooled_block(OSPREY__PER_TOKEN, false);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [token 2]\n"
                       "%pooled = input I32 : [sequence]\n"
                       "%k = linear(%x, \"w\") : [token 2]\n"
                       "%v = linear(%x, \"w\") : [token 2]\n"
                       "%x.picked = gather(%x, %pooled) : [sequence 2]\n"
                       "%q.picked = linear(%x.picked, \"w\") : [sequence 2]\n"
                       "%mixed.picked = attention(%q.picked, %k, %v) heads=1 scale=1"
                       " : [sequence 2]\n"
                       "%sum.picked = add(%mixed.picked, %x.picked) : [sequence 2]\n"
                       "%z.picked = activation(%sum.picked) activation=gelu : [sequence 2]\n"
                       "%out = add(%z.picked, %sum.picked) : [sequence 2]\n"
                       "output %out\n");
    osprey__graph_free(graph);
}

static void test_shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    osprey__graph *graph = new_graph();
    osprey__shape row = {OSPREY__PER_TOKEN, 1, {3}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, row);
    const size_t square[] = {2, 2};
    osprey__value_id linear[] = {x, ascending_constant(graph, "w", 2, square, 1)};
    osprey__value_id y = osprey__graph_node(graph, OSPREY__OP_LINEAR, "layer", linear, 2, NULL);
    assert_int_equal(y, OSPREY__NO_VALUE);
    osprey_error error;
    assert_int_equal(osprey__graph_finish(graph, y, &error), OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "layer");
    assert_non_null(strstr(error.message, "width of x"));
    osprey__graph_free(graph);
}

static void test_the_verifier_sees_a_wrong_order(void **state)
{
    (void)state;
    osprey__graph *graph = residual_block();
    osprey__node first = graph->nodes[0];
    graph->nodes[0] = graph->nodes[1];
    graph->nodes[1] = first;
    osprey_error error;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "before it is computed"));
    graph->nodes[1] = graph->nodes[0];
    graph->nodes[0] = first;
    assert_int_equal(osprey__graph_verify(graph, &error), OSPREY_OK);
    graph->values[first.output].shape.dims[2] = 5;
    assert_int_not_equal(osprey__graph_verify(graph, &error), OSPREY_OK);
    osprey__graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_residual_block_becomes_one_convolution),
        cmocka_unit_test(test_addition_and_activation_go_into_a_group_norm),
        cmocka_unit_test(test_folding_keeps_the_function),
        cmocka_unit_test(test_what_is_used_twice_is_not_fused),
        cmocka_unit_test(test_only_the_class_token_is_computed),
        cmocka_unit_test(test_only_the_last_token_of_a_text_is_computed),
        cmocka_unit_test(test_only_the_first_token_of_a_text_is_computed),
        cmocka_unit_test(test_shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(test_the_verifier_sees_a_wrong_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
