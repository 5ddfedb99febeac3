/* SPDX-License-Identifier: Apache-2.0 */
/* The int4 product: a group at a time becomes int8 weights, which the register tile takes. */
#ifndef OSPREY_KERNELS_SIMD_GEMM_S4_SIMD_H
#define OSPREY_KERNELS_SIMD_GEMM_S4_SIMD_H

#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/rows_s8.h"

enum {
    GROUP = OSPREY__INT4_GROUP,
    GROUP_STEPS = GROUP / LANE_DEPTH,
    /* With depth 4 the weights stay as they are stored, unsigned. */
    WEIGHT_OFFSET = LANE_DEPTH == 4 ? 8 : 0,
};

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

static void unpack_group(const char *record, char *weights)
{
    for (size_t step = 0; step < GROUP_STEPS; step += 2, weights += 2 * TILE_STEP_BYTES)
        for (size_t i = 0; i < TILE_STEP_BYTES; i += sizeof(vec), record += sizeof(vec))
            unpack_vec(record, weights + i, weights + TILE_STEP_BYTES + i);
}

/* sums += (integers - correction) * scale for a tile's rows, whose tails lie stride bytes apart. */
static void add_scaled(const float *tile_sums, const char *scale_halves, size_t rows,
                       const row_tail *tail, size_t stride, size_t group, float *sums)
{
    vec scales[TILE_VECS];
    OSPREY__UNROLL
    for (size_t i = 0; i < TILE_VECS; i++)
        scales[i] = vec_load_bf16(scale_halves + i * VEC_FLOATS * sizeof(uint16_t));
    for (size_t row = 0; row < rows; row++) {
        int32_t correction = tail->corrections[group];
        OSPREY__UNROLL
        for (size_t i = 0; i < TILE_VECS; i++) {
            size_t at = row * TILE_COLUMNS + i * VEC_FLOATS;
            vec sum = subtract_integer(vec_load(tile_sums + at), correction);
            vec_store(sums + at, vec_load(sums + at) + sum * scales[i]);
        }
        tail = (const row_tail *)((const char *)tail + stride);
    }
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[BLOCK_ROWS * TILE_COLUMNS];
    _Alignas(OSPREY__ALIGNMENT) float tile_sums[TILE_ROWS * TILE_COLUMNS];
    _Alignas(OSPREY__ALIGNMENT) char weights[GROUP_STEPS * TILE_STEP_BYTES];
    size_t groups = groups_of(args->k), record_bytes = osprey__int4_record_bytes(TILE_COLUMNS);
    size_t panel_bytes = osprey__round_up(groups * record_bytes, OSPREY__ALIGNMENT);
    const char *record = (const char *)args->packed + panel * panel_bytes;
    memset(sums, 0, block->rows * TILE_COLUMNS * sizeof *sums);
    for (size_t group = 0; group < groups; group++, record += record_bytes) {
        unpack_group(record, weights);
        tile_job job = {.steps = GROUP_STEPS,
                        .lda = args->a_stride / sizeof(lane),
                        .b = weights,
                        .sums = tile_sums,
                        .sums_stride = TILE_COLUMNS,
                        .prefetch = group + 1 < groups ? record + record_bytes : record,
                        .prefetch_step = record_bytes / GROUP_STEPS};
        for (size_t t = block->first; t < block->last; t++) {
            size_t row = tile_start(t, args->m), rows = tile_start(t + 1, args->m) - row;
            job.a =
                (const lane *)((const char *)args->a + row * args->a_stride) + group * GROUP_STEPS;
            tile(&job, rows);
            add_scaled(tile_sums, record + GROUP / 2 * TILE_COLUMNS, rows,
                       tail_of(args, row, element_bytes(args->k)), args->a_stride, group,
                       sums + (row - block->first_row) * TILE_COLUMNS);
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
