/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products that a plan computes by Strassen's method where a level has it, against the sum that
 * defines them, and the same bits in any batch on any threads.
 */
#include "backend/run_plan.h"
#include "base/memory.h"
#include "cmocka_all.h"
#include "passes/pass_graphs.h"
#include "plan/strassen_rows.h"

#include <math.h>
#include <stdio.h>

/* Two blocks of pairs, a middle row, and rows WAY_BYTES apart between the two products. */
enum { ROWS = 125, IN = 264, INNER = 1024, OUT = 256, IMAGES = 9 };

static osprey__value_id linear(osprey__graph *graph, const char *name, osprey__value_id x,
                               size_t in, size_t out, osprey__value_id residual)
{
    char text[16];
    const size_t dims[] = {out, in};
    snprintf(text, sizeof text, "%s.weight", name);
    osprey__value_id inputs[] = {x, random_constant(graph, text, 2, dims), OSPREY__NO_VALUE,
                                 residual};
    snprintf(text, sizeof text, "%s.bias", name);
    inputs[2] = random_constant(graph, text, 1, &out);
    return osprey__graph_node(graph, OSPREY__OP_LINEAR, name, inputs, 4,
                              &(osprey__attributes){.precision = OSPREY_PRECISION_FP32});
}

/* y = w2 (w1 x + b1) + b2 + w3 x + b3 */
static osprey__graph *block(void)
{
    osprey__graph *graph = new_graph();
    osprey__shape rows = {OSPREY__PER_SEQUENCE, 2, {ROWS, IN}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, rows);
    osprey__value_id residual = linear(graph, "w3", x, IN, OUT, OSPREY__NO_VALUE);
    osprey__value_id inner = linear(graph, "w1", x, IN, INNER, OSPREY__NO_VALUE);
    osprey__value_id y = linear(graph, "w2", inner, INNER, OUT, residual);
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

static double sum_of(const osprey__graph *graph, const char *name, const double *x, size_t in,
                     size_t out)
{
    char text[16];
    snprintf(text, sizeof text, "%s.weight", name);
    const float *weight = constant_data(graph, text) + out * in;
    snprintf(text, sizeof text, "%s.bias", name);
    double sum = (double)constant_data(graph, text)[out];
    for (size_t i = 0; i < in; i++) sum += x[i] * (double)weight[i];
    return sum;
}

static guarded expected_of(const float *images)
{
    osprey__graph *graph = block();
    guarded out = guarded_random(IMAGES * ROWS * OUT, NAN);
    for (size_t row = 0; row < IMAGES * ROWS; row++) {
        double x[IN], inner[INNER];
        for (size_t i = 0; i < IN; i++) x[i] = (double)images[row * IN + i];
        for (size_t i = 0; i < INNER; i++) inner[i] = sum_of(graph, "w1", x, IN, i);
        for (size_t i = 0; i < OUT; i++)
            out.floats[row * OUT + i] =
                (float)(sum_of(graph, "w2", inner, INNER, i) + sum_of(graph, "w3", x, IN, i));
    }
    osprey__graph_free(graph);
    return out;
}

/* A plan as on a machine where the method pays. */
static osprey__plan *plan_of(osprey__graph *graph, osprey__cpu_level level)
{
    osprey__plan *plan = NULL;
    assert_int_equal(osprey__plan_create(graph, level, &plan, NULL), OSPREY_OK);
    for (size_t s = 0; s < plan->step_count; s++) {
        osprey__step *step = &plan->steps[s];
        const size_t rows = osprey__strassen_rows_of(plan, step);
        assert_int_equal(step->strassen_rows, osprey__strassen_pays() ? rows : 0);
        step->strassen_rows = rows;
    }
    osprey__plan_arrange(plan);
    return plan;
}

static void check(osprey__cpu_level level, const guarded *images, const guarded *expected)
{
    osprey__plan *plan = plan_of(block(), level);
    assert_int_equal(osprey__plan_pack(plan, NULL), OSPREY_OK);
    for (size_t s = 0; s < plan->step_count; s++)
        assert_int_equal(plan->steps[s].strassen_rows, plan->kernels->strassen_f32 ? ROWS : 0);
    /* Products alone read the inner rows, and read them where they lie. */
    const osprey__value_id inner = plan->steps[plan->step_count - 1].node->inputs[0];
    assert_int_equal(plan->placements[inner].form.stride,
                     INNER * sizeof(float) + OSPREY__ALIGNMENT);
    assert_plan_computes(plan, images->floats, IMAGES, expected, 1e-5);
    osprey__plan_free(plan);
}

static void test_plans_multiply_in_seven_products(void **state)
{
    (void)state;
    guarded images = guarded_random(IMAGES * ROWS * IN, 1);
    guarded expected = expected_of(images.floats);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++)
        if (kernels_or_say_so("test_strassen_steps", (osprey__cpu_level)level))
            check((osprey__cpu_level)level, &images, &expected);
    guarded_free(&images);
    guarded_free(&expected);
}

/* Of a linear from `in` to `out` on rows of a sequence, in a precision: whether it is so computed.
 */
static void assert_chosen(osprey__cpu_level level, bool wanted, osprey__extent extent, size_t rows,
                          size_t in, size_t out, osprey_precision precision)
{
    osprey__graph *graph = new_graph();
    osprey__shape shape = {extent, 2, {rows, in}};
    if (extent == OSPREY__PER_TOKEN) shape = (osprey__shape){extent, 1, {in}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, shape);
    osprey__value_id y = linear(graph, "w", x, in, out, OSPREY__NO_VALUE);
    graph->nodes[0].attributes.precision = precision;
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    osprey__plan *plan = plan_of(graph, level);
    assert_int_equal(plan->steps[0].strassen_rows, wanted ? rows : 0);
    osprey__plan_free(plan);
}

static void test_which_products_take_it(void **state)
{
    (void)state;
    for (int i = 0; i < OSPREY__CPU_LEVELS; i++) {
        const osprey__cpu_level level = (osprey__cpu_level)i;
        const osprey__kernels *kernels = kernels_or_say_so("test_strassen_steps", level);
        if (!kernels) continue;
        const bool has = kernels->strassen_f32;
        const osprey__extent image = OSPREY__PER_SEQUENCE, text = OSPREY__PER_TOKEN;
        assert_chosen(level, has, image, 50, 768, 2304, OSPREY_PRECISION_FP32);
        assert_chosen(level, false, image, 50, 768, 2304, OSPREY_PRECISION_BF16);
        assert_chosen(level, false, image, 1, 768, 2304, OSPREY_PRECISION_FP32);
        assert_chosen(level, false, image, 50, 767, 2304, OSPREY_PRECISION_FP32);
        assert_chosen(level, false, image, 50, 768, 1000, OSPREY_PRECISION_FP32);
        assert_chosen(level, false, image, 50, 64, 2304, OSPREY_PRECISION_FP32);
        assert_chosen(level, false, text, 0, 768, 2304, OSPREY_PRECISION_FP32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans_multiply_in_seven_products),
        cmocka_unit_test(test_which_products_take_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
