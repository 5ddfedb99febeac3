/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products that read the patches of a feature map: the same, bit for bit, as of patches that were
 * gathered and then prepared, in int8 for the magnitude that their row of positions has. In fp16 a
 * row of positions may have another power of two than a patch, which changes nothing for numbers of
 * few bits.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "kernels/guarded.h"

#include <math.h>

enum { CHANNELS_OUT = 40 };

typedef struct problem {
    osprey__conv_shape shape;
    size_t k, first, count; /* positions */
    float range;            /* 0: what the map has */
    guarded map, weight;
} problem;

static problem problem_new(void)
{
    problem p = {.shape = {.height = 1 + random_below(12),
                           .width = 1 + random_below(12),
                           .channels = 1 + random_below(40),
                           .stride = 1 + random_below(2)}};
    osprey__conv_shape *shape = &p.shape;
    size_t after = random_below(2);
    shape->padding = random_below(3);
    shape->kernel_height = 1 + random_below(shape->height < 4 ? shape->height : 4);
    shape->kernel_width = 1 + random_below(shape->width < 4 ? shape->width : 4);
    shape->out_height =
        (shape->height + shape->padding + after - shape->kernel_height) / shape->stride + 1;
    shape->out_width =
        (shape->width + shape->padding + after - shape->kernel_width) / shape->stride + 1;
    size_t positions = shape->out_height * shape->out_width;
    p.k = shape->kernel_height * shape->kernel_width * shape->channels;
    p.first = random_below(positions);
    p.count = 1 + random_below(positions - p.first);
    p.range = random_below(3) ? 0 : 0.7F;
    p.map = guarded_random(shape->height * shape->width * shape->channels, 1);
    p.weight = guarded_random(CHANNELS_OUT * p.k, 1);
    return p;
}

static void problem_free(problem *p)
{
    guarded_free(&p->map);
    guarded_free(&p->weight);
}

/* The largest magnitude in the rows of the map that the position's patch lies in. */
static float largest_near(const problem *p, size_t position)
{
    osprey__span rows = osprey__window_rows(&p->shape, position);
    size_t row_floats = p->shape.width * p->shape.channels;
    float largest = 0;
    for (size_t i = rows.start * row_floats; i < (rows.start + rows.count) * row_floats; i++)
        largest = fmaxf(largest, fabsf(p->map.floats[i]));
    return largest;
}

static void prepare_gathered(const problem *p, const osprey__gemm_kernel *kernel, bool integers,
                             guarded *rows)
{
    size_t row_floats = kernel->row_bytes(p->k) / sizeof(float);
    guarded patch = guarded_random(p->k, 1);
    for (size_t i = 0; i < p->count; i++) {
        osprey__conv_gather_f32(&p->shape, p->map.floats, p->first + i, 1, patch.floats);
        kernel->prepare(&(osprey__gemm_input){.m = 1,
                                              .k = p->k,
                                              .dtype = OSPREY__F32,
                                              .x = patch.floats,
                                              .stride = p->k * sizeof(float),
                                              .range = integers && p->range == 0
                                                           ? largest_near(p, p->first + i)
                                                           : p->range},
                        rows->floats + i * row_floats);
    }
    guarded_free(&patch);
}

static void prepare_map(const problem *p, const osprey__gemm_kernel *kernel, guarded *rows)
{
    guarded scratch = guarded_random(osprey__patch_scratch_bytes(&p->shape) / sizeof(float), NAN);
    kernel->prepare(&(osprey__gemm_input){.m = p->count,
                                          .k = p->k,
                                          .dtype = OSPREY__F32,
                                          .x = p->map.floats,
                                          .range = p->range,
                                          .patches = &p->shape,
                                          .first = p->first,
                                          .scratch = scratch.floats},
                    rows->floats);
    guarded_free(&scratch);
}

static guarded multiply(const problem *p, const osprey__gemm_kernel *kernel, const guarded *rows)
{
    guarded out = guarded_random(p->count * CHANNELS_OUT, 1);
    guarded packed =
        guarded_random(osprey__gemm_packed_bytes(kernel, CHANNELS_OUT, p->k) / sizeof(float), 1);
    kernel->pack(kernel, CHANNELS_OUT, p->k, p->weight.floats, p->k, 1, packed.floats);
    kernel->run(&(osprey__gemm_args){.m = p->count,
                                     .n = CHANNELS_OUT,
                                     .k = p->k,
                                     .a = rows->floats,
                                     .a_stride = kernel->row_bytes(p->k),
                                     .packed = packed.floats,
                                     .c = out.floats,
                                     .ldc = CHANNELS_OUT});
    guarded_free(&packed);
    return out;
}

static void round_to_64ths(guarded *array)
{
    for (size_t i = 0; i < array->count; i++) array->floats[i] = rintf(array->floats[i] * 64) / 64;
}

static void check(const problem *p, const osprey__gemm_kernel *kernel, bool integers)
{
    size_t floats = p->count * kernel->row_bytes(p->k) / sizeof(float);
    guarded gathered = guarded_random(floats, NAN), direct = guarded_random(floats, NAN);
    prepare_gathered(p, kernel, integers, &gathered);
    prepare_map(p, kernel, &direct);
    guarded wanted = multiply(p, kernel, &gathered), got = multiply(p, kernel, &direct);
    assert_same_bits(wanted.floats, got.floats, wanted.count);
    guarded_free(&gathered);
    guarded_free(&direct);
    guarded_free(&wanted);
    guarded_free(&got);
}

static void test_patches_of_a_map(void **state)
{
    (void)state;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("patches", (osprey__cpu_level)level);
        if (!kernels) continue;
        for (int format = 0; format < OSPREY_PRECISIONS; format++) {
            const osprey__gemm_kernel *kernel = &kernels->gemm[format];
            assert_true(kernel->takes_patches == (format != OSPREY_PRECISION_INT4));
            if (!kernel->takes_patches) continue;
            for (size_t repeat = 0; repeat < 60; repeat++) {
                problem p = problem_new();
                if (format == OSPREY_PRECISION_FP16) {
                    round_to_64ths(&p.map);
                    round_to_64ths(&p.weight);
                }
                check(&p, kernel, format == OSPREY_PRECISION_INT8);
                problem_free(&p);
            }
        }
    }
}

/* Every result of its row of positions, and no other. */
static void test_what_is_not_finite_shows(void **state)
{
    (void)state;
    const float cases[] = {NAN, INFINITY};
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const osprey__kernels *kernels = kernels_or_say_so("not finite", (osprey__cpu_level)level);
        if (!kernels) continue;
        bool halves =
            osprey__kernels_factors(kernels, OSPREY_PRECISION_FP16) == OSPREY_PRECISION_FP16;
        for (size_t i = 0; i < (halves ? 8 : 4); i++) {
            const osprey__gemm_kernel *kernel =
                &kernels->gemm[i < 4 ? OSPREY_PRECISION_INT8 : OSPREY_PRECISION_FP16];
            problem p = {.shape = {.height = 4,
                                   .width = 3,
                                   .channels = 5,
                                   .kernel_height = 2,
                                   .kernel_width = 2,
                                   .stride = 1,
                                   .out_height = 3,
                                   .out_width = 2},
                         .k = 20,
                         .count = 6,
                         .range = i % 4 < 2 ? 0 : 0.5F};
            p.map = guarded_random(60, 1);
            p.weight = guarded_random(CHANNELS_OUT * p.k, 1);
            p.map.floats[2] = cases[i % 2]; /* in the map's first row */
            guarded rows = guarded_random(p.count * kernel->row_bytes(p.k) / sizeof(float), NAN);
            prepare_map(&p, kernel, &rows);
            guarded out = multiply(&p, kernel, &rows);
            for (size_t at = 0; at < out.count; at++)
                assert_true(isnan(out.floats[at]) == (at < 2 * CHANNELS_OUT));
            guarded_free(&out);
            guarded_free(&rows);
            problem_free(&p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches_of_a_map),
        cmocka_unit_test(test_what_is_not_finite_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
