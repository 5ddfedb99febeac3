/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions that a plan computes by Winograd's transforms, against the sum that defines them: in
 * every precision that has them, at every level, and the same bits in any batch on any threads.
 */
#include "backend/run_plan.h"
#include "base/memory.h"
#include "cmocka_all.h"
#include "kernels/guarded.h"
#include "passes/pass_graphs.h"

#include <math.h>

/* Tiles of two images fill a task, and channels neither vectors nor panels. */
enum { HEIGHT = 13, WIDTH = 15, IN = 70, OUT = 100, IMAGES = 3, MATRIX_UNIT_ROWS = 32 };
enum { POSITIONS = HEIGHT * WIDTH, OUT_FLOATS = POSITIONS * OUT };

/* Relative to the largest output. */
static const struct {
    osprey_precision precision;
    double tolerance;
} precisions[] = {
    {OSPREY_PRECISION_FP32, 1e-5},
    {OSPREY_PRECISION_BF16, 1e-2},
    {OSPREY_PRECISION_FP16, 2e-3},
    {OSPREY_PRECISION_INT8, 3e-2},
};

/* relu(conv2d(x) + bias + residual), which is a convolution of one position. */
static osprey__graph *block(osprey_precision precision)
{
    osprey__graph *graph = new_graph();
    const size_t filter[] = {OUT, IN, 3, 3}, point[] = {OUT, IN, 1, 1}, out = OUT;
    osprey__shape image = {OSPREY__PER_SEQUENCE, 3, {HEIGHT, WIDTH, IN}};
    osprey__value_id x = osprey__graph_input(graph, "x", OSPREY__F32, image);
    osprey__value_id residual[] = {x, random_constant(graph, "point", 4, point)};
    osprey__value_id inputs[] = {x, random_constant(graph, "filter", 4, filter),
                                 random_constant(graph, "bias", 1, &out),
                                 osprey__graph_node(graph, OSPREY__OP_CONV2D, "residual", residual,
                                                    2, &(osprey__attributes){.stride = 1})};
    osprey__value_id y =
        osprey__graph_node(graph, OSPREY__OP_CONV2D, "y", inputs, 4,
                           &(osprey__attributes){.activation = OSPREY_ACTIVATION_RELU,
                                                 .stride = 1,
                                                 .padding = 1,
                                                 .padding_after = 1,
                                                 .precision = precision});
    assert_int_equal(osprey__graph_finish(graph, y, NULL), OSPREY_OK);
    return graph;
}

static double pixel_sum(const float *x, const float *filter, size_t filter_step)
{
    double sum = 0;
    for (size_t c = 0; c < IN; c++) sum += (double)x[c] * (double)filter[c * filter_step];
    return sum;
}

/* One output of an image by definition. */
static float output_of(const osprey__graph *graph, const float *image, size_t y, size_t x, size_t n)
{
    const float *filter = constant_data(graph, "filter") + n * IN * 9;
    double sum = (double)constant_data(graph, "bias")[n] +
                 pixel_sum(image + (y * WIDTH + x) * IN, constant_data(graph, "point") + n * IN, 1);
    for (size_t ky = 0; ky < 3; ky++)
        for (size_t kx = 0; kx < 3; kx++) {
            size_t row = y + ky - 1, column = x + kx - 1;
            if (row < HEIGHT && column < WIDTH) /* and not below zero */
                sum += pixel_sum(image + (row * WIDTH + column) * IN, filter + ky * 3 + kx, 9);
        }
    return (float)fmax(sum, 0);
}

static guarded expected_of(const float *images)
{
    osprey__graph *graph = block(OSPREY_PRECISION_FP32);
    guarded out = guarded_random(IMAGES * OUT_FLOATS, NAN);
    for (size_t i = 0; i < out.count; i++) {
        size_t image = i / OUT_FLOATS, position = i % OUT_FLOATS / OUT;
        out.floats[i] = output_of(graph, images + image * POSITIONS * IN, position / WIDTH,
                                  position % WIDTH, i % OUT);
    }
    osprey__graph_free(graph);
    return out;
}

static void check(osprey__cpu_level level, size_t p, const guarded *images, const guarded *expected)
{
    osprey__plan *plan = NULL;
    assert_int_equal(osprey__plan_create(block(precisions[p].precision), level, &plan, NULL),
                     OSPREY_OK);
    assert_int_equal(osprey__plan_pack(plan, NULL), OSPREY_OK);
    const osprey__step *step = &plan->steps[plan->step_count - 1];
    assert_int_equal(step->winograd, step->gemm->rows < MATRIX_UNIT_ROWS);
    assert_plan_computes(plan, images->floats, IMAGES, expected, precisions[p].tolerance);
    osprey__plan_free(plan);
}

static void test_plans_convolve_by_transforms(void **state)
{
    (void)state;
    guarded images = guarded_random(IMAGES * POSITIONS * IN, 1);
    guarded expected = expected_of(images.floats);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!kernels_or_say_so("test_winograd_steps", (osprey__cpu_level)level)) continue;
        for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++)
            check((osprey__cpu_level)level, p, &images, &expected);
    }
    guarded_free(&images);
    guarded_free(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans_convolve_by_transforms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
