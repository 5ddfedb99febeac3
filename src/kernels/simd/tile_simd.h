/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The register tile: rows x TILE_COLUMNS sums that stay in registers while k runs. Every product
 * of matrices goes through it. Each sum is one chain of multiply-adds over k from zero, whatever
 * the number of rows: so an element never depends on the tile that it falls into.
 *
 * What a step multiplies is said by the lanes_*.h that the including .c names as OSPREY__LANES:
 * `lane`, the bytes of a row that a step takes, LANE_DEPTH elements; LANE_VEC_BYTES, the bytes of
 * weights behind a vector of sums; lane_broadcast, lane_columns and lane_multiply_add. Sums are 32
 * bits wide: floats, integers, or two halves of a column. A .c whose instructions take more than a
 * row at a time names its own tile_of_rows as OSPREY__TILE. One whose sums are not what is kept
 * says as OSPREY__SUMS how they begin and end, and as OSPREY__SUM_STEPS after how many steps they
 * have to. One whose sums begin with a lane of their row defines OSPREY__SUMS_BEGIN. One that does
 * not multiply with the weights as they are says as OSPREY__COLUMNS with what. OSPREY__ROUND_STEPS
 * are the steps of a round of the loop: two leave a processor that does two multiply-adds at a time
 * the time for them, where the registers suffice.
 */
#ifndef OSPREY_KERNELS_SIMD_TILE_SIMD_H
#define OSPREY_KERNELS_SIMD_TILE_SIMD_H

#include "kernels/kernel_list.h"
#include "kernels/simd/vec_f32.h"
#include OSPREY__LANES

#include <stdbool.h>

#if defined(__AVX512F__)
enum { TILE_ROWS = OSPREY__ROWS_gemm_f32_avx512, TILE_COLUMNS = OSPREY__COLUMNS_gemm_f32_avx512 };
#elif defined(__aarch64__)
enum { TILE_ROWS = OSPREY__ROWS_gemm_f32_neon, TILE_COLUMNS = OSPREY__COLUMNS_gemm_f32_neon };
#else
enum { TILE_ROWS = OSPREY__ROWS_gemm_f32_avx2, TILE_COLUMNS = OSPREY__COLUMNS_gemm_f32_avx2 };
#endif

enum {
    TILE_VECS = TILE_COLUMNS / VEC_FLOATS,
    TILE_STEP_BYTES = TILE_VECS * LANE_VEC_BYTES,
};

/* Bytes that a step brings weights ahead from the second-level cache to the first; 0: leaves it to
 * the processor, where a step has as many loads as there is time for. */
#if defined(__AVX512F__)
enum { COLUMNS_AHEAD = 1024 };
#else
enum { COLUMNS_AHEAD = 0 };
#endif

typedef struct tile_job {
    size_t steps;
    const lane *a; /* [rows][steps], rows lda lanes apart */
    size_t lda;
    const char *b; /* [steps][TILE_STEP_BYTES] */
    float *sums;   /* [rows][TILE_COLUMNS], rows sums_stride floats apart */
    size_t sums_stride;
    bool add;             /* to what lies in sums; otherwise that is not read */
    const lane *begin;    /* OSPREY__SUMS_BEGIN: of the first row's sums, rows lda lanes apart */
    bool narrow;          /* only the first half of the columns, and of each row of sums */
    const char *prefetch; /* brought to the cache meanwhile: prefetch_step bytes a step */
    size_t prefetch_step;
    /* NULL, or where what becomes of the sums will go, rows results_stride bytes apart: its cache
     * lines are asked for meanwhile, of wide_results two a row, otherwise one */
    const char *results;
    size_t results_stride;
    bool wide_results;
    /* OSPREY__COLUMNS of strassen_f32: NULL, or what is taken away from b, and where that is kept
     */
    const char *minus;
    char *difference;
} tile_job;

#ifndef OSPREY__ROUND_STEPS
#define OSPREY__ROUND_STEPS 2
#endif

#ifndef OSPREY__SUM_STEPS
#define OSPREY__SUM_STEPS SIZE_MAX
#endif

#if defined(OSPREY__SUMS)
#include OSPREY__SUMS
#else

/* What vector i of a row's sums begins with. */
OSPREY__INLINE vec first_sum(const tile_job *job, size_t row, size_t i)
{
    if (job->add) return vec_load(job->sums + row * job->sums_stride + i * VEC_FLOATS);
#if defined(OSPREY__SUMS_BEGIN)
    return lane_broadcast(job->begin[row * job->lda]);
#else
    return vec_set(0.0f);
#endif
}

/* And where it goes. */
OSPREY__INLINE void keep_sum(const tile_job *job, size_t row, size_t i, vec sum)
{
    vec_store(job->sums + row * job->sums_stride + i * VEC_FLOATS, sum);
}

#endif

#if defined(OSPREY__TILE)
#include OSPREY__TILE
#else

#if defined(OSPREY__COLUMNS)
#include OSPREY__COLUMNS
#else

typedef struct column_source {
    char unused;
} column_source;

OSPREY__INLINE column_source columns_from(const tile_job *job)
{
    (void)job;
    return (column_source){0};
}

/* Vector i of the weights of the step that begins at b. */
OSPREY__INLINE vec step_columns(column_source source, const char *b, size_t i)
{
    (void)source;
    return lane_columns(b + i * LANE_VEC_BYTES);
}

#endif

enum { WALK_ROWS = 5 };

/* What the next step reads. A pointer for five rows: one a row would not fit the integer registers.
 */
typedef struct tile_walk {
    const lane *a0, *a1, *a2;
    const char *b, *prefetch;
} tile_walk;

/* rows, vecs and steps are constants at every call, so that the sums become registers. */
OSPREY__INLINE void multiply_next(const tile_job *job, column_source source, tile_walk *at,
                                  const size_t rows, const size_t vecs, const size_t steps,
                                  vec sums[TILE_ROWS][TILE_VECS])
{
    const size_t lda = job->lda;
    OSPREY__UNROLL
    for (size_t step = 0; step < steps; step++) {
        const char *b = at->b + step * TILE_STEP_BYTES;
        vec columns[TILE_VECS];
        OSPREY__UNROLL
        for (size_t i = 0; i < vecs; i++) columns[i] = step_columns(source, b, i);
        if (COLUMNS_AHEAD) {
            OSPREY__UNROLL
            for (size_t line = 0; line < vecs * LANE_VEC_BYTES; line += OSPREY__ALIGNMENT)
                __builtin_prefetch(b + COLUMNS_AHEAD + line, 0, 3);
        }
        OSPREY__UNROLL
        for (size_t row = 0; row < rows; row++) {
            const lane *group = row < WALK_ROWS ? at->a0 : row < 2 * WALK_ROWS ? at->a1 : at->a2;
            vec factor = lane_broadcast(group[row % WALK_ROWS * lda + step]);
            OSPREY__UNROLL
            for (size_t i = 0; i < vecs; i++)
                sums[row][i] = lane_multiply_add(factor, columns[i], sums[row][i]);
        }
    }
    __builtin_prefetch(at->prefetch, 0, 2);
    at->prefetch += steps * job->prefetch_step;
    at->b += steps * TILE_STEP_BYTES;
    at->a0 += steps, at->a1 += steps, at->a2 += steps;
    /* Keeps the compiler from making a pointer of each row again. */
    __asm__("" : "+r"(at->a0), "+r"(at->a1), "+r"(at->a2));
}

/*
 * rows and vecs are constants at every call. The first rounds ask for two lines of the results
 * each: all at once they would take the places in which the cache waits for what a step reads.
 */
OSPREY__INLINE void tile_of_rows(const tile_job *job, const size_t rows, const size_t vecs)
{
    vec sums[TILE_ROWS][TILE_VECS];
    OSPREY__UNROLL
    for (size_t row = 0; row < rows; row++) {
        OSPREY__UNROLL
        for (size_t i = 0; i < vecs; i++) sums[row][i] = first_sum(job, row, i);
    }

    const size_t group = WALK_ROWS * job->lda;
    tile_walk at = {job->a, job->a + group, job->a + 2 * group, job->b, job->prefetch};
    const column_source source = columns_from(job);
    const char *result = job->results;
    const size_t stride = job->results_stride;
    const size_t other = job->wide_results ? OSPREY__ALIGNMENT : stride;
    const size_t next = job->wide_results ? stride : 2 * stride;
    const size_t pairs = job->wide_results ? rows : (rows + 1) / 2;
    size_t left = job->steps / OSPREY__ROUND_STEPS;
    size_t asking = !result ? 0 : pairs < left ? pairs : left;
    left -= asking;
    for (size_t steps = job->steps % OSPREY__ROUND_STEPS; steps > 0; steps--)
        multiply_next(job, source, &at, rows, vecs, 1, sums);
    for (; asking > 0; asking--, result += next) {
        __builtin_prefetch(result, 1);
        __builtin_prefetch(result + other, 1);
        multiply_next(job, source, &at, rows, vecs, OSPREY__ROUND_STEPS, sums);
    }
    for (; left > 0; left--) multiply_next(job, source, &at, rows, vecs, OSPREY__ROUND_STEPS, sums);

    OSPREY__UNROLL
    for (size_t row = 0; row < rows; row++) {
        OSPREY__UNROLL
        for (size_t i = 0; i < vecs; i++) keep_sum(job, row, i, sums[row][i]);
    }
}

#endif

/* vecs is a constant at every call. */
OSPREY__INLINE void tile_of_vecs(const tile_job *job, size_t rows, const size_t vecs)
{
    switch (rows) {
#if defined(__AVX512F__)
    case 14:
        tile_of_rows(job, 14, vecs);
        break;
    case 13:
        tile_of_rows(job, 13, vecs);
        break;
    case 12:
        tile_of_rows(job, 12, vecs);
        break;
    case 11:
        tile_of_rows(job, 11, vecs);
        break;
    case 10:
        tile_of_rows(job, 10, vecs);
        break;
    case 9:
        tile_of_rows(job, 9, vecs);
        break;
    case 8:
        tile_of_rows(job, 8, vecs);
        break;
    case 7:
        tile_of_rows(job, 7, vecs);
        break;
#endif
    case 6:
        tile_of_rows(job, 6, vecs);
        break;
    case 5:
        tile_of_rows(job, 5, vecs);
        break;
    case 4:
        tile_of_rows(job, 4, vecs);
        break;
    case 3:
        tile_of_rows(job, 3, vecs);
        break;
    case 2:
        tile_of_rows(job, 2, vecs);
        break;
    default:
        tile_of_rows(job, 1, vecs);
    }
}

/* 1 to TILE_ROWS rows. */
static void tile(const tile_job *job, size_t rows)
{
    if (job->narrow)
        tile_of_vecs(job, rows, TILE_VECS / 2);
    else
        tile_of_vecs(job, rows, TILE_VECS);
}

/*
 * The rows of a matrix are spread evenly over as few tiles as can be: 50 are 12 + 13 + 12 + 13, not
 * 14 + 14 + 14 + 8. Tile t begins at row tile_start(t).
 */
OSPREY__INLINE size_t tile_count(size_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

OSPREY__INLINE size_t tile_start(size_t t, size_t rows)
{
    return t * rows / tile_count(rows);
}

#endif
