/* SPDX-License-Identifier: Apache-2.0 */
/* Attention over bfloat16s, with values as they are and in 8 bits: every kernel against doubles
 * over the same numbers. */
#include "base/dtype.h"
#include "cmocka_all.h"
#include "kernels/guarded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An array of bfloat16s that ends where a guard page begins. */
typedef struct halves {
    guarded block;
    uint16_t *at;
    size_t count;
} halves;

static halves halves_random(size_t count, float limit)
{
    halves h = {.block = guarded_random((count + 1) / 2, 1), .count = count};
    h.at = (uint16_t *)(void *)h.block.floats;
    for (size_t i = 0; i < count; i++) {
        float x = random_float(limit);
        osprey__from_f32(OSPREY__BF16, &x, 1, h.at + i);
    }
    return h;
}

static double value_of(const halves *h, size_t i)
{
    float x;
    osprey__to_f32(OSPREY__BF16, h->at + i, 1, &x);
    return (double)x;
}

typedef struct problem {
    size_t queries, keys, dim, q_stride, kv_stride, out_stride;
    halves q, k, v;
    float scale;
} problem;

static problem problem_new(size_t queries, size_t keys, size_t dim)
{
    problem p = {.queries = queries, .keys = keys, .dim = dim};
    p.q_stride = dim + random_below(3) * 10;
    p.kv_stride = dim + random_below(3) * 12;
    p.out_stride = dim + random_below(3) * 4;
    /* Now and then scores so large that a softmax without care would overflow. */
    p.scale = random_below(4) ? 1 / sqrtf((float)dim) : 100;
    p.q = halves_random((queries - 1) * p.q_stride + dim, 2);
    p.k = halves_random((keys - 1) * p.kv_stride + dim, 2);
    p.v = halves_random((keys - 1) * p.kv_stride + dim, 2);
    return p;
}

static void problem_free(problem *p)
{
    guarded_free(&p->q.block);
    guarded_free(&p->k.block);
    guarded_free(&p->v.block);
}

/* What lies between the rows is the same in all. */
static halves out_new(const problem *p)
{
    halves out = halves_random((p->queries - 1) * p->out_stride + p->dim, 1);
    memset(out.at, 0, out.count * sizeof *out.at);
    return out;
}

typedef enum values { VALUES_BF16, VALUES_S8, KINDS } values;

/* NULL where the level has no kernel of the kind. */
static const osprey__attention_bf16_kernel *kernel_of(values kind, int level)
{
    const osprey__kernels *kernels = osprey__kernels_for((osprey__cpu_level)level);
    if (kind == VALUES_BF16) return &kernels->attention_bf16;
    return kernels->attention_s8.run ? &kernels->attention_s8 : NULL;
}

static void run_rows(const problem *p, const osprey__attention_bf16_kernel *kernel, size_t first,
                     size_t rows, const halves *out)
{
    size_t needed = kernel->scratch_floats(rows, p->keys, p->dim);
    guarded scratch = guarded_random((needed + 15) / 16 * 16, NAN);
    const osprey__attention_bf16_args args = {
        .query_rows = rows,
        .key_rows = p->keys,
        .head_dim = p->dim,
        .q = p->q.at + first * p->q_stride,
        .q_stride = p->q_stride,
        .k = p->k.at,
        .v = p->v.at,
        .kv_stride = p->kv_stride,
        .out = out->at + first * p->out_stride,
        .out_stride = p->out_stride,
        .scale = p->scale,
        .scratch = scratch.floats,
    };
    kernel->run(&args);
    guarded_free(&scratch);
}

static double exact_score(const problem *p, size_t query, size_t key)
{
    double dot = 0;
    for (size_t d = 0; d < p->dim; d++)
        dot += value_of(&p->q, query * p->q_stride + d) * value_of(&p->k, key * p->kv_stride + d);
    return dot * (double)p->scale;
}

/* The weights, of which the largest is 1, replace the scores; returns their sum. */
static double exact_row(const problem *p, size_t query, double *weights, double *out)
{
    double largest = -INFINITY, sum = 0;
    /* In one loop, this and the next make gcc 12 for aarch64 fail. */
    for (size_t key = 0; key < p->keys; key++) weights[key] = exact_score(p, query, key);
    for (size_t key = 0; key < p->keys; key++) largest = fmax(largest, weights[key]);
    memset(out, 0, p->dim * sizeof *out);
    for (size_t key = 0; key < p->keys; key++) {
        weights[key] = exp(weights[key] - largest);
        sum += weights[key];
        for (size_t d = 0; d < p->dim; d++)
            out[d] += weights[key] * value_of(&p->v, key * p->kv_stride + d);
    }
    for (size_t d = 0; d < p->dim; d++) out[d] /= sum;
    return sum;
}

/* How far the result may be off because weights and values are rounded to 8 bits: a weight below
 * 1/32 of a step becomes none. */
static double loss_in_8_bits(const problem *p, size_t d, const double *weights, double sum,
                             double out)
{
    double least = INFINITY, most = -INFINITY, lost = 0, off = 0;
    for (size_t key = 0; key < p->keys; key++) {
        double value = value_of(&p->v, key * p->kv_stride + d);
        double w = weights[key], rounded = 255 * w < 1.0 / 32 ? w : 1.0 / 255 + 0.0018 * w;
        least = fmin(least, value);
        most = fmax(most, value);
        off += rounded;
        lost += rounded * fabs(value - out);
    }
    return lost / fmax(0.99, sum - off) + (most - least) / 510;
}

/* Weights and the result are each rounded to a 512th of themselves, and values are up to 2. */
static void check(const problem *p, values kind, const halves out[OSPREY__CPU_LEVELS])
{
    double *weights = calloc(p->keys + p->dim, sizeof *weights), *exact = weights + p->keys;
    double tolerance = 2 * 2.0 / 512 + 1e-4 + 4e-6 * (double)p->dim * (double)p->scale;
    for (size_t query = 0; query < p->queries; query++) {
        double sum = exact_row(p, query, weights, exact);
        for (size_t d = 0; d < p->dim; d++) {
            double more = kind == VALUES_S8 ? loss_in_8_bits(p, d, weights, sum, exact[d]) : 0;
            for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
                if (!out[level].at) continue;
                double got = value_of(&out[level], query * p->out_stride + d);
                if (!(fabs(got - exact[d]) <= tolerance + more))
                    fail_msg("kind %d, level %d, query %zu, element %zu: %g instead of %g", kind,
                             level, query, d, got, exact[d]);
            }
        }
    }
    free(weights);
}

static void check_problem(const problem *p)
{
    for (values kind = 0; kind < KINDS; kind++) {
        halves out[OSPREY__CPU_LEVELS] = {0};
        for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
            if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
            const osprey__attention_bf16_kernel *kernel = kernel_of(kind, level);
            if (!kernel) continue;
            out[level] = out_new(p);
            run_rows(p, kernel, 0, p->queries, &out[level]);
        }
        check(p, kind, out);
        for (int level = 0; level < OSPREY__CPU_LEVELS; level++)
            if (out[level].at) guarded_free(&out[level].block);
    }
}

static void check_shape(size_t queries, size_t keys, size_t dim)
{
    problem p = problem_new(queries, keys, dim);
    check_problem(&p);
    problem_free(&p);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 60; repeat++)
        check_shape(1 + random_below(60), 1 + random_below(90), 8 + 2 * random_below(60));
}

static void test_shapes_of_models(void **state)
{
    (void)state;
    const size_t shapes[][3] = {{50, 50, 64}, {197, 197, 64}, {1, 50, 64},
                                {1, 1, 8},    {30, 257, 88},  {20, 257, 80}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_shape(shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void fill_row(halves *h, size_t first, size_t count, float x)
{
    for (size_t i = first; i < first + count; i++) osprey__from_f32(OSPREY__BF16, &x, 1, h->at + i);
}

/* As of trained models, in which a channel of all queries and keys is far larger than the others:
 * the scores that are left when a softmax takes off what they have in common are as exact. */
static void test_a_channel_may_be_large(void **state)
{
    (void)state;
    problem p = problem_new(40, 120, 64);
    p.scale = 0.125f;
    for (size_t query = 0; query < p.queries; query++) fill_row(&p.q, query * p.q_stride, 1, 40);
    for (size_t key = 0; key < p.keys; key++) fill_row(&p.k, key * p.kv_stride, 1, 40);
    check_problem(&p);
    problem_free(&p);
}

static void scale_element(halves *h, size_t i, float factor)
{
    float x = (float)value_of(h, i) * factor;
    osprey__from_f32(OSPREY__BF16, &x, 1, h->at + i);
}

/* Several channels, each of its own size and with all signs: 10 to 30 times the others. */
static void test_a_few_channels_may_be_large(void **state)
{
    (void)state;
    const size_t dims[] = {8, 24, 64, 80, 104};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        problem p = problem_new(20 + i, 90 + 13 * i, dims[i]);
        p.scale = 1 / sqrtf((float)p.dim) / 20; /* else one key has all the weight */
        for (size_t channel = 1; channel < p.dim; channel += 7) {
            float factor = 10 + (float)(channel * 5 % 21);
            for (size_t query = 0; query < p.queries; query++)
                scale_element(&p.q, query * p.q_stride + channel, factor);
            for (size_t key = 0; key < p.keys; key++)
                scale_element(&p.k, key * p.kv_stride + channel, factor);
        }
        check_problem(&p);
        problem_free(&p);
    }
}

/* Rows of all magnitudes, whose products are as usual, and of zeros. */
static void test_rows_may_be_of_any_magnitude(void **state)
{
    (void)state;
    const float magnitudes[] = {1, 0x1p-60f, 0x1p60f, 0x1p-90f, 0x1p90f};
    for (size_t i = 0; i < sizeof magnitudes / sizeof *magnitudes; i++) {
        problem p = problem_new(17, 75, 40);
        p.scale = 0.125f;
        for (size_t at = 0; at < p.q.count; at++) scale_element(&p.q, at, magnitudes[i]);
        for (size_t at = 0; at < p.k.count; at++) scale_element(&p.k, at, 1 / magnitudes[i]);
        fill_row(&p.q, 3 * p.q_stride, p.dim, 0);
        fill_row(&p.k, 5 * p.kv_stride, p.dim, 0);
        check_problem(&p);
        problem_free(&p);
    }
}

/* Of the kind alone that could lose one: integers have no NaN. */
static void test_what_is_no_number_stays_so(void **state)
{
    (void)state;
    enum { QUERIES = 3, KEYS = 70, DIM = 24, QUERY = 1, COLUMN = 17 };
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        const osprey__attention_bf16_kernel *kernel = kernel_of(VALUES_S8, level);
        for (int where = 0; kernel && where < 3; where++) {
            problem p = problem_new(QUERIES, KEYS, DIM);
            if (where == 0) fill_row(&p.q, QUERY * p.q_stride, 1, NAN);
            if (where == 1) fill_row(&p.k, (KEYS - 1) * p.kv_stride, 1, NAN);
            if (where == 2) fill_row(&p.v, (KEYS - 1) * p.kv_stride + COLUMN, 1, NAN);
            halves out = out_new(&p);
            run_rows(&p, kernel, 0, QUERIES, &out);
            for (size_t query = 0; query < QUERIES; query++)
                for (size_t d = 0; d < DIM; d++) {
                    bool lost = where == 0 ? query == QUERY : where == 1 || d == COLUMN;
                    assert_int_equal(isnan(value_of(&out, query * p.out_stride + d)), lost);
                }
            guarded_free(&out.block);
            problem_free(&p);
        }
    }
}

/* One key's product with every query is beyond all floats: the others share the weight. */
static void test_a_score_of_minus_infinity_weighs_nothing(void **state)
{
    (void)state;
    enum { QUERIES = 3, KEYS = 21, DIM = 24, FARTHEST = 7 };
    for (int i = 0; i < KINDS * OSPREY__CPU_LEVELS; i++) {
        int level = i / KINDS;
        if (!kernels_or_say_so("infinity", (osprey__cpu_level)level)) continue;
        const osprey__attention_bf16_kernel *kernel = kernel_of(i % KINDS, level);
        if (!kernel) continue;
        problem p = problem_new(QUERIES, KEYS, DIM);
        p.scale = 1;
        fill_row(&p.q, 0, p.q.count, 1e20f);
        fill_row(&p.k, 0, p.k.count, 0);
        fill_row(&p.k, FARTHEST * p.kv_stride, DIM, -1e20f);
        fill_row(&p.v, 0, p.v.count, 1.5f);
        fill_row(&p.v, FARTHEST * p.kv_stride, DIM, 1000);
        halves out = out_new(&p);
        run_rows(&p, kernel, 0, QUERIES, &out);
        for (size_t query = 0; query < QUERIES; query++)
            for (size_t d = 0; d < DIM; d++)
                assert_true(fabs(value_of(&out, query * p.out_stride + d) - 1.5) <= 1.5 / 256);
        guarded_free(&out.block);
        problem_free(&p);
    }
}

static void test_a_row_does_not_depend_on_the_others(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS * OSPREY__CPU_LEVELS; i++) {
        int level = i / KINDS;
        if (!kernels_or_say_so("rows alone", (osprey__cpu_level)level)) continue;
        const osprey__attention_bf16_kernel *kernel = kernel_of(i % KINDS, level);
        for (size_t repeat = 0; kernel && repeat < 30; repeat++) {
            problem p =
                problem_new(1 + random_below(60), 1 + random_below(90), 8 + 2 * random_below(60));
            halves whole = out_new(&p), parts = out_new(&p);
            run_rows(&p, kernel, 0, p.queries, &whole);
            for (size_t row = 0; row < p.queries;) {
                size_t rows = 1 + random_below(p.queries - row);
                run_rows(&p, kernel, row, rows, &parts);
                row += rows;
            }
            assert_memory_equal(whole.at, parts.at, whole.count * sizeof *whole.at);
            guarded_free(&whole.block);
            guarded_free(&parts.block);
            problem_free(&p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_shapes_of_models),
        cmocka_unit_test(test_a_channel_may_be_large),
        cmocka_unit_test(test_a_few_channels_may_be_large),
        cmocka_unit_test(test_rows_may_be_of_any_magnitude),
        cmocka_unit_test(test_what_is_no_number_stays_so),
        cmocka_unit_test(test_a_score_of_minus_infinity_weighs_nothing),
        cmocka_unit_test(test_a_row_does_not_depend_on_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
