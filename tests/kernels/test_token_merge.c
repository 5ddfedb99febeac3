/* SPDX-License-Identifier: Apache-2.0 */
/* Token merging: examples by hand, random shapes against doubles, and keys that mean harm. */
#include "cmocka_all.h"
#include "kernels/guarded.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { ROWS_MAX = 64 };

static guarded match(const osprey__kernels *kernels, osprey__token_match_f32_args args)
{
    guarded targets = guarded_random(args.rows, NAN);
    guarded scratch =
        guarded_random(osprey__token_match_f32_scratch_floats(args.rows, args.head_dim), NAN);
    args.targets = targets.floats;
    args.scratch = scratch.floats;
    kernels->token_match_f32(&args);
    guarded_free(&scratch);
    return targets;
}

static void assert_targets(const float *k, size_t rows, size_t count, const float *wanted)
{
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("token match", (osprey__cpu_level)level);
        if (!kernels) continue;
        guarded targets = match(
            kernels,
            (osprey__token_match_f32_args){
                .rows = rows, .heads = 1, .head_dim = 2, .k = k, .k_stride = 2, .count = count});
        assert_same_bits(targets.floats, wanted, rows);
        guarded_free(&targets);
    }
}

/* Row 4 is like row 5, row 2 a little less like row 1; row 0 is like row 3, but stays. */
static void test_the_most_alike_merge(void **state)
{
    (void)state;
    const float k[] = {1, 1, 0, 2, 1, 8, 3, 3, -4, 0.1F, -1, 0, 9, -9};
    assert_targets(k, 7, 1, (const float[]){0, 3, 1, 4, 5, 5, 2});
    assert_targets(k, 7, 2, (const float[]){0, 2, 2, 3, 4, 4, 1});
    /* And the last: its direction is as far from row 3's as can be, but row 5 is not so far. */
    assert_targets(k, 7, 3, (const float[]){0, 1, 1, 2, 3, 3, 2});
}

/* Of equal cosines the earlier row counts, of A as of B. */
static void test_ties_go_to_the_earlier(void **state)
{
    (void)state;
    const float k[] = {1, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5};
    assert_targets(k, 6, 1, (const float[]){0, 2, 2, 3, 1, 4});
    assert_targets(k, 6, 2, (const float[]){0, 1, 1, 2, 1, 3});
}

typedef struct problem {
    size_t rows, heads, head_dim, stride, count;
    guarded k;
} problem;

/* The cosine of the mean keys of two rows. */
static double cosine(const problem *p, size_t a, size_t b)
{
    double dot = 0, squares[2] = {0, 0};
    for (size_t d = 0; d < p->head_dim; d++) {
        double mean[2] = {0, 0};
        for (size_t h = 0; h < p->heads; h++) {
            mean[0] += (double)p->k.floats[a * p->stride + h * p->head_dim + d];
            mean[1] += (double)p->k.floats[b * p->stride + h * p->head_dim + d];
        }
        dot += mean[0] * mean[1];
        for (size_t i = 0; i < 2; i++) squares[i] += mean[i] * mean[i];
    }
    return dot / sqrt(squares[0] * squares[1]);
}

/* What is merged is at least as alike as what is not, and with the row that it is most like. */
static void check_match(const problem *p, const float *targets)
{
    double least_merged = 2, most_kept = -2;
    size_t kept = (p->rows + 1) / 2 - p->count, merged = 0;
    for (size_t row = 0; row < p->rows; row += 2) {
        double best = -2;
        for (size_t other = 1; other < p->rows; other += 2)
            best = fmax(best, cosine(p, row, other));
        size_t target = (size_t)targets[row];
        if (row == 0 || target < kept) {
            assert_int_equal(target, row / 2 - merged);
            if (row) most_kept = fmax(most_kept, best);
            continue;
        }
        assert_true(fabs(cosine(p, row, 2 * (target - kept) + 1) - best) < 1e-5);
        least_merged = fmin(least_merged, best);
        merged++;
    }
    assert_int_equal(merged, p->count);
    assert_true(least_merged > most_kept - 1e-5);
    for (size_t row = 1; row < p->rows; row += 2)
        assert_true(targets[row] == (float)(kept + row / 2));
}

static void test_random_matches(void **state)
{
    (void)state;
    for (size_t repeat = 0; repeat < 200; repeat++) {
        problem p = {.rows = 3 + random_below(ROWS_MAX - 3),
                     .heads = 1 + random_below(4),
                     .head_dim = 4 + random_below(70)};
        p.stride = p.heads * p.head_dim + random_below(3) * 7;
        p.count = 1 + random_below((p.rows - 1) / 2);
        p.k = guarded_random((p.rows - 1) * p.stride + p.heads * p.head_dim, 2);
        for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
            if (!osprey__cpu_level_supported((osprey__cpu_level)level)) continue;
            guarded targets = match(osprey__kernels_for((osprey__cpu_level)level),
                                    (osprey__token_match_f32_args){.rows = p.rows,
                                                                   .heads = p.heads,
                                                                   .head_dim = p.head_dim,
                                                                   .k = p.k.floats,
                                                                   .k_stride = p.stride,
                                                                   .count = p.count});
            check_match(&p, targets.floats);
            guarded_free(&targets);
        }
        guarded_free(&p.k);
    }
}

/* Zeros, NaN and infinity: every target stays inside, and each row of the result has one. */
static void test_any_keys_do_no_harm(void **state)
{
    (void)state;
    const float values[] = {0, NAN, INFINITY, -INFINITY, 3e38F, 1e-45F, 1};
    for (size_t repeat = 0; repeat < 300; repeat++) {
        size_t rows = 3 + random_below(20), count = 1 + random_below((rows - 1) / 2);
        guarded k = guarded_random(rows * 4, 0);
        for (size_t i = 0; i < k.count; i++) k.floats[i] = values[random_below(7)];
        guarded targets = match(osprey__kernels_for(OSPREY__CPU_PORTABLE),
                                (osprey__token_match_f32_args){.rows = rows,
                                                               .heads = 2,
                                                               .head_dim = 2,
                                                               .k = k.floats,
                                                               .k_stride = 4,
                                                               .count = count});
        bool reached[ROWS_MAX] = {false};
        for (size_t row = 0; row < rows; row++) {
            assert_true(targets.floats[row] >= 0 && targets.floats[row] < (float)(rows - count));
            reached[(size_t)targets.floats[row]] = true;
        }
        for (size_t row = 0; row < rows - count; row++) assert_true(reached[row]);
        guarded_free(&targets);
        guarded_free(&k);
    }
}

static void test_rows_are_averaged_by_size(void **state)
{
    (void)state;
    enum { ROWS = 5, LEFT = 3, WIDTH = 2 };
    const float targets[ROWS] = {0, 1, 1, 2, 1}, sizes[ROWS] = {1, 2, 5, 1, 1};
    const float x[ROWS * WIDTH] = {0.1F, 0.2F, 1, 2, 3, 4, 0.3F, 0.7F, 9, 8};
    guarded out = guarded_random(LEFT * WIDTH, NAN), merged = guarded_random(LEFT, NAN);
    osprey__token_merge_f32_args args = {.rows = ROWS,
                                         .width = WIDTH,
                                         .merged_rows = LEFT,
                                         .targets = targets,
                                         .x = x,
                                         .out = out.floats,
                                         .merged_sizes = merged.floats};
    osprey__token_merge_f32(&args);
    assert_same_bits(merged.floats, (const float[]){1, 3, 1}, LEFT);
    /* A row that stays alone stays itself, bit for bit. */
    assert_near(out.floats, (const float[]){0.1F, 0.2F, 13 / 3.0F, 14 / 3.0F, 0.3F, 0.7F}, 6, 1e-6);
    assert_same_bits(out.floats, x, WIDTH);
    args.sizes = sizes;
    osprey__token_merge_f32(&args);
    assert_same_bits(merged.floats, (const float[]){1, 8, 1}, LEFT);
    assert_near(out.floats, (const float[]){0.1F, 0.2F, 3.25F, 4, 0.3F, 0.7F}, 6, 1e-6);
    assert_same_bits(out.floats + 4, x + 6, WIDTH);
    memset(merged.floats, 0, LEFT * sizeof(float));
    osprey__token_sizes_f32(&args);
    assert_same_bits(merged.floats, (const float[]){1, 8, 1}, LEFT);
    guarded_free(&out);
    guarded_free(&merged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_alike_merge),
        cmocka_unit_test(test_ties_go_to_the_earlier),
        cmocka_unit_test(test_random_matches),
        cmocka_unit_test(test_any_keys_do_no_harm),
        cmocka_unit_test(test_rows_are_averaged_by_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
