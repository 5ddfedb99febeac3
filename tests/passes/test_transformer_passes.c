/* SPDX-License-Identifier: Apache-2.0 */
/* What passes do to a transformer block: layer norm, attention's scale, q, k and v. */
#include "cmocka_all.h"
#include "passes/pass_graphs.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer_norm_goes_into_linears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
