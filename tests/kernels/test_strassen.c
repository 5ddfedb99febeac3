/* SPDX-License-Identifier: Apache-2.0 */
/* Strassen's product against the sum that defines a product, at every level
 * that has it. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "kernels/guarded.h"
#include "kernels/strassen.h"

#include <math.h>
#include <string.h>

typedef struct problem {
    size_t sequences, sequence_rows, n, k, stride; /* stride: floats from row to row of a */
    osprey_activation activation;
    bool has_bias, has_residual, rounded;
    guarded a, weight, bias, residual;
} problem;

static problem problem_new(const osprey__gemm_kernel *gemm)
{
    problem p = {.sequences = 1 + random_below(4),
                 .sequence_rows = 1 + random_below(random_below(4) ? 70 : 240),
                 .n = 2 * gemm->columns * (1 + random_below(3)),
                 .k = 2 * (1 + random_below(random_below(8) ? 60 : 900)),
                 .activation = random_below(2) ? OSPREY_ACTIVATION_NONE : OSPREY_ACTIVATION_GELU,
                 .has_bias = random_below(2),
                 .has_residual = random_below(2),
                 .rounded = random_below(4) == 0};
    p.stride = p.k + random_below(3);
    size_t rows = p.sequences * p.sequence_rows;
    /* No float behind the last row's k. */
    p.a = guarded_random((rows - 1) * p.stride + p.k, 1);
    p.weight = guarded_random(p.n * p.k, 1);
    p.bias = guarded_random(p.n, 1);
    p.residual = guarded_random(rows * p.n, 1);
    return p;
}

static void problem_free(problem *p)
{
    guarded_free(&p->a);
    guarded_free(&p->weight);
    guarded_free(&p->bias);
    guarded_free(&p->residual);
}

static guarded expected_of(const problem *p, const osprey__kernels *kernels)
{
    guarded out = guarded_copy(&p->residual);
    for (size_t row = 0; row < p->sequences * p->sequence_rows; row++) {
        float *at = out.floats + row * p->n;
        for (size_t i = 0; i < p->n; i++) {
            double sum = 0;
            for (size_t j = 0; j < p->k; j++)
                sum += (double)p->a.floats[row * p->stride + j] *
                       (double)p->weight.floats[i * p->k + j];
            if (p->has_bias) sum += (double)p->bias.floats[i];
            if (p->has_residual) sum += (double)at[i];
            at[i] = (float)sum;
        }
        kernels->activation_f32(p->activation, p->n, at, at);
    }
    return out;
}

/* Results of pairs first..first+pairs-1 in columns..., written over the residual in c; bfloat16s
 * where the problem says so. */
static void multiply(const problem *p, const osprey__kernels *kernels, const void *packed,
                     const size_t part[4], void *c)
{
    osprey__gemm_args product = {.m = p->sequences * p->sequence_rows,
                                 .n = p->n,
                                 .k = p->k,
                                 .a = p->a.floats,
                                 .a_stride = p->stride * sizeof(float),
                                 .packed = packed,
                                 .bias = p->has_bias ? p->bias.floats : NULL,
                                 .activation = p->activation,
                                 .residual = p->has_residual ? p->residual.floats : NULL,
                                 .c = c,
                                 .ldc = p->n,
                                 .rounded = p->rounded};
    if (p->has_residual && !p->rounded) product.residual = c;
    /* In whole vectors, so that they lie on a boundary and end at the guard. */
    guarded sums = guarded_random(part[1] * osprey__strassen_pair_bytes(p->k) / sizeof(float), NAN);
    osprey__strassen_args args = {.product = &product,
                                  .sequence_rows = p->sequence_rows,
                                  .first = part[0],
                                  .pairs = part[1],
                                  .column = part[2],
                                  .columns = part[3],
                                  .sums = sums.floats};
    kernels->strassen_prepare_f32(&args);
    kernels->strassen_f32(&args);
    guarded_free(&sums);
}

/* The whole problem, in parts of so many pairs and columns. */
static guarded multiply_in_parts(const problem *p, const osprey__kernels *kernels,
                                 const void *packed, size_t pairs, size_t columns)
{
    size_t all = p->sequences * osprey__strassen_pairs(p->sequence_rows);
    guarded c = guarded_copy(&p->residual);
    for (size_t first = 0; first < all; first += pairs)
        for (size_t column = 0; column < p->n / 2; column += columns) {
            const size_t part[] = {first, osprey__smaller(pairs, all - first), column,
                                   osprey__smaller(columns, p->n / 2 - column)};
            multiply(p, kernels, packed, part, c.floats);
        }
    return c;
}

static void check(const problem *p, const osprey__kernels *kernels)
{
    const osprey__gemm_kernel *gemm = &kernels->gemm[OSPREY_PRECISION_FP32];
    guarded packed =
        guarded_random(osprey__gemm_packed_bytes(gemm, p->n, p->k) / sizeof(float), NAN);
    gemm->pack(gemm, p->n, p->k, p->weight.floats, p->k, 1, packed.floats);
    guarded expected = expected_of(p, kernels);
    guarded together = multiply_in_parts(p, kernels, packed.floats, SIZE_MAX, p->n);
    if (p->rounded) {
        guarded widened = guarded_copy(&expected);
        osprey__to_f32(OSPREY__BF16, together.floats, widened.count, widened.floats);
        for (size_t i = 0; i < widened.count; i++)
            assert_true(fabs((double)widened.floats[i] - (double)expected.floats[i]) <
                        1e-4 + 0x1p-8 * fabs((double)expected.floats[i]));
        guarded_free(&widened);
    } else {
        assert_near(together.floats, expected.floats, expected.count, 2e-4);
    }
    guarded apart = multiply_in_parts(p, kernels, packed.floats, 1 + random_below(30),
                                      gemm->columns * (1 + random_below(3)));
    assert_int_equal(memcmp(together.floats, apart.floats,
                            apart.count * (p->rounded ? sizeof(uint16_t) : sizeof(float))),
                     0);
    guarded_free(&packed);
    guarded_free(&expected);
    guarded_free(&together);
    guarded_free(&apart);
}

static void test_random_products(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels =
            kernels_or_say_so("test_strassen", (osprey__cpu_level)level);
        for (size_t repeat = 0; kernels && kernels->strassen_f32 && repeat < 30; repeat++) {
            problem p = problem_new(&kernels->gemm[OSPREY_PRECISION_FP32]);
            check(&p, kernels);
            problem_free(&p);
        }
    }
}

/* Blocks cover all pairs in order, none is too large, and none has a part of a sequence and more.
 */
static void test_blocks_of_pairs(void **state)
{
    (void)state;
    for (size_t rows = 1; rows < 700; rows++) {
        size_t pairs = osprey__strassen_pairs(rows), blocks = osprey__strassen_blocks(5, rows);
        assert_int_equal(osprey__strassen_block_start(0, rows), 0);
        assert_true(osprey__strassen_block_start(blocks - 1, rows) < 5 * pairs);
        assert_true(osprey__strassen_block_start(blocks, rows) >= 5 * pairs);
        for (size_t i = 0; i < blocks; i++) {
            size_t start = osprey__strassen_block_start(i, rows);
            size_t end = osprey__strassen_block_start(i + 1, rows);
            assert_true(start < end && end - start <= OSPREY__STRASSEN_BLOCK);
            assert_true(start / pairs == (end - 1) / pairs ||
                        (start % pairs == 0 && end % pairs == 0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_products),
        cmocka_unit_test(test_blocks_of_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
