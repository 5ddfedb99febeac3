/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix product over the register tile, for gemm_f32_avx2.c and gemm_f32_avx512.c. */
#ifndef OSPREY_KERNELS_X86_GEMM_F32_X86_H
#define OSPREY_KERNELS_X86_GEMM_F32_X86_H

#include "base/memory.h"
#include "kernels/gemm.h"
#include "kernels/x86/tile_f32.h"
#include "kernels/x86/vec_math_f32.h"

#include <stdbool.h>
#include <string.h>

enum {
    /* Of rows that take a panel one after the other: the more, the less often weights are read. */
    BLOCK_TILES = 84 / TILE_ROWS,
    /* Of k: a panel's part of so many rows (128 KiB at most) stays in the second-level cache. */
    CHUNK = 1024,
    /* Rows a multiple of 4 KiB apart fall into the same few places of the first-level cache. */
    CONFLICT_FLOATS = 1024,
};

/* Tiles first..last-1, whose rows begin at a, lda floats apart. */
typedef struct row_block {
    size_t first, last;
    const float *a;
    size_t lda;
} row_block;

static size_t padded_row_floats(size_t k)
{
    return osprey__round_up(k, VEC_FLOATS) + OSPREY__ALIGNMENT / sizeof(float);
}

static size_t gemm_scratch_bytes(size_t m, size_t k)
{
    size_t rows = BLOCK_TILES * TILE_ROWS;
    return (m < rows ? m : rows) * padded_row_floats(k) * sizeof(float);
}

/* Where a tile's sums go. */
typedef struct tile_place {
    size_t row, rows, column, columns;
} tile_place;

OSPREY__INLINE vec load_up_to(const float *p, size_t count)
{
    return count >= VEC_FLOATS ? vec_load(p) : vec_load_first(p, count);
}

/* activation is a constant at every call. */
OSPREY__INLINE void finish_tile_with(const osprey__gemm_args *args, tile_place place,
                                     const float *sums, const osprey_activation activation)
{
    for (size_t i = 0; i < TILE_VECS && i * VEC_FLOATS < place.columns; i++) {
        size_t column = place.column + i * VEC_FLOATS;
        size_t count = place.columns - i * VEC_FLOATS;
        vec bias = args->bias ? load_up_to(args->bias + column, count) : vec_set(0.0f);
        size_t offset = place.row * args->ldc + column;
        for (size_t row = 0; row < place.rows; row++, offset += args->ldc) {
            vec x = vec_load(sums + row * TILE_COLUMNS + i * VEC_FLOATS) + bias;
            if (args->residual) x += load_up_to(args->residual + offset, count);
            x = vec_activate(activation, x);
            if (count >= VEC_FLOATS)
                vec_store(args->c + offset, x);
            else
                vec_store_first(args->c + offset, count, x);
        }
    }
}

static void finish_tile(const osprey__gemm_args *args, tile_place place, const float *sums)
{
    switch (args->activation) {
    case OSPREY_ACTIVATION_NONE:
        finish_tile_with(args, place, sums, OSPREY_ACTIVATION_NONE);
        break;
    case OSPREY_ACTIVATION_RELU:
        finish_tile_with(args, place, sums, OSPREY_ACTIVATION_RELU);
        break;
    case OSPREY_ACTIVATION_GELU:
        finish_tile_with(args, place, sums, OSPREY_ACTIVATION_GELU);
        break;
    case OSPREY_ACTIVATION_GELU_TANH:
        finish_tile_with(args, place, sums, OSPREY_ACTIVATION_GELU_TANH);
        break;
    case OSPREY_ACTIVATION_QUICK_GELU:
        finish_tile_with(args, place, sums, OSPREY_ACTIVATION_QUICK_GELU);
        break;
    }
}

/*
 * One panel with a block of rows, a chunk of k at a time: the panel's part then stays in cache
 * while the tiles pass, and the part that follows it in memory is fetched meanwhile.
 */
static void multiply_panel(const osprey__gemm_args *args, row_block block, size_t panel)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[BLOCK_TILES * TILE_ROWS * TILE_COLUMNS];
    size_t first_row = tile_start(block.first, args->m), tiles = block.last - block.first;
    size_t column = panel * TILE_COLUMNS, left = args->n - column;
    tile_job job = {.lda = block.lda,
                    .b = (const float *)args->packed + column * args->k,
                    .sums_stride = TILE_COLUMNS};
    size_t chunks = args->k ? (args->k + CHUNK - 1) / CHUNK : 1;
    for (size_t chunk = 0; chunk < chunks; chunk++, job.b += job.k * TILE_COLUMNS) {
        size_t k = chunk * args->k / chunks;
        job.k = (chunk + 1) * args->k / chunks - k;
        job.add = chunk > 0;
        bool last = chunk + 1 == chunks && left <= TILE_COLUMNS;
        job.prefetch = (const char *)(last ? job.b : job.b + job.k * TILE_COLUMNS);
        job.prefetch_step = last ? 0 : TILE_COLUMNS * sizeof(float) / tiles;
        for (size_t t = block.first; t < block.last; t++) {
            size_t row = tile_start(t, args->m);
            job.a = block.a + (row - first_row) * block.lda + k;
            job.sums = sums + (row - first_row) * TILE_COLUMNS;
            tile(&job, tile_start(t + 1, args->m) - row);
            job.prefetch += job.k * job.prefetch_step;
        }
    }
    tile_place place = {.row = first_row,
                        .rows = tile_start(block.last, args->m) - first_row,
                        .column = column,
                        .columns = left < TILE_COLUMNS ? left : TILE_COLUMNS};
    finish_tile(args, place, sums);
}

/* The block's rows where they lie, or a copy in scratch if there they would share cache sets. */
static void place_block(const osprey__gemm_args *args, row_block *block)
{
    size_t first_row = tile_start(block->first, args->m);
    block->a = args->a + first_row * args->lda;
    block->lda = args->lda;
    if (args->lda % CONFLICT_FLOATS != 0) return;
    size_t rows = tile_start(block->last, args->m) - first_row;
    size_t padded = padded_row_floats(args->k);
    float *copy = args->scratch;
    for (size_t row = 0; row < rows; row++)
        memcpy(copy + row * padded, block->a + row * args->lda, args->k * sizeof(float));
    block->a = copy;
    block->lda = padded;
}

static void gemm_f32(const osprey__gemm_args *args)
{
    size_t tiles = tile_count(args->m), panels = (args->n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    size_t blocks = (tiles + BLOCK_TILES - 1) / BLOCK_TILES;
    for (size_t i = 0; i < blocks; i++) {
        row_block block = {.first = i * tiles / blocks, .last = (i + 1) * tiles / blocks};
        place_block(args, &block);
        for (size_t panel = 0; panel < panels; panel++) multiply_panel(args, block, panel);
    }
}

#endif
