/* SPDX-License-Identifier: Apache-2.0 */
/* Layer norm, activations, sums, products, turns, transposition: against doubles and the portable
 * kernels. */
#include "cmocka_all.h"
#include "kernels/exact_activation.h"
#include "kernels/guarded.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Every `step`-th finite float; the largest error relative to max(1, |x|). */
static double largest_error(const osprey__kernels *kernels, osprey_activation activation)
{
    enum { COUNT = 1009 };
    const uint32_t step = 5003;
    guarded x = guarded_random(COUNT, 1), out = guarded_random(COUNT, 1);
    double largest = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX;) {
        for (size_t i = 0; i < COUNT; i++, bits += step) {
            uint32_t pattern = (uint32_t)bits;
            memcpy(&x.floats[i], &pattern, sizeof pattern);
            if (!isfinite(x.floats[i])) x.floats[i] = random_float(20);
        }
        kernels->activation_f32(activation, COUNT, x.floats, out.floats);
        for (size_t i = 0; i < COUNT; i++) {
            double at = (double)x.floats[i];
            double error =
                fabs((double)out.floats[i] - exact_activation(activation, at)) / fmax(1, fabs(at));
            if (!(error <= largest)) largest = error;
        }
    }
    guarded_free(&x);
    guarded_free(&out);
    return largest;
}

static void test_activations_are_near_exact(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("activations", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (int kind = OSPREY_ACTIVATION_NONE; kind <= OSPREY_ACTIVATION_SILU; kind++) {
            double error = largest_error(kernels, (osprey_activation)kind);
            print_message("%s, activation %d: largest error %.2g * max(1, |x|)\n",
                          kernels->instruction_set, kind, error);
            assert_true(error <= 4e-7);
        }
    }
}

static void test_activations_of_infinities(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("infinities", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (int kind = OSPREY_ACTIVATION_RELU; kind <= OSPREY_ACTIVATION_SILU; kind++) {
            /* More than a vector, and a tail. */
            float x[21], out[21];
            for (size_t i = 0; i < 21; i++) {
                const float cases[] = {INFINITY, -INFINITY, NAN};
                x[i] = cases[i % 3];
            }
            kernels->activation_f32((osprey_activation)kind, 21, x, out);
            for (size_t i = 0; i < 21; i++) {
                const bool tanh_of = kind == OSPREY_ACTIVATION_TANH;
                if (i % 3 == 0) assert_true(out[i] == (tanh_of ? 1 : INFINITY));
                if (i % 3 == 1) assert_true(fabsf(out[i] + (tanh_of ? 1 : 0)) < 1e-7f);
                if (i % 3 == 2) assert_true(isnan(out[i]));
            }
        }
    }
}

static void test_activation_and_add_of_any_length(void **state)
{
    (void)state;
    const osprey__kernels *portable = osprey__kernels_for(OSPREY__CPU_PORTABLE);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("tails", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (size_t count = 1; count < 100; count++) {
            osprey_activation kind = (osprey_activation)(count % (OSPREY_ACTIVATION_SILU + 1));
            guarded x = guarded_random(count, 6), y = guarded_random(count, 6);
            guarded expected = guarded_random(count, 1), out = guarded_random(count, 1);
            portable->activation_f32(kind, count, x.floats, expected.floats);
            kernels->activation_f32(kind, count, x.floats, out.floats);
            assert_near(expected.floats, out.floats, count, 4e-6);
            for (size_t i = 0; i < count; i++) {
                double sum = (double)(x.floats[i] + y.floats[i]);
                expected.floats[i] = (float)exact_activation(kind, sum);
            }
            kernels->add_f32(kind, count, x.floats, y.floats, out.floats);
            assert_near(expected.floats, out.floats, count, 8e-6);
            kernels->add_f32(kind, count, x.floats, y.floats, y.floats);
            assert_same_bits(out.floats, y.floats, count);
            guarded_free(&x);
            guarded_free(&y);
            guarded_free(&expected);
            guarded_free(&out);
        }
    }
}

static void test_multiplication_of_any_length(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("products", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (size_t count = 1; count < 100; count++) {
            guarded x = guarded_random(count, 6), y = guarded_random(count, 6);
            guarded wanted = guarded_random(count, 1), out = guarded_random(count, 1);
            for (size_t i = 0; i < count; i++) wanted.floats[i] = x.floats[i] * y.floats[i];
            kernels->multiply_f32(count, x.floats, y.floats, out.floats);
            assert_same_bits(wanted.floats, out.floats, count);
            kernels->multiply_f32(count, x.floats, y.floats, x.floats);
            assert_same_bits(wanted.floats, x.floats, count);
            guarded_free(&x);
            guarded_free(&y);
            guarded_free(&wanted);
            guarded_free(&out);
        }
    }
}

/* Rows within wider ones, pairs as complex numbers. */
static void check_turn(const osprey__kernels *kernels, size_t rows, size_t width, size_t stride)
{
    guarded x = guarded_random((rows - 1) * stride + width, 3);
    guarded turns = guarded_random(rows * width, 1);
    guarded wanted = guarded_random(rows * width, 1), out = guarded_random(rows * width, 1);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i += 2) {
            const float *pair = x.floats + row * stride + i;
            const float *turn = turns.floats + row * width + i;
            const double re = (double)pair[0], im = (double)pair[1];
            const double cosine = (double)turn[0], sine = (double)turn[1];
            wanted.floats[row * width + i] = (float)(re * cosine - im * sine);
            wanted.floats[row * width + i + 1] = (float)(re * sine + im * cosine);
        }
    kernels->turn_pairs_f32(rows, width, x.floats, stride, turns.floats, out.floats);
    assert_near(wanted.floats, out.floats, out.count, 2e-6);
    guarded_free(&x);
    guarded_free(&turns);
    guarded_free(&wanted);
    guarded_free(&out);
}

static void test_turns_of_any_even_width(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("turns", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (size_t width = 2; width < 100; width += 2)
            check_turn(kernels, 1 + width % 3, width, width + width % 7);
    }
}

static guarded exact_layer_norm(size_t rows, size_t width, const guarded *x, const guarded *scale,
                                const guarded *shift, double epsilon)
{
    guarded out = guarded_copy(x);
    for (size_t row = 0; row < rows; row++) {
        float *values = out.floats + row * width;
        double sum = 0, squares = 0;
        for (size_t i = 0; i < width; i++) sum += (double)values[i];
        double mean = sum / (double)width;
        for (size_t i = 0; i < width; i++)
            squares += ((double)values[i] - mean) * ((double)values[i] - mean);
        double deviation = sqrt(squares / (double)width + epsilon);
        for (size_t i = 0; i < width; i++)
            values[i] = (float)(((double)values[i] - mean) / deviation * (double)scale->floats[i] +
                                (double)shift->floats[i]);
    }
    return out;
}

static void check_layer_norm(size_t rows, size_t width, float offset)
{
    guarded x = guarded_random(rows * width, 3);
    for (size_t i = 0; i < x.count; i++) x.floats[i] += offset;
    guarded scale = guarded_random(width, 2), shift = guarded_random(width, 2);
    guarded expected = exact_layer_norm(rows, width, &x, &scale, &shift, 1e-5);
    /* Beside the result's own rounding: x is known to half a unit of its last place. */
    double tolerance = 2e-6 * (1 + fabs((double)offset)) * sqrt((double)width);
    if (tolerance > 1e-5 && offset == 0) tolerance = 1e-5;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        const osprey__kernels *kernels = osprey__kernels_for((osprey__cpu_level)level);
        guarded in_place = guarded_copy(&x), out = guarded_random(rows * width, 1);
        kernels->layer_norm_f32(rows, width, x.floats, scale.floats, shift.floats, 1e-5f,
                                out.floats);
        assert_near(expected.floats, out.floats, out.count, tolerance);
        for (size_t row = rows; row-- > 0;) {
            float *values = in_place.floats + row * width;
            kernels->layer_norm_f32(1, width, values, scale.floats, shift.floats, 1e-5f, values);
        }
        assert_same_bits(out.floats, in_place.floats, out.count);
        guarded_free(&in_place);
        guarded_free(&out);
    }
    guarded_free(&x);
    guarded_free(&scale);
    guarded_free(&shift);
    guarded_free(&expected);
}

/* Bit for bit what a scale of 1 and a shift of 0 give. */
static void check_absent(const osprey__kernels *kernels, size_t width)
{
    guarded x = guarded_random(2 * width, 3), scale = guarded_random(width, 2);
    guarded shift = guarded_random(width, 2), ones = guarded_random(width, 0);
    guarded zeros = guarded_random(width, 0);
    for (size_t i = 0; i < width; i++) ones.floats[i] = 1;
    for (int present = 0; present < 4; present++) {
        bool has_scale = present & 1, has_shift = present & 2;
        guarded wanted = guarded_random(2 * width, 1), out = guarded_random(2 * width, 1);
        kernels->layer_norm_f32(2, width, x.floats, has_scale ? scale.floats : ones.floats,
                                has_shift ? shift.floats : zeros.floats, 1e-5f, wanted.floats);
        kernels->layer_norm_f32(2, width, x.floats, has_scale ? scale.floats : NULL,
                                has_shift ? shift.floats : NULL, 1e-5f, out.floats);
        assert_near(wanted.floats, out.floats, out.count, 0);
        guarded_free(&wanted);
        guarded_free(&out);
    }
    guarded_free(&x);
    guarded_free(&scale);
    guarded_free(&shift);
    guarded_free(&ones);
    guarded_free(&zeros);
}

static void test_layer_norm_without_scale_and_shift(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels =
            kernels_or_say_so("layer norm without scale", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (size_t width = 1; width < 70; width++) check_absent(kernels, width);
    }
}

static void test_layer_norm_of_any_width(void **state)
{
    (void)state;
    for (size_t width = 1; width < 140; width++) check_layer_norm(1 + width % 4, width, 0);
    check_layer_norm(3, 768, 0);
    check_layer_norm(2, 1280, 0);
}

static void test_layer_norm_far_from_zero(void **state)
{
    (void)state;
    check_layer_norm(2, 512, 1000);
    check_layer_norm(2, 77, -100);
}

/* A matrix within a wider one, both ways; in place, what is added lies where the result goes. */
static void check_transpose(const osprey__kernels *kernels, size_t rows, size_t columns, bool added)
{
    size_t x_stride = columns + rows % 5, out_stride = rows + columns % 3;
    guarded x = guarded_random((rows - 1) * x_stride + columns, 1);
    guarded residual = guarded_random((columns - 1) * out_stride + rows, 1);
    guarded out = guarded_copy(&residual), wanted = guarded_copy(&residual);
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++) {
            size_t at = c * out_stride + r;
            wanted.floats[at] = x.floats[r * x_stride + c] + (added ? residual.floats[at] : 0);
        }
    kernels->transpose_f32(rows, columns, x.floats, x_stride, added ? residual.floats : NULL,
                           out.floats, out_stride);
    assert_same_bits(wanted.floats, out.floats, out.count);
    if (added) {
        kernels->transpose_f32(rows, columns, x.floats, x_stride, residual.floats, residual.floats,
                               out_stride);
        assert_same_bits(wanted.floats, residual.floats, out.count);
    }
    guarded_free(&x);
    guarded_free(&residual);
    guarded_free(&out);
    guarded_free(&wanted);
}

static void test_transpose_of_any_shape(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("transpose", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (size_t rows = 1; rows < 40; rows++)
            for (size_t columns = 1; columns < 40; columns++)
                check_transpose(kernels, rows, columns, (rows + columns) % 2);
        check_transpose(kernels, 196, 768, false);
        check_transpose(kernels, 768, 196, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations_are_near_exact),
        cmocka_unit_test(test_activations_of_infinities),
        cmocka_unit_test(test_activation_and_add_of_any_length),
        cmocka_unit_test(test_multiplication_of_any_length),
        cmocka_unit_test(test_turns_of_any_even_width),
        cmocka_unit_test(test_layer_norm_of_any_width),
        cmocka_unit_test(test_layer_norm_far_from_zero),
        cmocka_unit_test(test_layer_norm_without_scale_and_shift),
        cmocka_unit_test(test_transpose_of_any_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
