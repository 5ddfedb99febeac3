/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int4's register tile: a strip of rows takes groups of weights one after the other. A group's sums
 * are integers; scaled they are added to floats. Half the rows of the tile of simd/tile_simd.h
 * leave registers for both, so that nothing goes through memory between two groups; where the
 * instruction set has a tile of its own, the sums do.
 */
#ifndef OSPREY_KERNELS_SIMD_STRIP_S4_SIMD_H
#define OSPREY_KERNELS_SIMD_STRIP_S4_SIMD_H

#include "base/memory.h"
#include "kernels/quantize.h"
#include "kernels/simd/integers.h"
#include "kernels/simd/tile_simd.h"

enum {
    GROUP = OSPREY__INT4_GROUP,
    GROUP_STEPS = GROUP / LANE_DEPTH,
    GROUP_BYTES = GROUP_STEPS * TILE_STEP_BYTES,
    /* 16 KiB at most: with a strip's rows they stay in the first-level cache. */
    UNPACKED_GROUPS = 16,
#if defined(OSPREY__TILE)
    STRIP_ROWS = TILE_ROWS,
#else
    STRIP_ROWS = TILE_ROWS / 2,
#endif
};

/* Groups of a panel that have become int8 weights. */
typedef struct unpacked {
    _Alignas(OSPREY__ALIGNMENT) char weights[UNPACKED_GROUPS][GROUP_BYTES];
    _Alignas(OSPREY__ALIGNMENT) float scales[UNPACKED_GROUPS][TILE_COLUMNS];
} unpacked;

typedef struct strip_job {
    const unpacked *groups;
    size_t count;
    const char *a;           /* the first row's elements of the first group */
    const char *corrections; /* what is too much in its sums: an int32_t a group */
    size_t stride;           /* bytes between rows of both */
    float *totals;           /* [rows][TILE_COLUMNS], added to */
    const char *prefetch;    /* brought to the cache meanwhile: prefetch_step bytes a step */
    size_t prefetch_step;
} strip_job;

OSPREY__INLINE int32_t correction_of(const strip_job *job, size_t row, size_t group)
{
    int32_t correction;
    memcpy(&correction, job->corrections + row * job->stride + group * sizeof correction,
           sizeof correction);
    return correction;
}

/* A group's scaled sum is added to its total; every strip does it so. */
OSPREY__INLINE vec add_scaled(vec total, vec sum, const float *scales)
{
    return vec_fma(integers_to_vec((integers)sum), vec_load(scales), total);
}

#if defined(OSPREY__TILE)

/* 1 to STRIP_ROWS rows. */
static void multiply_strip(const strip_job *job, size_t rows)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[STRIP_ROWS * TILE_COLUMNS];
    tile_job group = {.steps = GROUP_STEPS,
                      .lda = job->stride / sizeof(lane),
                      .sums = sums,
                      .sums_stride = TILE_COLUMNS,
                      .prefetch = job->prefetch,
                      .prefetch_step = job->prefetch_step};
    for (size_t g = 0; g < job->count; g++) {
        group.a = (const lane *)(const void *)job->a + g * GROUP_STEPS;
        group.b = job->groups->weights[g];
        tile(&group, rows);
        group.prefetch += GROUP_STEPS * job->prefetch_step;
        for (size_t row = 0; row < rows; row++)
            for (size_t i = 0; i < TILE_COLUMNS; i += VEC_FLOATS) {
                float *total = job->totals + row * TILE_COLUMNS + i;
                integers sum = (integers)vec_load(sums + row * TILE_COLUMNS + i);
                vec_store(total,
                          add_scaled(vec_load(total), (vec)(sum - correction_of(job, row, g)),
                                     job->groups->scales[g] + i));
            }
    }
}

#else

/* rows is a constant at every call, so that sums and totals become registers. */
OSPREY__INLINE void multiply_strip_of_rows(const strip_job *job, const size_t rows)
{
    enum { POINTER_ROWS = 4 };
    vec totals[STRIP_ROWS][TILE_VECS], sums[STRIP_ROWS][TILE_VECS];
    OSPREY__UNROLL
    for (size_t row = 0; row < rows; row++) {
        OSPREY__UNROLL
        for (size_t i = 0; i < TILE_VECS; i++)
            totals[row][i] = vec_load(job->totals + row * TILE_COLUMNS + i * VEC_FLOATS);
    }

    size_t lda = job->stride / sizeof(lane);
    /* A pointer for four rows, as in tile_of_rows. */
    const lane *a0 = (const lane *)(const void *)job->a, *a1 = a0 + POINTER_ROWS * lda;
    const char *b = job->groups->weights[0], *prefetch = job->prefetch;
    const float *scales = job->groups->scales[0];
    for (size_t group = 0; group < job->count; group++, scales += TILE_COLUMNS) {
        OSPREY__UNROLL
        for (size_t row = 0; row < rows; row++) {
            OSPREY__UNROLL
            for (size_t i = 0; i < TILE_VECS; i++)
                sums[row][i] = (vec)((integers){0} - correction_of(job, row, group));
        }
        for (size_t steps = GROUP_STEPS; steps > 0; steps--) {
            vec columns[TILE_VECS];
            OSPREY__UNROLL
            for (size_t i = 0; i < TILE_VECS; i++)
                columns[i] = lane_columns(b + i * LANE_VEC_BYTES);
            OSPREY__UNROLL
            for (size_t row = 0; row < rows; row++) {
                const lane *pointer = row < POINTER_ROWS ? a0 : a1;
                vec factor = lane_broadcast(pointer[row % POINTER_ROWS * lda]);
                OSPREY__UNROLL
                for (size_t i = 0; i < TILE_VECS; i++)
                    sums[row][i] = lane_multiply_add(factor, columns[i], sums[row][i]);
            }
            __builtin_prefetch(prefetch, 0, 2);
            prefetch += job->prefetch_step;
            b += TILE_STEP_BYTES;
            a0++, a1++;
            __asm__("" : "+r"(a0), "+r"(a1));
        }
        OSPREY__UNROLL
        for (size_t row = 0; row < rows; row++) {
            OSPREY__UNROLL
            for (size_t i = 0; i < TILE_VECS; i++)
                totals[row][i] = add_scaled(totals[row][i], sums[row][i], scales + i * VEC_FLOATS);
        }
    }

    OSPREY__UNROLL
    for (size_t row = 0; row < rows; row++) {
        OSPREY__UNROLL
        for (size_t i = 0; i < TILE_VECS; i++)
            vec_store(job->totals + row * TILE_COLUMNS + i * VEC_FLOATS, totals[row][i]);
    }
}

/* 1 to STRIP_ROWS rows. */
static void multiply_strip(const strip_job *job, size_t rows)
{
    switch (rows) {
#if defined(__AVX512F__)
    case 7:
        multiply_strip_of_rows(job, 7);
        break;
    case 6:
        multiply_strip_of_rows(job, 6);
        break;
    case 5:
        multiply_strip_of_rows(job, 5);
        break;
    case 4:
        multiply_strip_of_rows(job, 4);
        break;
#endif
    case 3:
        multiply_strip_of_rows(job, 3);
        break;
    case 2:
        multiply_strip_of_rows(job, 2);
        break;
    default:
        multiply_strip_of_rows(job, 1);
    }
}

#endif

#endif
