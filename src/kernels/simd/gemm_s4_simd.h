/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The int4 product, for the gemm_s4_*.c: a chunk of a panel becomes int8 weights, which all rows of
 * a block then take as int8's do.
 */
#ifndef OSPREY_KERNELS_SIMD_GEMM_S4_SIMD_H
#define OSPREY_KERNELS_SIMD_GEMM_S4_SIMD_H

/* Weights are not only read for each block, but unpacked. */
#define OSPREY__PANEL_ROWS 210

#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/rows_s8.h"

enum {
    WEIGHT_OFFSET = OSPREY__INT8_OFFSET(LANE_DEPTH),
    GROUP = OSPREY__INT4_GROUP,
    GROUP_STEPS = GROUP / LANE_DEPTH,
    GROUP_BYTES = GROUP_STEPS * TILE_STEP_BYTES,
    STEP_VECS = TILE_STEP_BYTES / sizeof(vec),
    /* Of a chunk: 32 KiB of int8 weights at most, which with a tile's rows stay near. */
    UNPACKED_GROUPS = 32768 / GROUP_BYTES,
};

/* Offset of the tail in a prepared row. */
static size_t element_bytes(size_t k)
{
    return padded_bytes(k * ELEMENT_BYTES);
}

static size_t row_bytes(size_t k)
{
    return element_bytes(k) + ROW_GAP;
}

static void prepare(const osprey__gemm_input *input, void *rows)
{
    size_t k = input->k, steps = osprey__round_up(k ? k : 1, LANE_DEPTH);
    size_t whole = osprey__round_up(steps, VEC_FLOATS);
    const quantized_rows to = {rows, row_bytes(k), element_bytes(k), whole, WEIGHT_OFFSET};
    quantize_rows(input, &to);
}

/* The bytes of a column in a step as one integer. */
typedef __typeof__(_Generic((char (*)[LANE_DEPTH])NULL, char (*)[2]
                            : (uint16_t)0, char (*)[4]
                            : (uint32_t)0, char (*)[8]
                            : (uint64_t)0)) column_bytes;

typedef uint8_t byte_vec __attribute__((vector_size(sizeof(vec))));
typedef uint16_t word_vec __attribute__((vector_size(sizeof(vec))));

/* Of half the columns of a panel. */
enum { HALF = TILE_COLUMNS / 2 };
typedef uint8_t half_bytes __attribute__((vector_size(HALF)));
typedef column_bytes half_columns __attribute__((vector_size(HALF * LANE_DEPTH)));

/* What a group's codes are multiplied by, a word for two bytes, and what is then taken off. */
typedef struct group_factors {
    half_columns multipliers[2], offsets[2];
} group_factors;

OSPREY__INLINE void read_factors(const uint8_t *offsets, const uint8_t *multipliers,
                                 group_factors *factors)
{
    const column_bytes every_byte = (column_bytes)-1 / 255, every_word = (column_bytes)-1 / 65535;
    half_bytes two, offset;
    memcpy(&two, multipliers, HALF);
    factors->multipliers[0] = __builtin_convertvector((two & 15) + 1, half_columns) * every_word;
    factors->multipliers[1] = __builtin_convertvector((two >> 4) + 1, half_columns) * every_word;
    OSPREY__UNROLL
    for (size_t i = 0; i < 2; i++) {
        memcpy(&offset, offsets + i * HALF, HALF);
        offset -= (uint8_t)WEIGHT_OFFSET;
        factors->offsets[i] = __builtin_convertvector(offset, half_columns) * every_byte;
    }
}

/* Two bytes are multiplied as one word: the lower one's product, at most 15 * 16, fits a byte. */
OSPREY__INLINE vec unpack_codes(byte_vec codes, word_vec multipliers, byte_vec offsets)
{
    return (vec)((byte_vec)((word_vec)codes * multipliers) - offsets);
}

/* Two steps of four bits become two of eight. */
static void unpack_group(const char *codes, const group_factors *factors, char *weights)
{
    word_vec multipliers[STEP_VECS];
    byte_vec offsets[STEP_VECS];
    OSPREY__UNROLL
    for (size_t i = 0; i < STEP_VECS; i++) {
        const size_t at = i * sizeof(vec);
        multipliers[i] =
            (word_vec)vec_load((const float *)((const char *)factors->multipliers + at));
        offsets[i] = (byte_vec)vec_load((const float *)((const char *)factors->offsets + at));
    }
    for (size_t step = 0; step < GROUP_STEPS; step += 2, weights += 2 * TILE_STEP_BYTES) {
        OSPREY__UNROLL
        for (size_t i = 0; i < STEP_VECS; i++, codes += sizeof(vec)) {
            const size_t at = i * sizeof(vec);
            byte_vec x = (byte_vec)vec_load((const float *)codes);
            byte_vec odd = (byte_vec)((word_vec)x >> 4) & 15;
            vec_store((float *)(weights + at), unpack_codes(x & 15, multipliers[i], offsets[i]));
            vec_store((float *)(weights + TILE_STEP_BYTES + at),
                      unpack_codes(odd, multipliers[i], offsets[i]));
        }
    }
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[BLOCK_ROWS * TILE_COLUMNS];
    _Alignas(OSPREY__ALIGNMENT) char weights[UNPACKED_GROUPS * GROUP_BYTES];
    const osprey__int4_layout layout = osprey__int4_panel(TILE_COLUMNS, args->k);
    const char *packed = (const char *)args->packed + panel * layout.bytes;
    const uint8_t *offsets = (const uint8_t *)packed + layout.offsets;
    const uint8_t *multipliers = (const uint8_t *)packed + layout.multipliers;
    finish_job finish = {.column = panel * TILE_COLUMNS,
                         .column_scales = (const float *)(const void *)(packed + layout.scales),
                         .tail = element_bytes(args->k)};
    size_t steps = steps_of(args->k), tiles = block->tiles;
    tile_job job = {.lda = args->a_stride / sizeof(lane),
                    .b = weights,
                    .sums_stride = TILE_COLUMNS,
                    .narrow = args->n - finish.column <= TILE_COLUMNS / 2,
                    .prefetch_step = (TILE_STEP_BYTES / 2 + tiles - 1) / tiles};
    /* What few rows need little of is better read soon. */
    size_t most = tiles == 1 ? UNPACKED_GROUPS / 4 : UNPACKED_GROUPS;
    size_t chunks = (layout.groups + most - 1) / most, group = 0;
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        k_chunk part = {group * GROUP_STEPS, chunk == 0, chunk + 1 == chunks};
        size_t end = (chunk + 1) * layout.groups / chunks;
        for (char *unpacked = weights; group < end; group++, unpacked += GROUP_BYTES) {
            group_factors factors;
            read_factors(offsets + group * TILE_COLUMNS, multipliers + group * HALF, &factors);
            unpack_group(packed + group * (GROUP_BYTES / 2), &factors, unpacked);
        }
        job.steps = (part.last ? steps : end * GROUP_STEPS) - part.step;
        job.prefetch = part.last ? packed + layout.bytes : packed + end * (GROUP_BYTES / 2);
        multiply_tiles(args, block, part, &job, sums, &finish, SUM_INTEGER);
    }
}

#endif
