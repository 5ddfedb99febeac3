/* SPDX-License-Identifier: Apache-2.0 */
/* Constant folding, dead nodes, who owns constants, and what an observer of the passes sees. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "passes/pass_graphs.h"
#include "plan/plan.h"

#include <string.h>

static const size_t width = 2;

static osprey__value_id node(osprey__graph *graph, osprey__op op, const char *name,
                             osprey__value_id x, osprey__value_id y, osprey__attributes attributes)
{
    return osprey__graph_node(graph, op, name, (osprey__value_id[]){x, y}, 2, &attributes);
}

/* x + slice(relu(reshape(concat(a, b)))), and a second sum that nothing uses */
static osprey__graph *constant_chain(void)
{
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {3, 2}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, rows);
    osprey__value_id a = ascending_constant(graph, "a", 2, (size_t[]){1, 2}, -1);
    osprey__value_id b = ascending_constant(graph, "b", 2, (size_t[]){3, 2}, -3);
    osprey__attributes none = {0};
    osprey__value_id y = node(graph, OSPREY__OP_CONCAT, "joined", a, b, none);
    y = node(graph, OSPREY__OP_RESHAPE, "flat", y, OSPREY__NO_VALUE,
             (osprey__attributes){.shape = {OSPREY__ONCE, 1, {8}}});
    y = node(graph, OSPREY__OP_ACTIVATION, "positive", y, OSPREY__NO_VALUE,
             (osprey__attributes){.activation = OSPREY_ACTIVATION_RELU});
    y = node(graph, OSPREY__OP_ADD, "doubled", y, y, none);
    y = node(graph, OSPREY__OP_RESHAPE, "rows", y, OSPREY__NO_VALUE,
             (osprey__attributes){.shape = {OSPREY__ONCE, 2, {4, 2}}});
    y = node(graph, OSPREY__OP_SLICE, "last", y, OSPREY__NO_VALUE,
             (osprey__attributes){.start = 1, .count = 3});
    node(graph, OSPREY__OP_ADD, "unused", x, b, none);
    y = node(graph, OSPREY__OP_ADD, "sum", x, y, none);
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

static void test_constants_are_folded(void **state)
{
    (void)state;
    osprey__graph *graph = constant_chain();
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 2]\n"
                       "%joined = concat(\"a\", \"b\") : [4 2]\n"
                       "%flat = reshape(%joined) : [8]\n"
                       "%positive = activation(%flat) activation=relu : [8]\n"
                       "%doubled = add(%positive, %positive) : [8]\n"
                       "%rows = reshape(%doubled) : [4 2]\n"
                       "%last = slice(%rows) rows=1+3 : [3 2]\n"
                       "%unused = add(%x, \"b\") : [sequence 3 2]\n"
                       "%sum = add(%x, %last) : [sequence 3 2]\n"
                       "output %sum\n");
    assert_int_equal(osprey__fold_constants(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 2]\n"
                       "%unused = add(%x, \"b\") : [sequence 3 2]\n"
                       "%sum = add(%x, \"last\") : [sequence 3 2]\n"
                       "output %sum\n");
    assert_int_equal(osprey__graph_verify(graph, NULL), OSPREY_OK);
    const float wanted[] = {0, 0, 0, 0, 2, 4};
    assert_memory_equal(graph->values[graph->nodes[1].inputs[1]].data, wanted, sizeof wanted);
    osprey__graph_free(graph);
    assert_pass_keeps_function(constant_chain, osprey__fold_constants);
}

static void test_products_of_constants_are_refused(void **state)
{
    (void)state;
    osprey__graph *graph = new_graph();
    osprey__shape row = {OSPREY__PER_TOKEN, 1, {2}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, row);
    osprey__value_id w = random_constant(graph, "w", 2, (size_t[]){2, 2});
    osprey__value_id b = random_constant(graph, "b", 1, &width);
    osprey__value_id y = node(graph, OSPREY__OP_LINEAR, "bw", b, w, (osprey__attributes){0});
    y = node(graph, OSPREY__OP_ADD, "sum", x, y, (osprey__attributes){0});
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    osprey_error error;
    assert_int_equal(osprey__fold_constants(graph, &error), OSPREY_UNSUPPORTED);
    assert_string_equal(error.subject, "bw");
    assert_non_null(strstr(error.message, "linear"));
    osprey__graph_free(graph);
}

/* Bytes that the graph holds for constants. */
static size_t constant_bytes(const osprey__graph *graph)
{
    size_t bytes = 0;
    for (size_t v = 0; v < graph->value_count; v++)
        if (graph->values[v].owned)
            bytes += osprey__shape_elements(&graph->values[v].shape) * sizeof(float);
    return bytes;
}

static void test_dead_nodes_are_removed(void **state)
{
    (void)state;
    osprey__graph *graph = constant_chain();
    assert_int_equal(osprey__fold_constants(graph, NULL), OSPREY_OK);
    /* b is still read, a and everything in between are gone. */
    assert_int_equal(constant_bytes(graph), (6 + 6) * sizeof(float));
    assert_int_equal(osprey__remove_dead_nodes(graph, NULL), OSPREY_OK);
    assert_dump(graph, "graph test\n"
                       "%x = input F32 : [sequence 3 2]\n"
                       "%sum = add(%x, \"last\") : [sequence 3 2]\n"
                       "output %sum\n");
    assert_int_equal(constant_bytes(graph), 6 * sizeof(float));
    osprey__graph_free(graph);
    assert_pass_keeps_function(constant_chain, osprey__remove_dead_nodes);
}

/* A constant that the graph does not own, or that has another use, must not be written to. */
static void test_constants_are_copied_before_they_change(void **state)
{
    (void)state;
    static const float mapped[] = {1, 2};
    osprey__graph *graph = new_graph();
    osprey__value_id a = osprey__graph_constant(graph, "a", OSPREY__F32, 1, &width, mapped);
    osprey__shape row = {OSPREY__PER_TOKEN, 1, {2}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, row);
    osprey__value_id y = node(graph, OSPREY__OP_ADD, "y", x, a, (osprey__attributes){0});
    y = node(graph, OSPREY__OP_ADD, "z", y, a, (osprey__attributes){0});
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);

    osprey__value_id *first = &graph->nodes[0].inputs[1], *second = &graph->nodes[1].inputs[1];
    float *copy = osprey__graph_edit_constant(graph, first);
    assert_ptr_not_equal(copy, mapped);
    assert_memory_equal(copy, mapped, sizeof mapped);
    assert_ptr_equal(osprey__graph_edit_constant(graph, first), copy);
    *second = *first;
    assert_ptr_not_equal(osprey__graph_edit_constant(graph, second), copy);
    assert_int_not_equal(*second, *first);
    osprey__graph_free(graph);
}

/* Once the plan has packed them they are not needed twice; tables are read where they are. */
static void test_a_plan_gives_back_what_it_packed(void **state)
{
    (void)state;
    osprey__graph *graph = new_graph();
    osprey__shape one_a_token = {OSPREY__PER_TOKEN, 0, {0}};
    osprey__value_id ids = osprey__graph_input(graph, "ids", OSPREY__I32, one_a_token);
    osprey__value_id table = random_constant(graph, "table", 2, (size_t[]){9, 2});
    osprey__value_id w = random_constant(graph, "w", 2, (size_t[]){2, 2});
    osprey__value_id b = random_constant(graph, "b", 1, &width);
    osprey__value_id y = node(graph, OSPREY__OP_GATHER, "y", table, ids, (osprey__attributes){0});
    for (size_t i = 0; i < 2; i++)
        y = osprey__graph_node(graph, OSPREY__OP_LINEAR, i ? "second" : "first",
                               (osprey__value_id[]){y, w, b}, 3, NULL);
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    osprey__plan *plan = NULL;
    assert_int_equal(osprey__plan_create(graph, OSPREY__CPU_PORTABLE, &plan, NULL), OSPREY_OK);
    assert_int_equal(osprey__plan_pack(plan, NULL), OSPREY_OK);
    assert_null(graph->values[w].owned);
    assert_null(graph->values[b].owned);
    assert_non_null(graph->values[table].owned);
    assert_memory_equal(plan->steps[1].packed, plan->steps[2].packed, 4 * sizeof(float));
    osprey__plan_free(plan);
}

typedef struct seen {
    char names[512];
    size_t last_nodes;
    const char *stop_at;
} seen;

static osprey_status observe(void *context, const char *pass, const osprey__graph *graph,
                             osprey_error *error)
{
    (void)error;
    seen *s = context;
    strncat(s->names, pass, sizeof s->names - strlen(s->names) - 2);
    strncat(s->names, " ", 2);
    s->last_nodes = graph->node_count;
    return s->stop_at && strcmp(pass, s->stop_at) == 0 ? OSPREY_IO : OSPREY_OK;
}

static void test_an_observer_sees_the_graph_after_each_pass(void **state)
{
    (void)state;
    osprey__graph *graph = constant_chain();
    seen all = {0};
    assert_int_equal(osprey__passes_run(graph, NULL, observe, &all, NULL), OSPREY_OK);
    static const char wanted[] = "built "
#define OSPREY__PASS(name, text) #name " "
#define OSPREY__REDUCTION(name, member, text)
#include "passes/passes.def"
#undef OSPREY__PASS
#undef OSPREY__REDUCTION
        ;
    assert_string_equal(all.names, wanted);
    assert_int_equal(all.last_nodes, 1);
    osprey__graph_free(graph);

    graph = constant_chain();
    seen some = {.stop_at = "built"};
    assert_int_equal(osprey__passes_run(graph, NULL, observe, &some, NULL), OSPREY_IO);
    assert_string_equal(some.names, "built ");
    assert_int_equal(some.last_nodes, 8);
    osprey__graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants_are_folded),
        cmocka_unit_test(test_products_of_constants_are_refused),
        cmocka_unit_test(test_dead_nodes_are_removed),
        cmocka_unit_test(test_constants_are_copied_before_they_change),
        cmocka_unit_test(test_a_plan_gives_back_what_it_packed),
        cmocka_unit_test(test_an_observer_sees_the_graph_after_each_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
