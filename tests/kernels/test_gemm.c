/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix product in each format: the portable one against doubles over what the format makes of
 * the numbers, the others against the portable one, or in fp16 against half_product.c.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "kernels/exact_activation.h"
#include "kernels/gemm_problem.h"
#include "kernels/half_product.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* How a product gets its rows and gives its result. */
typedef struct row_form {
    const uint16_t *halves; /* a as bfloat16s, where its floats are such; or NULL */
    bool plain;             /* a as it lies, not prepared */
    bool rounded;           /* c is bfloat16s */
    bool rounded_residual;  /* so is the residual */
} row_form;

static const row_form floats;

static void *element_at(const void *elements, bool are_halves, size_t i)
{
    return (char *)elements + i * (are_halves ? sizeof(uint16_t) : sizeof(float));
}

/* The product of rows row..row+m-1 and columns column..column+n-1 into c, which is whole. */
static void run_part(const problem *p, const osprey__gemm_kernel *kernel, const guarded *packed,
                     row_form form, size_t row, size_t m, size_t column, size_t n,
                     const void *residual, void *c)
{
    size_t offset = row * p->ldc + column;
    osprey__gemm_input input = {
        .m = m,
        .k = p->k,
        .dtype = form.halves ? OSPREY__BF16 : OSPREY__F32,
        .x = form.halves ? (const void *)(form.halves + row * p->lda)
                         : (const void *)(p->a.floats + row * p->lda),
        .stride = p->lda * (form.halves ? sizeof(uint16_t) : sizeof(float)),
        .range = p->input_range,
    };
    size_t row_bytes = kernel->row_bytes(p->k);
    assert_int_equal(row_bytes % 16, 0);
    guarded rows = guarded_random(m * row_bytes / sizeof(float), NAN);
    kernel->prepare(&input, rows.floats);
    osprey__gemm_args args = {
        .m = m,
        .n = n,
        .k = p->k,
        .a = form.plain ? input.x : rows.floats,
        .a_stride = form.plain ? input.stride : row_bytes,
        .packed = (const char *)packed->floats +
                  column / kernel->columns * kernel->panel_bytes(kernel, p->k),
        .bias = p->has_bias ? p->bias.floats + column : NULL,
        .activation = p->activation,
        .residual = p->has_residual ? element_at(residual, form.rounded_residual, offset) : NULL,
        .rounded_residual = form.rounded_residual,
        .c = element_at(c, form.rounded, offset),
        .ldc = p->ldc,
        .rounded = form.rounded,
    };
    kernel->run(&args);
    guarded_free(&rows);
}

/* The residual is the output itself: what lies between the rows has to stay. */
static guarded run_in_place(const problem *p, const osprey__gemm_kernel *kernel)
{
    guarded packed = problem_pack(p, kernel), c = guarded_copy(&p->residual);
    run_part(p, kernel, &packed, floats, 0, p->m, 0, p->n, c.floats, c.floats);
    guarded_free(&packed);
    return c;
}

/* Sums of integers are exact, so only the activation function may differ. */
static bool agree_bit_for_bit(const problem *p, osprey_precision format)
{
    return format >= OSPREY_PRECISION_INT8 && p->activation <= OSPREY_ACTIVATION_RELU;
}

static bool multiplies_halves(const osprey__kernels *kernels, osprey_precision format)
{
    return format == OSPREY_PRECISION_FP16 &&
           osprey__kernels_factors(kernels, format) == OSPREY_PRECISION_FP16;
}

/* c is what sums of halves give, and that is near what sums of floats give. */
static void compare_with_halves(const problem *p, const guarded *portable, const guarded *c)
{
    guarded wanted = guarded_copy(&p->residual);
    for (size_t row = 0; row < p->m; row++)
        for (size_t column = 0; column < p->n; column++) {
            const float *weight = p->weight.floats + column * (p->weight_is_k_by_n ? 1 : p->k);
            float *out = &wanted.floats[row * p->ldc + column];
            float sum = half_product(p->k, p->a.floats + row * p->lda, weight,
                                     p->weight_is_k_by_n ? p->n : 1) +
                        (p->has_bias ? p->bias.floats[column] : 0);
            if (p->has_residual) sum += *out;
            *out = (float)exact_activation(p->activation, (double)sum);
        }
    /* That takes k in one piece up to here. */
    if (p->k <= 2048 && p->activation <= OSPREY_ACTIVATION_RELU)
        assert_same_bits(wanted.floats, c->floats, c->count);
    else if (p->k <= 2048)
        assert_near(wanted.floats, c->floats, c->count, 1e-5);
    assert_near(portable->floats, c->floats, c->count, 6e-3 * sqrt((double)p->k));
    guarded_free(&wanted);
}

/* The portable result is what the others are compared with. */
static void compare_levels(const problem *p, osprey_precision format, bool with_exact)
{
    double tolerance = 1.5e-7 * (10 + (double)p->k);
    guarded portable = run_in_place(p, &osprey__kernels_for(OSPREY__CPU_PORTABLE)->gemm[format]);
    if (with_exact) {
        guarded exact = problem_exact_result(p, format);
        assert_near(exact.floats, portable.floats, exact.count, tolerance);
        guarded_free(&exact);
    }
    for (int level = 1; level < OSPREY__CPU_LEVELS; level++) {
        if (!level_runs((osprey__cpu_level)level)) continue;
        const osprey__kernels *kernels = osprey__kernels_for((osprey__cpu_level)level);
        guarded c = run_in_place(p, &kernels->gemm[format]);
        if (agree_bit_for_bit(p, format)) assert_same_bits(portable.floats, c.floats, c.count);
        if (multiplies_halves(kernels, format))
            compare_with_halves(p, &portable, &c);
        else
            assert_near(portable.floats, c.floats, c.count, tolerance);
        guarded_free(&c);
    }
    guarded_free(&portable);
}

static size_t random_size(size_t bound)
{
    return 1 + random_below(random_below(3) ? bound : 17);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 300; repeat++) {
        problem p = problem_new(random_size(64), random_size(140), random_size(100));
        for (int format = 0; format < OSPREY_PRECISIONS; format++)
            compare_levels(&p, (osprey_precision)format, true);
        problem_free(&p);
    }
}

static void test_large_shapes(void **state)
{
    (void)state;
    /* More rows than stay in cache, so that the kernels block them; a model's k; both. */
    const size_t shapes[][3] = {
        {150, 40, 1500}, {50, 64, 768}, {3, 33, 20000}, {300, 17, 800}, {230, 20, 2200}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        problem p = problem_new(shapes[i][0], shapes[i][1], shapes[i][2]);
        for (int format = 0; format < OSPREY_PRECISIONS; format++)
            compare_levels(&p, (osprey_precision)format, false);
        problem_free(&p);
    }
}

/* Bit for bit: rows alone, rows in random groups, and panels apart. */
static void check_parts(const problem *p, const osprey__gemm_kernel *kernel)
{
    guarded packed = problem_pack(p, kernel);
    guarded whole = guarded_copy(&p->residual), parts = guarded_copy(&p->residual);
    run_part(p, kernel, &packed, floats, 0, p->m, 0, p->n, p->residual.floats, whole.floats);
    for (size_t row = 0; row < p->m;) {
        size_t m = 1 + random_below(p->m - row);
        for (size_t column = 0; column < p->n;) {
            size_t n = kernel->columns * (1 + random_below(3));
            if (n > p->n - column) n = p->n - column;
            run_part(p, kernel, &packed, floats, row, m, column, n, p->residual.floats,
                     parts.floats);
            column += n;
        }
        row += m;
    }
    assert_same_bits(whole.floats, parts.floats, whole.count);
    guarded_free(&packed);
    guarded_free(&whole);
    guarded_free(&parts);
}

static void test_a_row_does_not_depend_on_the_others(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("rows alone", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (int format = 0; format < OSPREY_PRECISIONS; format++) {
            for (size_t repeat = 0; repeat < 60; repeat++) {
                problem p = problem_new(random_size(64), random_size(140), random_size(100));
                check_parts(&p, &kernels->gemm[format]);
                problem_free(&p);
            }
            problem p = problem_new(150, 70, 1200);
            check_parts(&p, &kernels->gemm[format]);
            problem_free(&p);
        }
    }
}

/* A row of zeros gives the bias alone; one that holds NaN or infinity gives NaN; no other does,
 * whether rows have their own scales or all the same. */
static void test_rows_without_a_scale(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("no scale", (osprey__cpu_level)level);
        for (int test = 0; kernels && test < 2 * OSPREY_PRECISIONS; test++) {
            int format = test / 2;
            problem p = problem_new(4, 40, 70);
            p.input_range = test % 2 ? 0.5F : 0;
            p.activation = OSPREY_ACTIVATION_NONE;
            p.has_residual = false;
            memset(p.a.floats, 0, p.k * sizeof(float));
            p.a.floats[p.lda + 5] = NAN;
            p.a.floats[2 * p.lda + 69] = -INFINITY;
            guarded c = run_in_place(&p, &kernels->gemm[format]);
            for (size_t n = 0; n < p.n; n++) {
                assert_true(c.floats[n] == (p.has_bias ? p.bias.floats[n] : 0));
                assert_true(isnan(c.floats[p.ldc + n]));
                assert_false(isfinite(c.floats[2 * p.ldc + n]));
                assert_true(isfinite(c.floats[3 * p.ldc + n]));
            }
            guarded_free(&c);
            problem_free(&p);
        }
    }
}

/* Numbers of any magnitude, each row and column of its own, and the largest sums that there are. */
static void test_halves_have_room(void **state)
{
    (void)state;
    const float magnitudes[] = {1e-25F, 1e-7F, 0.02F, 1, 700, 1e5F, 1e12F};
    const size_t count = sizeof magnitudes / sizeof *magnitudes;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("halves", (osprey__cpu_level)level);
        if (!kernels || !multiplies_halves(kernels, OSPREY_PRECISION_FP16)) continue;
        for (int same = 0; same < 2; same++) {
            problem p = problem_new(2 * count, 5 * count, 1000);
            p.activation = OSPREY_ACTIVATION_NONE;
            p.has_bias = p.has_residual = p.weight_is_k_by_n = false;
            for (size_t i = 0; i < p.m * p.k; i++)
                p.a.floats[i / p.k * p.lda + i % p.k] =
                    (same ? 1.9999F : random_float(1)) * magnitudes[i / p.k % count];
            for (size_t i = 0; i < p.n * p.k; i++)
                p.weight.floats[i] =
                    (same ? 0.9999F : random_float(1)) * magnitudes[i / p.k % count];
            guarded c = run_in_place(&p, &kernels->gemm[OSPREY_PRECISION_FP16]);
            for (size_t at = 0; at < p.m * p.n; at++) {
                const float *a = p.a.floats + at / p.n * p.lda;
                const float *weight = p.weight.floats + at % p.n * p.k;
                double sum = 0, size = 0;
                for (size_t i = 0; i < p.k; i++) {
                    sum += (double)a[i] * (double)weight[i];
                    size += fabs((double)a[i] * (double)weight[i]);
                }
                double got = (double)c.floats[at / p.n * p.ldc + at % p.n];
                if (!(fabs(got - sum) <= size * (same ? 0.01 : 5e-4) + 1e-36))
                    fail_msg("%g instead of %g", got, sum);
            }
            guarded_free(&c);
            problem_free(&p);
        }
    }
}

/* An array of count bfloat16s, whatever lies in it. */
static guarded halves_new(size_t count)
{
    return guarded_random((count + 1) / 2, 1);
}

/* Activations of results that are rounded are shorter, which may move them to the next bfloat16. */
static void assert_rounded(float exact, uint16_t half, osprey_activation activation)
{
    float rounded, got;
    uint16_t wanted;
    osprey__from_f32(OSPREY__BF16, &exact, 1, &wanted);
    osprey__to_f32(OSPREY__BF16, &wanted, 1, &rounded);
    osprey__to_f32(OSPREY__BF16, &half, 1, &got);
    float tolerance = activation > OSPREY_ACTIVATION_RELU ? fabsf(exact) / 127 + 2e-5F : 0;
    if (!(fabsf(got - rounded) <= tolerance))
        fail_msg("activation %d: %g instead of %g", (int)activation, (double)got, (double)rounded);
}

/* The result in bfloat16s is that in floats, rounded; between the rows nothing changes. */
static void check_rounded_result(const problem *p, const osprey__gemm_kernel *kernel,
                                 const guarded *packed)
{
    guarded c = guarded_copy(&p->residual), half = halves_new(c.count);
    guarded before = guarded_copy(&half);
    run_part(p, kernel, packed, floats, 0, p->m, 0, p->n, p->residual.floats, c.floats);
    row_form rounded = {.rounded = true};
    run_part(p, kernel, packed, rounded, 0, p->m, 0, p->n, p->residual.floats, half.floats);
    const uint16_t *got = (const uint16_t *)(const void *)half.floats;
    const uint16_t *old = (const uint16_t *)(const void *)before.floats;
    for (size_t i = 0; i < c.count; i++)
        if (i % p->ldc < p->n)
            assert_rounded(c.floats[i], got[i], p->activation);
        else
            assert_int_equal(got[i], old[i]);
    guarded_free(&c);
    guarded_free(&half);
    guarded_free(&before);
}

/* Rows that are bfloat16s, prepared or as they lie, give what they give as floats. */
static void check_rounded_rows(problem *p, const osprey__gemm_kernel *kernel, const guarded *packed)
{
    guarded half = halves_new(p->a.count), wanted = guarded_copy(&p->residual);
    uint16_t *halves = (uint16_t *)(void *)half.floats + p->a.count % 2;
    osprey__from_f32(OSPREY__BF16, p->a.floats, p->a.count, halves);
    osprey__to_f32(OSPREY__BF16, halves, p->a.count, p->a.floats);
    run_part(p, kernel, packed, floats, 0, p->m, 0, p->n, p->residual.floats, wanted.floats);
    for (int plain = 0; plain < 2; plain++)
        for (int half_rows = 0; half_rows < 2; half_rows++) {
            row_form form = {.halves = half_rows ? halves : NULL, .plain = plain};
            osprey__dtype dtype = half_rows ? OSPREY__BF16 : OSPREY__F32;
            size_t stride = p->lda * osprey__dtype_bytes(dtype);
            if (plain && !osprey__gemm_takes(kernel, dtype, stride, p->k)) continue;
            guarded c = guarded_copy(&p->residual);
            run_part(p, kernel, packed, form, 0, p->m, 0, p->n, p->residual.floats, c.floats);
            assert_same_bits(wanted.floats, c.floats, c.count);
            guarded_free(&c);
        }
    guarded_free(&half);
    guarded_free(&wanted);
}

/* A residual of bfloat16s, over which the result is written, gives what it gives as floats. */
static void check_rounded_residual(const problem *p, const osprey__gemm_kernel *kernel,
                                   const guarded *packed)
{
    const size_t count = p->residual.count;
    const row_form over_floats = {.rounded = true},
                   over_halves = {.rounded = true, .rounded_residual = true};
    guarded half = halves_new(count), wanted = halves_new(count);
    guarded widened = guarded_copy(&p->residual);
    uint16_t *halves = (uint16_t *)(void *)half.floats + count % 2;
    uint16_t *sums = (uint16_t *)(void *)wanted.floats + count % 2;
    osprey__from_f32(OSPREY__BF16, p->residual.floats, count, halves);
    osprey__to_f32(OSPREY__BF16, halves, count, widened.floats);
    memcpy(sums, halves, count * sizeof *sums);
    run_part(p, kernel, packed, over_floats, 0, p->m, 0, p->n, widened.floats, sums);
    run_part(p, kernel, packed, over_halves, 0, p->m, 0, p->n, halves, halves);
    assert_memory_equal(sums, halves, count * sizeof *sums);
    guarded_free(&half);
    guarded_free(&wanted);
    guarded_free(&widened);
}

static void test_rows_and_results_in_bfloat16(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("bfloat16", (osprey__cpu_level)level);
        for (int format = 0; kernels && format < OSPREY_PRECISIONS; format++)
            for (size_t repeat = 0; repeat < 60; repeat++) {
                problem p = problem_new(random_size(64), random_size(140), random_size(100));
                guarded packed = problem_pack(&p, &kernels->gemm[format]);
                check_rounded_result(&p, &kernels->gemm[format], &packed);
                check_rounded_residual(&p, &kernels->gemm[format], &packed);
                check_rounded_rows(&p, &kernels->gemm[format], &packed);
                guarded_free(&packed);
                problem_free(&p);
            }
    }
}

/* NaN goes through every activation, and through the rounding, where others are looked up. */
static void test_nan_stays_in_bfloat16(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("NaN", (osprey__cpu_level)level);
        for (int format = 0; kernels && format < OSPREY_PRECISIONS; format++)
            for (int activation = 0; activation <= OSPREY_ACTIVATION_SILU; activation++) {
                problem p = problem_new(2, 37, 30);
                p.activation = (osprey_activation)activation;
                p.a.floats[p.lda + 7] = NAN;
                guarded packed = problem_pack(&p, &kernels->gemm[format]);
                guarded half = halves_new(p.residual.count), got = guarded_copy(&p.residual);
                run_part(&p, &kernels->gemm[format], &packed, (row_form){.rounded = true}, 0, p.m,
                         0, p.n, p.residual.floats, half.floats);
                osprey__to_f32(OSPREY__BF16, half.floats, got.count, got.floats);
                for (size_t n = 0; n < p.n; n++)
                    if (!isfinite(got.floats[n]) || !isnan(got.floats[p.ldc + n]))
                        fail_msg("format %d, activation %d: %g, and %g of NaN", format, activation,
                                 (double)got.floats[n], (double)got.floats[p.ldc + n]);
                guarded_free(&half);
                guarded_free(&got);
                guarded_free(&packed);
                problem_free(&p);
            }
    }
}

static void test_padding_is_zero(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__gemm_kernel *kernel =
            &osprey__kernels_for((osprey__cpu_level)level)->gemm[OSPREY_PRECISION_FP32];
        problem p = problem_new(1, kernel->columns + 1, 3);
        guarded packed = problem_pack(&p, kernel);
        size_t panel_floats = kernel->panel_bytes(kernel, p.k) / sizeof(float);
        assert_int_equal(packed.count, 2 * panel_floats);
        for (size_t i = 0; i < 3; i++)
            for (size_t column = 1; column < kernel->columns; column++)
                assert_true(packed.floats[panel_floats + i * kernel->columns + column] == 0);
        guarded_free(&packed);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_large_shapes),
        cmocka_unit_test(test_a_row_does_not_depend_on_the_others),
        cmocka_unit_test(test_rows_without_a_scale),
        cmocka_unit_test(test_halves_have_room),
        cmocka_unit_test(test_rows_and_results_in_bfloat16),
        cmocka_unit_test(test_nan_stays_in_bfloat16),
        cmocka_unit_test(test_padding_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
