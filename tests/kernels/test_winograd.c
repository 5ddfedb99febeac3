/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions by Winograd's transforms against the sum that defines them, at every level. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "kernels/guarded.h"

#include <math.h>

enum { TAPS = OSPREY__WINOGRAD_TAPS };

typedef struct problem {
    osprey__conv_shape shape;
    size_t n, first, count; /* tiles */
    osprey_activation activation;
    guarded image, filters, bias, residual;
} problem;

static problem problem_new(void)
{
    problem p = {.shape = {.height = 1 + random_below(12),
                           .width = 1 + random_below(12),
                           .channels = 1 + random_below(40),
                           .kernel_height = 3,
                           .kernel_width = 3,
                           .stride = 1,
                           .padding = random_below(2)}};
    osprey__conv_shape *shape = &p.shape;
    if (shape->padding == 0) {
        shape->height += 2;
        shape->width += 2;
    }
    shape->out_height = shape->height + 2 * shape->padding - 2;
    shape->out_width = shape->width + 2 * shape->padding - 2;
    size_t tiles = osprey__winograd_tiles(shape);
    p.n = 1 + random_below(40);
    p.first = random_below(tiles);
    p.count = 1 + random_below(tiles - p.first);
    p.activation = random_below(2) ? OSPREY_ACTIVATION_RELU : OSPREY_ACTIVATION_QUICK_GELU;
    p.image = guarded_random(shape->height * shape->width * shape->channels, 1);
    p.filters = guarded_random(p.n * shape->channels * 9, 1);
    p.bias = guarded_random(p.n, 1);
    p.residual = guarded_random(shape->out_height * shape->out_width * p.n, 1);
    return p;
}

static void problem_free(problem *p)
{
    guarded_free(&p->image);
    guarded_free(&p->filters);
    guarded_free(&p->bias);
    guarded_free(&p->residual);
}

/* The sum over the window of output (y, x), by definition. */
static float sum_of(const problem *p, size_t y, size_t x, size_t out)
{
    const osprey__conv_shape *shape = &p->shape;
    double sum = 0;
    for (size_t ky = 0; ky < 3; ky++)
        for (size_t kx = 0; kx < 3; kx++) {
            size_t row = y + ky - shape->padding, column = x + kx - shape->padding;
            if (row >= shape->height || column >= shape->width) continue; /* also below zero */
            for (size_t c = 0; c < shape->channels; c++)
                sum +=
                    (double)p->image.floats[(row * shape->width + column) * shape->channels + c] *
                    (double)p->filters.floats[((out * shape->channels + c) * 3 + ky) * 3 + kx];
        }
    return (float)sum;
}

/* What the tiles' outputs should be; the other elements are the residual's. */
static guarded expected_of(const problem *p, const osprey__kernels *kernels)
{
    const osprey__conv_shape *shape = &p->shape;
    guarded out = guarded_copy(&p->residual);
    for (size_t y = 0; y < shape->out_height; y++)
        for (size_t x = 0; x < shape->out_width; x++) {
            size_t tile = y / 2 * osprey__winograd_columns(shape) + x / 2;
            if (tile < p->first || tile >= p->first + p->count) continue;
            float *at = out.floats + (y * shape->out_width + x) * p->n;
            for (size_t i = 0; i < p->n; i++) at[i] += sum_of(p, y, x, i) + p->bias.floats[i];
            kernels->activation_f32(p->activation, p->n, at, at);
        }
    return out;
}

/* Tiles first..first+count-1 into out, over the residual. */
static void convolve(const problem *p, const osprey__kernels *kernels, const float *weights,
                     size_t first, size_t count, guarded *out)
{
    size_t channels = p->shape.channels;
    guarded inputs = guarded_random(TAPS * count * channels, NAN);
    guarded sums = guarded_random(TAPS * count * p->n, NAN);
    kernels->winograd_input_f32(&(osprey__winograd_input_args){.shape = &p->shape,
                                                               .image = p->image.floats,
                                                               .first = first,
                                                               .count = count,
                                                               .out = inputs.floats,
                                                               .tap_floats = count * channels,
                                                               .row_floats = channels});
    for (size_t tap = 0; tap < TAPS; tap++)
        for (size_t i = 0; i < count; i++)
            for (size_t n = 0; n < p->n; n++) {
                double sum = 0;
                for (size_t c = 0; c < channels; c++)
                    sum += (double)inputs.floats[(tap * count + i) * channels + c] *
                           (double)weights[(tap * p->n + n) * channels + c];
                sums.floats[(tap * count + i) * p->n + n] = (float)sum;
            }
    kernels->winograd_output_f32(&(osprey__winograd_output_args){.shape = &p->shape,
                                                                 .first = first,
                                                                 .count = count,
                                                                 .sums = sums.floats,
                                                                 .tap_floats = count * p->n,
                                                                 .row_floats = p->n,
                                                                 .n = p->n,
                                                                 .bias = p->bias.floats,
                                                                 .activation = p->activation,
                                                                 .residual = out->floats,
                                                                 .out = out->floats,
                                                                 .ldc = p->n});
    guarded_free(&inputs);
    guarded_free(&sums);
}

static void check(const problem *p, const osprey__kernels *kernels)
{
    guarded weights = guarded_random(TAPS * p->n * p->shape.channels, NAN);
    osprey__winograd_weights(p->filters.floats, p->n, p->shape.channels, weights.floats);
    guarded expected = expected_of(p, kernels);
    guarded together = guarded_copy(&p->residual), alone = guarded_copy(&p->residual);
    convolve(p, kernels, weights.floats, p->first, p->count, &together);
    assert_near(together.floats, expected.floats, expected.count, 1e-4);
    for (size_t i = 0; i < p->count; i++)
        convolve(p, kernels, weights.floats, p->first + i, 1, &alone);
    assert_same_bits(together.floats, alone.floats, alone.count);
    guarded_free(&weights);
    guarded_free(&expected);
    guarded_free(&together);
    guarded_free(&alone);
}

static void test_random_convolutions(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels =
            kernels_or_say_so("test_random_convolutions", (osprey__cpu_level)level);
        for (size_t repeat = 0; kernels && repeat < 60; repeat++) {
            problem p = problem_new();
            check(&p, kernels);
            problem_free(&p);
        }
    }
}

static void test_which_convolutions_fit(void **state)
{
    (void)state;
    osprey__conv_shape shape = {.height = 5,
                                .width = 6,
                                .channels = 2,
                                .kernel_height = 3,
                                .kernel_width = 3,
                                .stride = 1,
                                .padding = 1,
                                .out_height = 5,
                                .out_width = 6};
    assert_true(osprey__conv_fits_winograd(&shape));
    assert_int_equal(osprey__winograd_tiles(&shape), 9);
    shape.stride = 2;
    assert_false(osprey__conv_fits_winograd(&shape));
    shape.stride = 1;
    shape.kernel_width = 1;
    assert_false(osprey__conv_fits_winograd(&shape));
    shape.kernel_width = 3;
    shape.planar = true;
    assert_false(osprey__conv_fits_winograd(&shape));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_convolutions),
        cmocka_unit_test(test_which_convolutions_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
