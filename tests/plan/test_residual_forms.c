/* SPDX-License-Identifier: Apache-2.0 */
/* A product that adds a residual leaves its rows as far apart as those that it adds, whatever reads
 * them. */
#include "cmocka_all.h"
#include "kernels/guarded.h"
#include "passes/pass_graphs.h"
#include "plan/plan.h"

enum {
    TOKENS = 3,
    WIDTH = 1024
}; /* rows whose floats are read better if they are not WIDTH apart */

static osprey__value_id linear(osprey__graph *graph, const char *name, osprey__value_id x,
                               osprey__value_id residual, osprey_precision precision)
{
    const osprey__value_id inputs[] = {x, random_constant(graph, name, 2, (size_t[]){WIDTH, WIDTH}),
                                       OSPREY__NO_VALUE, residual};
    return osprey__graph_node(graph, OSPREY__OP_LINEAR, name, inputs, 4,
                              &(osprey__attributes){.precision = precision});
}

static void test_sums_lie_as_their_residuals(void **state)
{
    (void)state;
    const osprey__shape shape = {OSPREY__PER_SEQUENCE, 2, {TOKENS, WIDTH}};
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const bool there = kernels_or_say_so("residuals", (osprey__cpu_level)level) != NULL;
        for (int p = 0; there && p < OSPREY_PRECISIONS; p++) {
            const osprey_precision precision = (osprey_precision)p;
            osprey__graph *graph = new_graph();
            osprey__value_id tokens = osprey__graph_input(graph, "tokens", OSPREY__F32, shape);
            osprey__value_id sum = linear(graph, "sum", tokens, tokens, precision);
            osprey__value_id out = linear(graph, "out", sum, OSPREY__NO_VALUE, precision);
            assert_int_equal(osprey__graph_finish(graph, out, NULL), OSPREY_OK);
            osprey__plan *plan;
            assert_int_equal(osprey__plan_create(graph, (osprey__cpu_level)level, &plan, NULL),
                             OSPREY_OK);
            const osprey__row_form *form = &plan->placements[sum].form;
            assert_int_equal(form->dtype, OSPREY__F32);
            assert_int_equal(form->stride, plan->placements[tokens].form.stride);
            osprey__plan_free(plan);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_lie_as_their_residuals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
