/* SPDX-License-Identifier: Apache-2.0 */
/* Which feature maps between convolutions a plan keeps as bfloat16s. */
#include "cmocka_all.h"
#include "passes/pass_graphs.h"
#include "plan/plan.h"

enum { SIZE = 8, CHANNELS = 16 };

static osprey__value_id conv(osprey__graph *graph, const char *name, size_t window,
                             osprey__value_id x, osprey__value_id residual,
                             osprey_precision precision)
{
    const size_t dims[] = {CHANNELS, CHANNELS, window, window};
    const osprey__value_id inputs[] = {x, random_constant(graph, name, 4, dims), OSPREY__NO_VALUE,
                                       residual};
    return osprey__graph_node(graph, OSPREY__OP_CONV2D, name, inputs, 4,
                              &(osprey__attributes){.stride = 1,
                                                    .padding = window / 2,
                                                    .padding_after = window / 2,
                                                    .precision = precision});
}

/* Two bottlenecks, the map between which the second adds, and a pool; each node is its name. */
static osprey__plan *plan_of(osprey_precision precision)
{
    osprey__graph *graph = new_graph();
    const osprey__shape image = {OSPREY__PER_SEQUENCE, 3, {SIZE, SIZE, CHANNELS}};
    const osprey__value_id none = OSPREY__NO_VALUE;
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, image);
    osprey__value_id trunk = conv(graph, "trunk", 1, x, none, precision);
    osprey__value_id y = conv(graph, "inner", 1, trunk, none, precision);
    y = conv(graph, "windows", 3, y, none, precision);
    trunk = conv(graph, "sum", 1, y, trunk, precision);
    trunk = osprey__graph_node(graph, OSPREY__OP_AVERAGE_POOL, "pool", &trunk, 1,
                               &(osprey__attributes){.size = 2});
    trunk = conv(graph, "last", 1, trunk, none, precision);
    assert_int_equal(osprey__graph_finish(graph, trunk, NULL), OSPREY_OK);
    osprey__plan *plan;
    assert_int_equal(osprey__plan_create(graph, OSPREY__CPU_PORTABLE, &plan, NULL), OSPREY_OK);
    return plan;
}

static void test_maps_between_integers_are_rounded(void **state)
{
    (void)state;
    /* trunk, inner, windows, sum, pool, last; the second is read by windows, and by them alone. */
    static const bool rounded[] = {true, false, true, true, false, false};
    for (int p = 0; p < OSPREY_PRECISIONS; p++) {
        osprey__plan *plan = plan_of((osprey_precision)p);
        const bool integers = p == OSPREY_PRECISION_INT8 || p == OSPREY_PRECISION_INT4;
        assert_int_equal(plan->step_count, 6);
        for (size_t s = 0; s < plan->step_count; s++) {
            const osprey__placement *at = &plan->placements[plan->steps[s].node->output];
            const bool half = integers && rounded[s];
            assert_int_equal(at->form.dtype, half ? OSPREY__BF16 : OSPREY__F32);
            assert_int_equal(at->form.stride, CHANNELS * (half ? 2 : 4));
        }
        /* The sum is written over what it adds. */
        assert_int_equal(plan->placements[plan->steps[3].node->output].root,
                         plan->steps[0].node->output);
        osprey__plan_free(plan);
    }
}

/* What is read in another precision, too, stays as it is. */
static void test_other_readers_get_floats(void **state)
{
    (void)state;
    osprey__plan *plan = plan_of(OSPREY_PRECISION_INT8);
    plan->graph->nodes[1].attributes.precision = OSPREY_PRECISION_FP32;
    osprey__plan_arrange(plan);
    assert_int_equal(plan->placements[plan->steps[0].node->output].form.dtype, OSPREY__F32);
    assert_int_equal(plan->placements[plan->steps[3].node->output].form.dtype, OSPREY__BF16);
    assert_int_equal(plan->placements[plan->steps[3].node->output].root,
                     plan->steps[3].node->output);
    osprey__plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_between_integers_are_rounded),
        cmocka_unit_test(test_other_readers_get_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
