/* SPDX-License-Identifier: Apache-2.0 */
/* The int4 product: a group at a time becomes int8 weights, which the register tile takes. */
#ifndef OSPREY_KERNELS_X86_GEMM_S4_X86_H
#define OSPREY_KERNELS_X86_GEMM_S4_X86_H

#include "kernels/x86/gemm_x86.h"
#include "kernels/x86/rows_s8.h"

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

/* An odd number of cache lines, so that rows do not share cache sets. */
static size_t quantized_row_bytes(size_t k)
{
    return osprey__round_up(groups_of(k) * GROUP * ELEMENT_BYTES, 2 * OSPREY__ALIGNMENT) +
           OSPREY__ALIGNMENT;
}

static size_t row_scratch_bytes(size_t k)
{
    return quantized_row_bytes(k) + sizeof(float) + groups_of(k) * sizeof(int32_t);
}

OSPREY__INLINE void quantize_rows(const osprey__gemm_args *args, row_block *block, const bool fixed)
{
    size_t k = args->k, groups = groups_of(k), row_bytes = quantized_row_bytes(k);
    char *rows = args->scratch;
    float *scales = (float *)(rows + block->rows * row_bytes);
    int32_t *corrections = (int32_t *)(scales + block->rows);
    for (size_t row = 0; row < block->rows; row++) {
        const float *x = args->a + (block->first_row + row) * args->lda;
        osprey__row_scale scale = scale_of_row(args, x, fixed);
        vec not_finite = vec_set(0.0f);
        char *out = rows + row * row_bytes;
        for (size_t group = 0; group < groups; group++) {
            integers sum = INTEGERS_ZERO();
            for (size_t i = group * GROUP; i < (group + 1) * GROUP; i += VEC_FLOATS)
                sum = INTEGERS(add_epi32)(sum,
                                          quantize_vec(load_elements(x, i, k), scale.inverse, fixed,
                                                       &not_finite, out + i * ELEMENT_BYTES));
            corrections[row * groups + group] = WEIGHT_OFFSET * integers_sum(sum);
        }
        scales[row] = fixed ? scale.scale + vec_sum(not_finite) : scale.scale;
    }
    block->a = (const lane *)rows;
    block->lda = row_bytes / sizeof(lane);
    block->scales = scales;
    block->corrections = corrections;
}

/* Two steps of four bits become two of eight. */
OSPREY__INLINE void unpack_vec(const char *nibbles, char *even, char *odd)
{
    integers x = INTEGERS_OF_BITS(vec_load((const float *)nibbles));
    integers mask = INTEGERS(set1_epi8)(15), offset = INTEGERS(set1_epi8)(8 - WEIGHT_OFFSET);
    integers low = INTEGERS_AND(x, mask);
    integers high = INTEGERS_AND(INTEGERS(srli_epi16)(x, 4), mask);
    vec_store((float *)even, BITS_OF_INTEGERS(INTEGERS(sub_epi8)(low, offset)));
    vec_store((float *)odd, BITS_OF_INTEGERS(INTEGERS(sub_epi8)(high, offset)));
}

static void unpack_group(const char *record, char *weights)
{
    for (size_t step = 0; step < GROUP_STEPS; step += 2, weights += 2 * TILE_STEP_BYTES)
        for (size_t i = 0; i < TILE_STEP_BYTES; i += sizeof(vec), record += sizeof(vec))
            unpack_vec(record, weights + i, weights + TILE_STEP_BYTES + i);
}

/* sums += (integers - correction) * scale for a tile's rows; the correction is one a row. */
static void add_scaled(const float *tile_sums, const char *scale_halves, size_t rows,
                       const int32_t *corrections, size_t groups, float *sums)
{
    vec scales[TILE_VECS];
    OSPREY__UNROLL
    for (size_t i = 0; i < TILE_VECS; i++)
        scales[i] = vec_load_bf16(scale_halves + i * VEC_FLOATS * sizeof(uint16_t));
    for (size_t row = 0; row < rows; row++) OSPREY__UNROLL
    for (size_t i = 0; i < TILE_VECS; i++) {
        size_t at = row * TILE_COLUMNS + i * VEC_FLOATS;
        vec sum = subtract_integer(vec_load(tile_sums + at), corrections[row * groups]);
        vec_store(sums + at, vec_load(sums + at) + sum * scales[i]);
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
                        .lda = block->lda,
                        .b = weights,
                        .sums = tile_sums,
                        .sums_stride = TILE_COLUMNS,
                        .prefetch = group + 1 < groups ? record + record_bytes : record,
                        .prefetch_step = record_bytes / GROUP_STEPS};
        for (size_t t = block->first; t < block->last; t++) {
            size_t row = tile_start(t, args->m) - block->first_row;
            size_t rows = tile_start(t + 1, args->m) - block->first_row - row;
            job.a = block->a + row * block->lda + group * GROUP_STEPS;
            tile(&job, rows);
            add_scaled(tile_sums, record + GROUP / 2 * TILE_COLUMNS, rows,
                       block->corrections + row * groups + group, groups,
                       sums + row * TILE_COLUMNS);
        }
    }
    finish_sums(args, block, panel * TILE_COLUMNS, NULL, sums, SUM_SCALED);
}

#endif
