/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The int4 product: some groups at a time become int8 weights, which all rows of a block then take,
 * a strip of rows after the other.
 */
#ifndef OSPREY_KERNELS_SIMD_GEMM_S4_SIMD_H
#define OSPREY_KERNELS_SIMD_GEMM_S4_SIMD_H

#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/rows_s8.h"
#include "kernels/simd/strip_s4_simd.h"

/* With depth 4 the weights stay as they are stored, unsigned. */
enum { WEIGHT_OFFSET = LANE_DEPTH == 4 ? 8 : 0 };

static size_t groups_of(size_t k)
{
    return (k + GROUP - 1) / GROUP;
}

/* Offset of the tail in a prepared row. */
static size_t element_bytes(size_t k)
{
    return groups_of(k) * GROUP * ELEMENT_BYTES;
}

static size_t row_bytes(size_t k)
{
    size_t tail = sizeof(row_tail) + groups_of(k) * sizeof(int32_t);
    return padded_bytes(element_bytes(k) + tail) + OSPREY__ALIGNMENT;
}

static void prepare(const osprey__gemm_input *input, void *rows)
{
    quantize_rows(input, GROUP, WEIGHT_OFFSET, element_bytes(input->k), row_bytes(input->k), rows);
}

/* Two steps of four bits become two of eight. */
OSPREY__INLINE void unpack_vec(const char *nibbles, char *even, char *odd)
{
    typedef uint8_t bytes __attribute__((vector_size(sizeof(vec))));
    bytes x = (bytes)vec_load((const float *)nibbles);
    vec_store((float *)even, (vec)((x & 15) - (8 - WEIGHT_OFFSET)));
    vec_store((float *)odd, (vec)((x >> 4) - (8 - WEIGHT_OFFSET)));
}

static void unpack_group(const char *record, char *weights, float *scales)
{
    for (size_t step = 0; step < GROUP_STEPS; step += 2, weights += 2 * TILE_STEP_BYTES)
        for (size_t i = 0; i < TILE_STEP_BYTES; i += sizeof(vec), record += sizeof(vec))
            unpack_vec(record, weights + i, weights + TILE_STEP_BYTES + i);
    for (size_t i = 0; i < TILE_COLUMNS; i += VEC_FLOATS)
        vec_store(scales + i, vec_load_bf16(record + i * sizeof(uint16_t)));
}

/* Strip `strip` of a block of rows, which are spread evenly over strips of STRIP_ROWS at most. */
static size_t strip_start(const row_block *block, size_t strip)
{
    size_t strips = (block->rows + STRIP_ROWS - 1) / STRIP_ROWS;
    return block->first_row + strip * block->rows / strips;
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[BLOCK_ROWS * TILE_COLUMNS];
    unpacked unpacked_groups;
    size_t groups = groups_of(args->k), record_bytes = osprey__int4_record_bytes(TILE_COLUMNS);
    size_t panel_bytes = osprey__round_up(groups * record_bytes, OSPREY__ALIGNMENT);
    size_t strips = (block->rows + STRIP_ROWS - 1) / STRIP_ROWS;
    const char *record = (const char *)args->packed + panel * panel_bytes;
    strip_job job = {.groups = &unpacked_groups,
                     .stride = args->a_stride,
                     .prefetch_step = record_bytes / GROUP_STEPS / strips};
    memset(sums, 0, block->rows * TILE_COLUMNS * sizeof *sums);
    for (size_t first = 0; first < groups; first += job.count) {
        job.count = groups - first < UNPACKED_GROUPS ? groups - first : UNPACKED_GROUPS;
        for (size_t i = 0; i < job.count; i++, record += record_bytes)
            unpack_group(record, unpacked_groups.weights[i], unpacked_groups.scales[i]);
        job.prefetch = record;
        for (size_t strip = 0; strip < strips; strip++) {
            size_t row = strip_start(block, strip), rows = strip_start(block, strip + 1) - row;
            job.a = (const char *)args->a + row * args->a_stride + first * GROUP * ELEMENT_BYTES;
            job.corrections =
                (const char *)&tail_of(args, row, element_bytes(args->k))->corrections[first];
            job.totals = sums + (row - block->first_row) * TILE_COLUMNS;
            multiply_strip(&job, rows);
            job.prefetch += job.count * GROUP_STEPS * job.prefetch_step;
        }
    }
    finish_job finish = {.first = block->first_row,
                         .rows = block->rows,
                         .column = panel * TILE_COLUMNS,
                         .sums = sums,
                         .tail = element_bytes(args->k)};
    finish_sums(args, &finish, SUM_SCALED);
}

#endif
