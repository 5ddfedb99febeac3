/* SPDX-License-Identifier: Apache-2.0 */
/* Which attention a plan runs with values in 8 bits: that between int8 products alone. */
#include "cmocka_all.h"
#include "kernels/guarded.h"
#include "passes/pass_graphs.h"
#include "plan/plan.h"

enum { TOKENS = 9, HEADS = 2, HEAD_DIM = 8, WIDTH = HEADS * HEAD_DIM };

static osprey__value_id linear(osprey__graph *graph, const char *name, osprey__value_id x,
                               osprey_precision precision)
{
    const osprey__value_id inputs[] = {x,
                                       random_constant(graph, name, 2, (size_t[]){WIDTH, WIDTH})};
    return osprey__graph_node(graph, OSPREY__OP_LINEAR, name, inputs, 2,
                              &(osprey__attributes){.precision = precision});
}

/* The products of q, k and v, attention, and the product of its result. */
static osprey__plan *plan_of(osprey__cpu_level level, const osprey_precision precisions[4],
                             size_t queries, bool has_grid)
{
    const osprey__value_id none = OSPREY__NO_VALUE;
    osprey__graph *graph = new_graph();
    const osprey__shape all = {OSPREY__PER_SEQUENCE, 2, {TOKENS, WIDTH}};
    const osprey__shape some = {OSPREY__PER_SEQUENCE, 2, {queries, WIDTH}};
    osprey__value_id tokens = osprey__graph_input(graph, "tokens", OSPREY__F32, all);
    osprey__value_id asked = osprey__graph_input(graph, "asked", OSPREY__F32, some);
    const osprey__value_id inputs[] = {linear(graph, "q", asked, precisions[0]),
                                       linear(graph, "k", tokens, precisions[1]),
                                       linear(graph, "v", tokens, precisions[2]),
                                       none,
                                       none,
                                       has_grid ? asked : none};
    osprey__value_id x = osprey__graph_node(
        graph, OSPREY__OP_ATTENTION, "attention", inputs, 6,
        &(osprey__attributes){.heads = HEADS, .head_dim = HEAD_DIM, .scale = 0.5f});
    x = linear(graph, "out", x, precisions[3]);
    assert_int_equal(osprey__graph_finish(graph, x, NULL), OSPREY_OK);
    osprey__plan *plan;
    assert_int_equal(osprey__plan_create(graph, level, &plan, NULL), OSPREY_OK);
    return plan;
}

static bool attends_s8(osprey__cpu_level level, const osprey_precision precisions[4],
                       size_t queries, bool has_grid)
{
    osprey__plan *plan = plan_of(level, precisions, queries, has_grid);
    assert_int_equal(plan->steps[3].node->op, OSPREY__OP_ATTENTION);
    bool attends = plan->steps[3].attends_s8;
    osprey__plan_free(plan);
    return attends;
}

static void test_int8_products_have_it_between_them(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("attention", (osprey__cpu_level)level);
        if (!kernels) continue;
        bool there = kernels->attention_s8.run != NULL;
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            const osprey_precision same = (osprey_precision)p;
            const osprey_precision precisions[] = {same, same, same, same};
            assert_int_equal(attends_s8((osprey__cpu_level)level, precisions, TOKENS, false),
                             there && p == OSPREY_PRECISION_INT8);
            /* Nor does padding, which it leaves out, stand in its way. */
            assert_int_equal(attends_s8((osprey__cpu_level)level, precisions, TOKENS, true),
                             there && p == OSPREY_PRECISION_INT8);
            /* Rounding all values for one query takes longer than it saves. */
            assert_false(attends_s8((osprey__cpu_level)level, precisions, 1, false));
        }
    }
}

static void test_a_layer_that_is_kept_is_not_rounded(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("kept", (osprey__cpu_level)level);
        for (size_t kept = 0; kernels && kept < 4; kept++) {
            osprey_precision precisions[] = {OSPREY_PRECISION_INT8, OSPREY_PRECISION_INT8,
                                             OSPREY_PRECISION_INT8, OSPREY_PRECISION_INT8};
            precisions[kept] = OSPREY_PRECISION_FP32;
            assert_false(attends_s8((osprey__cpu_level)level, precisions, TOKENS, false));
            precisions[kept] = OSPREY_PRECISION_BF16;
            bool result_alone = kept == 3 && kernels->attention_s8.run;
            assert_int_equal(attends_s8((osprey__cpu_level)level, precisions, TOKENS, false),
                             result_alone);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int8_products_have_it_between_them),
        cmocka_unit_test(test_a_layer_that_is_kept_is_not_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
