/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the matrix products of all formats share: blocks of rows, chunks of k, and the epilogue.
 * A format defines row_scratch_bytes, prepare_rows and multiply_panel after this header.
 */
#ifndef OSPREY_KERNELS_X86_GEMM_X86_H
#define OSPREY_KERNELS_X86_GEMM_X86_H

#include "base/memory.h"
#include "kernels/gemm.h"
#include "kernels/x86/tile_x86.h"
#include "kernels/x86/vec_math_f32.h"

#include <string.h>

enum {
    /* Of rows that take a panel one after the other: the more, the less often weights are read. */
    BLOCK_TILES = 84 / TILE_ROWS,
    BLOCK_ROWS = BLOCK_TILES * TILE_ROWS,
    /* Steps over k: a panel's part of so many (128 KiB at most) stays in the second-level cache. */
    CHUNK = 1024,
};

/* Tiles first..last-1, the first of which begins at row first_row. */
typedef struct row_block {
    size_t first, last, first_row, rows;
    const lane *a; /* rows lda lanes apart */
    size_t lda;
    /* Of each row, in the formats that have them: */
    const float *scales;
    const int32_t *corrections; /* what is too much in an integer sum; s4: one a group */
} row_block;

/* Scratch that prepare_rows takes a row. */
static size_t row_scratch_bytes(size_t k);

/* Sets block's a and lda, scales and corrections to its rows in the format's own form. */
static void prepare_rows(const osprey__gemm_args *args, row_block *block);

/* The block's rows times one panel of weights, with the epilogue. */
static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel);

static size_t gemm_scratch_bytes(size_t m, size_t k)
{
    return (m < BLOCK_ROWS ? m : BLOCK_ROWS) * row_scratch_bytes(k);
}

/* How a tile's sum becomes a float. */
typedef enum sum_kind {
    SUM_FLOAT,
    SUM_INTEGER, /* (sum - correction[row]) * (scale[row] * scale[column]) */
    SUM_SCALED,  /* sum * scale[row] */
} sum_kind;

OSPREY__INLINE vec subtract_integer(vec integers, int32_t x)
{
#if defined(__AVX512F__)
    return _mm512_cvtepi32_ps(
        _mm512_sub_epi32(_mm512_castps_si512(integers), _mm512_set1_epi32(x)));
#else
    return _mm256_cvtepi32_ps(
        _mm256_sub_epi32(_mm256_castps_si256(integers), _mm256_set1_epi32(x)));
#endif
}

OSPREY__INLINE vec sum_to_float(const row_block *block, size_t row, vec sum, vec column_scale,
                                const sum_kind kind)
{
    if (kind == SUM_INTEGER)
        return subtract_integer(sum, block->corrections[row]) *
               (vec_set(block->scales[row]) * column_scale);
    if (kind == SUM_SCALED) return sum * vec_set(block->scales[row]);
    return sum;
}

OSPREY__INLINE vec load_up_to(const float *p, size_t count)
{
    return count >= VEC_FLOATS ? vec_load(p) : vec_load_first(p, count);
}

/* activation and kind are constants at every call. */
OSPREY__INLINE void finish_with(const osprey__gemm_args *args, const row_block *block,
                                size_t column, const float *column_scales, const float *sums,
                                const sum_kind kind, const osprey_activation activation)
{
    for (size_t i = 0; i < TILE_COLUMNS && column < args->n;
         i += VEC_FLOATS, column += VEC_FLOATS) {
        size_t count = args->n - column;
        vec bias = args->bias ? load_up_to(args->bias + column, count) : vec_set(0.0f);
        vec column_scale = kind == SUM_INTEGER ? vec_load(column_scales + i) : vec_set(0.0f);
        size_t offset = block->first_row * args->ldc + column;
        for (size_t row = 0; row < block->rows; row++, offset += args->ldc) {
            vec x = vec_load(sums + row * TILE_COLUMNS + i);
            x = sum_to_float(block, row, x, column_scale, kind) + bias;
            if (args->residual) x += load_up_to(args->residual + offset, count);
            x = vec_activate(activation, x);
            if (count >= VEC_FLOATS)
                vec_store(args->c + offset, x);
            else
                vec_store_first(args->c + offset, count, x);
        }
    }
}

/* The epilogue of a block's sums of the panel that begins at column. */
OSPREY__INLINE void finish_sums(const osprey__gemm_args *args, const row_block *block,
                                size_t column, const float *column_scales, const float *sums,
                                const sum_kind kind)
{
    switch (args->activation) {
    case OSPREY_ACTIVATION_NONE:
        finish_with(args, block, column, column_scales, sums, kind, OSPREY_ACTIVATION_NONE);
        break;
    case OSPREY_ACTIVATION_RELU:
        finish_with(args, block, column, column_scales, sums, kind, OSPREY_ACTIVATION_RELU);
        break;
    case OSPREY_ACTIVATION_GELU:
        finish_with(args, block, column, column_scales, sums, kind, OSPREY_ACTIVATION_GELU);
        break;
    case OSPREY_ACTIVATION_GELU_TANH:
        finish_with(args, block, column, column_scales, sums, kind, OSPREY_ACTIVATION_GELU_TANH);
        break;
    case OSPREY_ACTIVATION_QUICK_GELU:
        finish_with(args, block, column, column_scales, sums, kind, OSPREY_ACTIVATION_QUICK_GELU);
        break;
    }
}

static size_t steps_of(size_t k)
{
    return (k + LANE_DEPTH - 1) / LANE_DEPTH;
}

/*
 * One panel with a block of rows, a chunk of k at a time: the panel's part then stays in cache
 * while the tiles pass, and the part that follows it in memory is fetched meanwhile. Behind a
 * panel's weights lie its columns' scales, where kind has such.
 */
OSPREY__INLINE void multiply_chunks(const osprey__gemm_args *args, const row_block *block,
                                    size_t panel, const sum_kind kind)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[BLOCK_ROWS * TILE_COLUMNS];
    size_t steps = steps_of(args->k), tiles = block->last - block->first;
    size_t weight_bytes = osprey__round_up(steps * TILE_STEP_BYTES, OSPREY__ALIGNMENT);
    size_t scale_bytes = kind == SUM_INTEGER ? TILE_COLUMNS * sizeof(float) : 0;
    size_t column = panel * TILE_COLUMNS;
    const char *weights = (const char *)args->packed + panel * (weight_bytes + scale_bytes);
    tile_job job = {.lda = block->lda, .b = weights, .sums_stride = TILE_COLUMNS};
    size_t chunks = steps ? (steps + CHUNK - 1) / CHUNK : 1;
    for (size_t chunk = 0; chunk < chunks; chunk++, job.b += job.steps * TILE_STEP_BYTES) {
        size_t step = chunk * steps / chunks;
        job.steps = (chunk + 1) * steps / chunks - step;
        job.add = chunk > 0;
        bool last = chunk + 1 == chunks && args->n - column <= TILE_COLUMNS;
        job.prefetch = last ? job.b : job.b + job.steps * TILE_STEP_BYTES;
        job.prefetch_step = last ? 0 : TILE_STEP_BYTES / tiles;
        for (size_t t = block->first; t < block->last; t++) {
            size_t row = tile_start(t, args->m), row_in_block = row - block->first_row;
            job.a = block->a + row_in_block * block->lda + step;
            job.sums = sums + row_in_block * TILE_COLUMNS;
            tile(&job, tile_start(t + 1, args->m) - row);
            job.prefetch += job.steps * job.prefetch_step;
        }
    }
    finish_sums(args, block, column, (const float *)(weights + weight_bytes), sums, kind);
}

static void multiply(const osprey__gemm_args *args)
{
    size_t tiles = tile_count(args->m), panels = (args->n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    size_t blocks = (tiles + BLOCK_TILES - 1) / BLOCK_TILES;
    for (size_t i = 0; i < blocks; i++) {
        row_block block = {.first = i * tiles / blocks, .last = (i + 1) * tiles / blocks};
        block.first_row = tile_start(block.first, args->m);
        block.rows = tile_start(block.last, args->m) - block.first_row;
        prepare_rows(args, &block);
        for (size_t panel = 0; panel < panels; panel++) multiply_panel(args, &block, panel);
    }
}

#endif
