/* SPDX-License-Identifier: Apache-2.0 */
/* Attention: the portable one against doubles, the others against the portable one. */
#include "cmocka_all.h"
#include "kernels/guarded.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

typedef struct problem {
    size_t queries, keys, dim, q_stride, kv_stride, out_stride;
    guarded q, k, v, out; /* out: what lies there before */
    guarded bias;         /* of the keys; with_bias: it counts */
    bool with_bias;
    float scale;
    bool causal;
} problem;

static problem problem_new(size_t queries, size_t keys, size_t dim, bool causal)
{
    problem p = {.queries = queries, .keys = keys, .dim = dim, .causal = causal};
    p.q_stride = dim + random_below(3) * 9;
    p.kv_stride = dim + random_below(3) * 11;
    p.out_stride = dim + random_below(3) * 3;
    /* Now and then scores so large that a softmax without care would overflow. */
    p.scale = random_below(4) ? 1 / sqrtf((float)dim) : 100;
    p.q = guarded_random((queries - 1) * p.q_stride + dim, 2);
    p.k = guarded_random((keys - 1) * p.kv_stride + dim, 2);
    p.v = guarded_random((keys - 1) * p.kv_stride + dim, 2);
    p.out = guarded_random((queries - 1) * p.out_stride + dim, 1);
    p.bias = guarded_random(keys, 3);
    p.with_bias = random_below(2);
    for (size_t key = 1; key < keys; key++)
        if (!random_below(5)) p.bias.floats[key] = -INFINITY;
    return p;
}

static void problem_free(problem *p)
{
    guarded_free(&p->q);
    guarded_free(&p->k);
    guarded_free(&p->v);
    guarded_free(&p->out);
    guarded_free(&p->bias);
}

/* Rows first to first + rows of the result; behind a causal mask with the keys that they see. */
static void run_rows(const problem *p, const osprey__attention_f32_kernel *kernel, size_t first,
                     size_t rows, float *out)
{
    size_t keys = p->causal ? p->keys - p->queries + first + rows : p->keys;
    size_t needed = kernel->scratch_floats(rows, keys, p->dim);
    guarded scratch = guarded_random((needed + 15) / 16 * 16, NAN);
    osprey__attention_f32_args args = {
        .query_rows = rows,
        .key_rows = keys,
        .head_dim = p->dim,
        .q = p->q.floats + first * p->q_stride,
        .q_stride = p->q_stride,
        .k = p->k.floats,
        .v = p->v.floats,
        .kv_stride = p->kv_stride,
        .out = out + first * p->out_stride,
        .out_stride = p->out_stride,
        .scale = p->scale,
        .causal = p->causal,
        .key_bias = p->with_bias ? p->bias.floats : NULL,
        .scratch = scratch.floats,
    };
    kernel->run(&args);
    guarded_free(&scratch);
}

static guarded run(const problem *p, const osprey__attention_f32_kernel *kernel)
{
    guarded out = guarded_copy(&p->out);
    run_rows(p, kernel, 0, p->queries, out.floats);
    return out;
}

static double score(const problem *p, size_t query, size_t key)
{
    double dot = 0;
    for (size_t d = 0; d < p->dim; d++)
        dot += (double)p->q.floats[query * p->q_stride + d] *
               (double)p->k.floats[key * p->kv_stride + d];
    return dot * (double)p->scale + (p->with_bias ? (double)p->bias.floats[key] : 0);
}

static guarded exact_result(const problem *p)
{
    guarded out = guarded_copy(&p->out), scores = guarded_random(p->keys, 0);
    for (size_t query = 0; query < p->queries; query++) {
        size_t keys = p->causal ? p->keys - p->queries + query + 1 : p->keys;
        double largest = -INFINITY, sum = 0;
        for (size_t key = 0; key < keys; key++) largest = fmax(largest, score(p, query, key));
        for (size_t key = 0; key < keys; key++) {
            double weight = exp(score(p, query, key) - largest);
            scores.floats[key] = (float)weight;
            sum += weight;
        }
        for (size_t d = 0; d < p->dim; d++) {
            double value = 0;
            for (size_t key = 0; key < keys; key++)
                value += (double)scores.floats[key] * (double)p->v.floats[key * p->kv_stride + d];
            out.floats[query * p->out_stride + d] = (float)(value / sum);
        }
    }
    guarded_free(&scores);
    return out;
}

/* Scores of this size are rounded before exp: that error is the score's, not the kernel's. */
static double tolerance_of(const problem *p)
{
    double largest_score = 4 * (double)p->dim * (double)p->scale;
    return 4e-6 + 1e-6 * largest_score;
}

static void check_against_portable(const problem *p)
{
    guarded expected = exact_result(p);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
        guarded out = run(p, &osprey__kernels_for((osprey__cpu_level)level)->attention_f32);
        assert_near(expected.floats, out.floats, out.count, tolerance_of(p));
        if (level == OSPREY__CPU_PORTABLE)
            memcpy(expected.floats, out.floats, out.count * sizeof(float));
        guarded_free(&out);
    }
    guarded_free(&expected);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 200; repeat++) {
        bool causal = random_below(2);
        size_t queries = 1 + random_below(60);
        size_t keys = causal ? queries + random_below(30) : 1 + random_below(90);
        problem p = problem_new(queries, keys, 8 + random_below(121), causal);
        check_against_portable(&p);
        problem_free(&p);
    }
}

static void test_shapes_of_models(void **state)
{
    (void)state;
    const size_t shapes[][3] = {{50, 50, 64}, {197, 197, 64}, {1, 50, 64},  {1, 1, 8},
                                {9, 9, 64},   {3, 1025, 80},  {30, 257, 88}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int causal = 0; causal < 2; causal++) {
            if (causal && shapes[i][0] > shapes[i][1]) continue;
            problem p = problem_new(shapes[i][0], shapes[i][1], shapes[i][2], causal);
            check_against_portable(&p);
            problem_free(&p);
        }
}

static void test_a_row_does_not_depend_on_the_others(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("rows alone", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (size_t repeat = 0; repeat < 40; repeat++) {
            size_t queries = 1 + random_below(60);
            problem p =
                problem_new(queries, queries + random_below(60), 8 + random_below(121), repeat % 2);
            guarded whole = run(&p, &kernels->attention_f32), parts = guarded_copy(&p.out);
            for (size_t row = 0; row < p.queries;) {
                size_t rows = 1 + random_below(p.queries - row);
                run_rows(&p, &kernels->attention_f32, row, rows, parts.floats);
                row += rows;
            }
            assert_same_bits(whole.floats, parts.floats, whole.count);
            guarded_free(&whole);
            guarded_free(&parts);
            problem_free(&p);
        }
    }
}

/* A prefix's rows are the same whatever follows: shared prefixes and cut-off tails rest on it. */
static void test_causal_rows_do_not_depend_on_what_follows(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels =
            kernels_or_say_so("causal prefix", (osprey__cpu_level)level);
        if (!kernels) continue;
        problem p = problem_new(77, 77, 64, true);
        guarded whole = run(&p, &kernels->attention_f32);
        for (size_t length = 1; length < 77; length++) {
            p.queries = p.keys = length;
            guarded prefix = run(&p, &kernels->attention_f32);
            for (size_t row = 0; row < length; row++)
                assert_same_bits(whole.floats + row * p.out_stride,
                                 prefix.floats + row * p.out_stride, p.dim);
            guarded_free(&prefix);
        }
        guarded_free(&whole);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_shapes_of_models),
        cmocka_unit_test(test_a_row_does_not_depend_on_the_others),
        cmocka_unit_test(test_causal_rows_do_not_depend_on_what_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
