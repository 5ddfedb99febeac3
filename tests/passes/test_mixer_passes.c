/* SPDX-License-Identifier: Apache-2.0 */
/* What passes do to a Mixer's block: the norm before a transposition, and the addition behind. */
#include "cmocka_all.h"
#include "passes/pass_graphs.h"

enum { TOKENS = 3, WIDTH = 5 };

/* out = (norm(x)^T w^T)^T + x */
static osprey__graph *token_mixing(void)
{
    static const size_t width = WIDTH, square[] = {TOKENS, TOKENS};
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {TOKENS, WIDTH}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, rows);
    osprey__value_id norm[] = {x, random_constant(graph, "scale", 1, &width),
                               random_constant(graph, "shift", 1, &width)};
    osprey__value_id y = osprey__graph_node(graph, OSPREY__OP_LAYER_NORM, "norm", norm, 3,
                                            &(osprey__attributes){.epsilon = 1e-5F});
    y = osprey__graph_node(graph, OSPREY__OP_TRANSPOSE, "channels", &y, 1, NULL);
    osprey__value_id linear[] = {y, random_constant(graph, "w", 2, square)};
    y = osprey__graph_node(graph, OSPREY__OP_LINEAR, "mixed", linear, 2, NULL);
    y = osprey__graph_node(graph, OSPREY__OP_TRANSPOSE, "tokens", &y, 1, NULL);
    y = osprey__graph_node(graph, OSPREY__OP_ADD, "out", (osprey__value_id[]){y, x}, 2, NULL);
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

/* A scale for each row of what the linear reads is none for its columns. */
static void test_a_norm_stays_before_a_transposition(void **state)
{
    (void)state;
    osprey__graph *graph = token_mixing();
    assert_int_equal(osprey__fold_layer_norm(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 5]\n"
                       "%norm = layer_norm(%x, scale=\"scale\", shift=\"shift\") epsilon=1e-05"
                       " : [sequence 3 5]\n"
                       "%channels = transpose(%norm) : [sequence 5 3]\n"
                       "%mixed = linear(%channels, \"w\") : [sequence 5 3]\n"
                       "%tokens = transpose(%mixed) : [sequence 3 5]\n"
                       "%out = add(%tokens, %x) : [sequence 3 5]\n"
                       "output %out\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(token_mixing, osprey__fold_layer_norm);
}

static void test_an_addition_goes_into_the_transposition(void **state)
{
    (void)state;
    osprey__graph *graph = token_mixing();
    assert_int_equal(osprey__fuse_epilogue(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 5]\n"
                       "%norm = layer_norm(%x, scale=\"scale\", shift=\"shift\") epsilon=1e-05"
                       " : [sequence 3 5]\n"
                       "%channels = transpose(%norm) : [sequence 5 3]\n"
                       "%mixed = linear(%channels, \"w\") : [sequence 5 3]\n"
                       "%out = transpose(%mixed, residual=%x) : [sequence 3 5]\n"
                       "output %out\n");
    osprey__graph_free(graph);
    assert_pass_keeps_function(token_mixing, osprey__fuse_epilogue);
}

/* A transposition has nothing that would activate. */
static void test_an_activation_stays_behind_a_transposition(void **state)
{
    (void)state;
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {TOKENS, WIDTH}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, rows);
    x = osprey__graph_node(graph, OSPREY__OP_TRANSPOSE, "t", &x, 1, NULL);
    x = osprey__graph_node(graph, OSPREY__OP_ACTIVATION, "a", &x, 1,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_RELU});
    assert_int_equal(osprey__graph_finish(graph, x, NULL), OSPREY_OK);
    assert_int_equal(osprey__fuse_epilogue(graph, NULL), OSPREY_OK);
    assert_int_equal(graph->node_count, 2);
    osprey__graph_free(graph);
}

static void test_shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const osprey__shape shapes[] = {{OSPREY__PER_SEQUENCE, 3, {2, 3, 4}},
                                    {OSPREY__PER_SEQUENCE, 1, {4}},
                                    {OSPREY__PER_TOKEN, 2, {3, 4}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        osprey__graph *graph = new_graph();
        osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, shapes[i]);
        x = osprey__graph_node(graph, OSPREY__OP_TRANSPOSE, "t", &x, 1, NULL);
        assert_int_equal(x, OSPREY__NO_VALUE);
        assert_int_equal(osprey__graph_status(graph, NULL), OSPREY_INVALID_ARGUMENT);
        osprey__graph_free(graph);
    }
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {TOKENS, WIDTH}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, rows);
    x = osprey__graph_node(graph, OSPREY__OP_TRANSPOSE, "t", (osprey__value_id[]){x, x}, 2, NULL);
    assert_int_equal(x, OSPREY__NO_VALUE);
    osprey__graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_norm_stays_before_a_transposition),
        cmocka_unit_test(test_an_addition_goes_into_the_transposition),
        cmocka_unit_test(test_an_activation_stays_behind_a_transposition),
        cmocka_unit_test(test_shapes_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
