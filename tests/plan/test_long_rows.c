/* SPDX-License-Identifier: Apache-2.0 */
/* Rows so long that their integer sums would not fit are refused, not multiplied. */
#include "cmocka_all.h"
#include "kernels/quantize.h"
#include "passes/pass_graphs.h"
#include "plan/plan.h"

#include <string.h>

static osprey_status plan_of(size_t k, osprey_precision precision, osprey_error *error)
{
    osprey__graph *graph = new_graph();
    const osprey__shape shape = {OSPREY__PER_SEQUENCE, 1, {k}};
    const osprey__value_id inputs[] = {osprey__graph_input(graph, "row", OSPREY__F32, shape),
                                       random_constant(graph, "weights", 2, (size_t[]){2, k})};
    const osprey__value_id out = osprey__graph_node(graph, OSPREY__OP_LINEAR, "products", inputs, 2,
                                                    &(osprey__attributes){.precision = precision});
    osprey__plan *plan = NULL;
    assert_int_equal(osprey__graph_finish(graph, out, NULL), OSPREY_OK);
    osprey_status status = osprey__plan_create(graph, OSPREY__CPU_PORTABLE, &plan, error);
    osprey__plan_free(plan);
    return status;
}

static void test_integers_have_a_limit(void **state)
{
    (void)state;
    for (int p = 0; p < OSPREY_PRECISIONS; p++) {
        const osprey_precision precision = (osprey_precision)p;
        const bool integers =
            precision == OSPREY_PRECISION_INT8 || precision == OSPREY_PRECISION_INT4;
        osprey_error error = {0};
        assert_int_equal(plan_of(OSPREY__INT8_MOST_K, precision, &error), OSPREY_OK);
        const osprey_status longer = plan_of(OSPREY__INT8_MOST_K + 1, precision, &error);
        assert_int_equal(longer, integers ? OSPREY_UNSUPPORTED : OSPREY_OK);
        if (!integers) continue;
        assert_string_equal(error.subject, "products");
        assert_non_null(strstr(error.message, osprey_precision_name(precision)));
        assert_non_null(strstr(error.message, "keep this layer in bf16"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
