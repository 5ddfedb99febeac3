/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the matrix products of all formats share: blocks of rows and chunks of k.
 * A format defines row_bytes, prepare and multiply_panel after this header.
 */
#ifndef OSPREY_KERNELS_SIMD_GEMM_SIMD_H
#define OSPREY_KERNELS_SIMD_GEMM_SIMD_H

#include "kernels/simd/tile_simd.h"

/* Needs TILE_COLUMNS. */
#include "kernels/simd/epilogue_simd.h"

#include <string.h>

/* Rows that take a panel one after the other: the more, the less often weights are read. */
#ifndef OSPREY__PANEL_ROWS
#define OSPREY__PANEL_ROWS 84
#endif

enum {
    BLOCK_TILES = OSPREY__PANEL_ROWS / TILE_ROWS,
    BLOCK_ROWS = BLOCK_TILES * TILE_ROWS,
    /* Steps over k: a panel's part of so many (128 KiB at most) stays in the second-level cache. */
    CHUNK = 1024,
    /* Bytes behind a prepared row's elements: a cache line, and so much more that the rows of a
     * tile come to the ends of theirs by turns, and do not all wait for the next at once. */
    ROW_GAP = OSPREY__ALIGNMENT + 16,
};

/* Rows from first on, in so many tiles: `longer` of a row more than the others come first. */
typedef struct row_block {
    size_t first, tiles, tile_rows, longer;
    size_t step_share; /* of the bytes of a step, those that each tile fetches ahead */
} row_block;

/* Bytes of a prepared row. */
static size_t row_bytes(size_t k);

/* The block's rows times one panel of weights, with the epilogue. */
static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel);

static size_t steps_of(size_t k)
{
    return (k + LANE_DEPTH - 1) / LANE_DEPTH;
}

/* The job's steps, as many at a time as its tile's own sums can hold. */
OSPREY__INLINE void multiply_steps(tile_job job, size_t rows)
{
    for (size_t left = job.steps;; job.add = true) {
        job.steps = left < OSPREY__SUM_STEPS ? left : OSPREY__SUM_STEPS;
        tile(&job, rows);
        left -= job.steps;
        if (!left) return;
        job.a += job.steps;
        job.b += job.steps * TILE_STEP_BYTES;
        job.prefetch += job.steps * job.prefetch_step;
        job.results = NULL;
    }
}

/* Part of the steps over k. */
typedef struct k_chunk {
    size_t step; /* the first */
    bool first, last;
} k_chunk;

/*
 * The chunk's job with each tile of the block: sums has room for all of them, and is kept from
 * chunk to chunk. A tile is finished as soon as its sums are, so that its results leave while the
 * next is multiplied.
 */
OSPREY__INLINE void multiply_tiles(const osprey__gemm_args *args, const row_block *block,
                                   k_chunk chunk, tile_job *job, float *sums, finish_job *finish,
                                   const sum_kind kind)
{
    const bool kept = !chunk.first || !chunk.last;
    job->add = !chunk.first;
    job->results_stride = args->ldc * result_bytes(args);
    job->wide_results = !args->rounded;
    for (size_t t = 0, row = block->first, rows; t < block->tiles; t++, row += rows) {
        rows = block->tile_rows + (t < block->longer);
        const char *a = (const char *)args->a + row * args->a_stride;
        job->a = (const lane *)a + chunk.step;
        job->begin = (const lane *)(a + finish->tail + offsetof(row_tail, begin));
        job->sums = sums + (kept ? (row - block->first) * TILE_COLUMNS : 0);
        job->results = chunk.last ? result_at(args, row, finish->column) : NULL;
        multiply_steps(*job, rows);
        job->prefetch += job->steps * job->prefetch_step;
        finish->first = row;
        finish->rows = rows;
        finish->sums = job->sums;
        if (chunk.last) finish_sums(args, finish, kind);
    }
}

/*
 * One panel with a block of rows, a chunk of k at a time: the panel's part then stays in cache
 * while the tiles pass, and the part that follows it in memory is fetched meanwhile: this product's
 * next panel or, behind the last, what most likely comes next. Behind a panel's weights lie its
 * columns' scales, where kind has such. A last panel of which only the first half is there is
 * multiplied by half.
 */
OSPREY__INLINE void multiply_chunks(const osprey__gemm_args *args, const row_block *block,
                                    size_t panel, size_t tail, const sum_kind kind)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[BLOCK_ROWS * TILE_COLUMNS];
    size_t steps = steps_of(args->k), end = 0;
    size_t weight_bytes = osprey__round_up(steps * TILE_STEP_BYTES, OSPREY__ALIGNMENT);
    size_t scale_bytes = has_column_scales(kind) ? TILE_COLUMNS * sizeof(float) : 0;
    const char *weights = (const char *)args->packed + panel * (weight_bytes + scale_bytes);
    finish_job finish = {.column = panel * TILE_COLUMNS,
                         .column_scales = (const float *)(weights + weight_bytes),
                         .tail = tail};
    tile_job job = {.lda = args->a_stride / sizeof(lane),
                    .b = weights,
                    .sums_stride = TILE_COLUMNS,
                    .narrow = args->n - finish.column <= TILE_COLUMNS / 2,
                    .prefetch_step = block->step_share};
    size_t chunks = steps ? (steps + CHUNK - 1) / CHUNK : 1;
    for (size_t chunk = 0; chunk < chunks; chunk++, job.b += job.steps * TILE_STEP_BYTES) {
        k_chunk part = {end, chunk == 0, chunk + 1 == chunks};
        end = part.last ? steps : (chunk + 1) * steps / chunks;
        job.steps = end - part.step;
        job.prefetch = job.b + job.steps * TILE_STEP_BYTES;
        multiply_tiles(args, block, part, &job, sums, &finish, kind);
    }
}

static void multiply(const osprey__gemm_args *args)
{
    size_t tiles = tile_count(args->m), panels = (args->n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    size_t blocks = (tiles + BLOCK_TILES - 1) / BLOCK_TILES;
    for (size_t i = 0; i < blocks; i++) {
        size_t first = i * tiles / blocks, count = (i + 1) * tiles / blocks - first;
        size_t row = tile_start(first, args->m), rows = tile_start(first + count, args->m) - row;
        const row_block block = {.first = row,
                                 .tiles = count,
                                 .tile_rows = rows / count,
                                 .longer = rows % count,
                                 .step_share = (TILE_STEP_BYTES + count - 1) / count};
        for (size_t panel = 0; panel < panels; panel++) multiply_panel(args, &block, panel);
    }
}

#endif
