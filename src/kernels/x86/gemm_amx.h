/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix product with AMX, for gemm_bf16_amx.c and gemm_s8_amx.c, which define TILE_DOT: two
 * tiles of rows times the two tiles of columns that a panel is wide, 32 x 32 sums in all. Panels
 * are those of the AVX-512 kernels of the same format: a step of theirs is a row of two tiles, side
 * by side.
 *
 * There are no few-row kernels beside it. A single row's time goes into reading weights, which a
 * tile reads as fast as anything; and as tdpbf16ps adds in another order than vdpbf16ps, a row
 * would depend on how many others there are.
 */
#ifndef OSPREY_KERNELS_X86_GEMM_AMX_H
#define OSPREY_KERNELS_X86_GEMM_AMX_H

#include "kernels/kernel_list.h"
#include "kernels/x86/tile_config.h"

#ifndef OSPREY__TILES
#define OSPREY__TILES "kernels/x86/tiles_amx.h"
#endif
#include OSPREY__TILES

enum {
    TILE_COLUMNS = 2 * AMX_ROW_BYTES / 4,
    GROUP_ROWS = 2 * AMX_ROWS,
    PANEL_STEP_BYTES = TILE_COLUMNS * 4,
    STEP_BYTES = AMX_ROWS * PANEL_STEP_BYTES, /* of a panel, for AMX_ROW_BYTES of each row */
    /* Of a panel, together half of the 48 KiB of first-level cache that these machines have. */
    CHUNK_STEPS = 12,
    /* Of rows that take such a chunk one after the other. */
    BLOCK_GROUPS = 3,
};

_Static_assert((int)TILE_COLUMNS == (int)OSPREY__COLUMNS_gemm_bf16_amx &&
                   (int)TILE_COLUMNS == (int)OSPREY__COLUMNS_gemm_s8_amx &&
                   (int)GROUP_ROWS == (int)OSPREY__ROWS_gemm_bf16_amx &&
                   (int)GROUP_ROWS == (int)OSPREY__ROWS_gemm_s8_amx,
               "as kernels.def says");

#include "kernels/simd/epilogue_simd.h"

#include <string.h>

/* How the rows of a call fall into groups of at most GROUP_ROWS. All have the same height, so that
 * the tiles keep their shapes; the last group may begin in the one before it. */
typedef struct row_groups {
    size_t count, height;
    size_t upper; /* rows of a group's first tile; the rest are the second's, which may be none */
} row_groups;

static row_groups group_rows(size_t m)
{
    row_groups groups = {.count = (m + GROUP_ROWS - 1) / GROUP_ROWS};
    groups.height = (m + groups.count - 1) / groups.count;
    groups.upper = groups.height > AMX_ROWS ? (groups.height + 1) / 2 : groups.height;
    return groups;
}

/* Tiles 0 to 3 are sums, first those of the upper rows; 4 and 5 rows; 6 and 7 columns. */
static void configure(const row_groups *groups)
{
    uint8_t upper = (uint8_t)groups->upper, lower = (uint8_t)(groups->height - groups->upper);
    uint16_t bytes = AMX_ROW_BYTES, lower_bytes = lower ? AMX_ROW_BYTES : 0;
    tile_config config = {
        .palette = 1,
        .row_bytes = {bytes, bytes, lower_bytes, lower_bytes, bytes, lower_bytes, bytes, bytes},
        .rows = {upper, upper, lower, lower, upper, lower, AMX_ROWS, AMX_ROWS},
    };
    TILES_CONFIGURE(&config);
}

/* Groups first..last-1 of the rows, and what of their ends does not fill a step: zeros behind it.
 */
typedef struct row_block {
    size_t first, last;
    _Alignas(OSPREY__ALIGNMENT) char ends[BLOCK_GROUPS * GROUP_ROWS][AMX_ROW_BYTES];
} row_block;

/* A product with what follows from its size. */
typedef struct product {
    const osprey__gemm_args *args;
    row_groups groups;
    size_t steps;      /* whole ones */
    size_t rest_bytes; /* of a row, behind them */
    size_t panel_steps, panel_bytes;
    size_t scales; /* offset of a panel's column scales */
    size_t tail;   /* as tail_of takes it */
    sum_kind kind;
} product;

/* The row that group i begins at. */
OSPREY__INLINE size_t group_start(const product *p, size_t i)
{
    size_t start = i * p->groups.height, last = p->args->m - p->groups.height;
    return start < last ? start : last;
}

static void fill_ends(const product *p, row_block *block)
{
    if (!p->rest_bytes) return;
    const char *ends = (const char *)p->args->a + p->steps * AMX_ROW_BYTES;
    memset(block->ends, 0, sizeof block->ends);
    for (size_t i = block->first; i < block->last; i++)
        for (size_t row = 0; row < p->groups.height; row++)
            memcpy(block->ends[(i - block->first) * p->groups.height + row],
                   ends + (group_start(p, i) + row) * p->args->a_stride, p->rest_bytes);
}

/* Of a group's product with one panel. */
typedef struct tile_job {
    const row_groups *groups;
    const char *a; /* the group's first row, rows a_stride bytes apart */
    size_t a_stride;
    const char *b;
    size_t steps;
    const char *prefetch; /* brought to the second-level cache meanwhile, so many lines a step */
    size_t prefetch_lines;
} tile_job;

/* two: whether the lower tiles have rows; a constant at every call. */
OSPREY__INLINE void multiply_steps(const tile_job *job, const bool two)
{
    const char *a = job->a, *b = job->b, *prefetch = job->prefetch;
    const char *lower = a + job->groups->upper * job->a_stride;
    for (size_t step = 0; step < job->steps; step++) {
        TILE_LOAD(4, a, job->a_stride);
        TILE_LOAD(6, b, PANEL_STEP_BYTES);
        TILE_DOT(0, 4, 6);
        TILE_LOAD(7, b + AMX_ROW_BYTES, PANEL_STEP_BYTES);
        TILE_DOT(1, 4, 7);
        if (two) {
            TILE_LOAD(5, lower, job->a_stride);
            TILE_DOT(2, 5, 6);
            TILE_DOT(3, 5, 7);
        }
        for (size_t i = 0; i < job->prefetch_lines; i++, prefetch += OSPREY__ALIGNMENT)
            __builtin_prefetch(prefetch, 0, 2);
        a += AMX_ROW_BYTES;
        lower += AMX_ROW_BYTES;
        b += STEP_BYTES;
    }
}

static void multiply_tiles(const tile_job *job)
{
    if (job->groups->height > job->groups->upper)
        multiply_steps(job, true);
    else
        multiply_steps(job, false);
}

/* The sums of a group, [height][TILE_COLUMNS], are floats or integers. */
static void start_sums(const row_groups *groups, const float *sums, bool add)
{
    enum { STRIDE = TILE_COLUMNS * sizeof(float) };
    const char *upper = (const char *)sums, *lower = upper + groups->upper * STRIDE;
    bool two = groups->height > groups->upper;
    if (add) {
        TILE_LOAD(0, upper, STRIDE);
        TILE_LOAD(1, upper + AMX_ROW_BYTES, STRIDE);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
    }
    if (add && two) {
        TILE_LOAD(2, lower, STRIDE);
        TILE_LOAD(3, lower + AMX_ROW_BYTES, STRIDE);
    } else if (two) {
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
}

static void store_sums(const row_groups *groups, float *sums)
{
    enum { STRIDE = TILE_COLUMNS * sizeof(float) };
    char *upper = (char *)sums, *lower = upper + groups->upper * STRIDE;
    TILE_STORE(0, upper, STRIDE);
    TILE_STORE(1, upper + AMX_ROW_BYTES, STRIDE);
    if (groups->height == groups->upper) return;
    TILE_STORE(2, lower, STRIDE);
    TILE_STORE(3, lower + AMX_ROW_BYTES, STRIDE);
}

/* The epilogue of group i, without the rows that the group before it has finished. */
static void finish_group(const product *p, size_t i, size_t panel, const float *sums)
{
    size_t start = group_start(p, i), done = i * p->groups.height - start;
    const char *weights = (const char *)p->args->packed + panel * p->panel_bytes;
    finish_job job = {.first = start + done,
                      .rows = p->groups.height - done,
                      .column = panel * TILE_COLUMNS,
                      .sums = sums + done * TILE_COLUMNS,
                      .column_scales = (const float *)(weights + p->scales),
                      .tail = p->tail};
    if (p->kind == SUM_INTEGER_LATE)
        finish_sums(p->args, &job, SUM_INTEGER_LATE);
    else
        finish_sums(p->args, &job, SUM_FLOAT);
}

/* The panel's steps from `steps` on, which do not fill tiles, with zeros behind them. */
static void fill_panel_end(const product *p, const char *weights, char end[STEP_BYTES])
{
    size_t bytes = (p->panel_steps - p->steps * AMX_ROWS) * PANEL_STEP_BYTES;
    memcpy(end, weights + p->steps * STEP_BYTES, bytes);
    memset(end + bytes, 0, STEP_BYTES - bytes);
}

/* Asks for the cache lines that a group's results go to, so that they are there when it is done. */
static void fetch_results(const osprey__gemm_args *args, size_t first, size_t rows, size_t column)
{
    for (size_t row = first; row < first + rows; row++)
        for (size_t i = 0; i < TILE_COLUMNS * result_bytes(args); i += OSPREY__ALIGNMENT)
            __builtin_prefetch(result_at(args, row, column) + i, 1);
}

/*
 * One panel with a block of rows, a chunk of k at a time: the panel's part then stays in cache
 * while the groups pass, and what follows it in memory, most likely needed next, is fetched
 * meanwhile. What of k does not fill tiles belongs to the last chunk.
 */
static void multiply_panel(const product *p, const row_block *block, size_t panel)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[BLOCK_GROUPS][GROUP_ROWS * TILE_COLUMNS];
    _Alignas(OSPREY__ALIGNMENT) char end[STEP_BYTES];
    const char *weights = (const char *)p->args->packed + panel * p->panel_bytes;
    if (p->rest_bytes) fill_panel_end(p, weights, end);
    size_t chunks = p->steps ? (p->steps + CHUNK_STEPS - 1) / CHUNK_STEPS : 1;
    size_t lines = STEP_BYTES / OSPREY__ALIGNMENT / (block->last - block->first);
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t step = chunk * p->steps / chunks;
        bool last = chunk + 1 == chunks;
        tile_job job = {.groups = &p->groups,
                        .a_stride = p->args->a_stride,
                        .b = weights + step * STEP_BYTES,
                        .steps = (chunk + 1) * p->steps / chunks - step};
        job.prefetch = job.b + job.steps * STEP_BYTES;
        job.prefetch_lines = lines;
        for (size_t i = block->first; i < block->last; i++) {
            size_t slot = i - block->first, start = group_start(p, i);
            float *group_sums = sums[chunks > 1 ? slot : 0];
            job.a = (const char *)p->args->a + start * p->args->a_stride + step * AMX_ROW_BYTES;
            if (last) fetch_results(p->args, start, p->groups.height, panel * TILE_COLUMNS);
            start_sums(&p->groups, group_sums, chunk > 0);
            multiply_tiles(&job);
            job.prefetch += job.steps * job.prefetch_lines * OSPREY__ALIGNMENT;
            if (last && p->rest_bytes) {
                tile_job rest = {.groups = &p->groups,
                                 .a = block->ends[slot * p->groups.height],
                                 .a_stride = AMX_ROW_BYTES,
                                 .b = end,
                                 .steps = 1};
                multiply_tiles(&rest);
            }
            store_sums(&p->groups, group_sums);
            if (last) finish_group(p, i, panel, group_sums);
        }
    }
}

/*
 * row_bytes: of the elements of a row; depth: elements of a panel's step. kind: SUM_INTEGER_LATE
 * with column scales behind a panel's weights and the rows' tails at `tail`, or SUM_FLOAT.
 *
 * The shapes of tiles are a thread's own. They are set here and released before the return: with
 * tiles in use the system would save 8 KiB of them whenever it takes the core away, and a core
 * whose tiles are not in their first state does not sleep deeply.
 */
static void multiply(const osprey__gemm_args *args, size_t row_bytes, size_t depth, sum_kind kind,
                     size_t tail)
{
    if (args->m == 0) return;
    product p = {.args = args,
                 .groups = group_rows(args->m),
                 .steps = row_bytes / AMX_ROW_BYTES,
                 .rest_bytes = row_bytes % AMX_ROW_BYTES,
                 .panel_steps = (args->k + depth - 1) / depth,
                 .tail = tail,
                 .kind = kind};
    p.scales = p.panel_steps * PANEL_STEP_BYTES;
    p.panel_bytes = p.scales + (kind == SUM_INTEGER_LATE ? TILE_COLUMNS * sizeof(float) : 0);
    size_t panels = (args->n + TILE_COLUMNS - 1) / TILE_COLUMNS;
    size_t blocks = (p.groups.count + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
    configure(&p.groups);
    for (size_t i = 0; i < blocks; i++) {
        row_block block = {.first = i * p.groups.count / blocks,
                           .last = (i + 1) * p.groups.count / blocks};
        fill_ends(&p, &block);
        for (size_t panel = 0; panel < panels; panel++) multiply_panel(&p, &block, panel);
    }
    TILES_RELEASE();
}

#endif
