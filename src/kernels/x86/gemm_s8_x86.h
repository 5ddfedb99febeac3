/* SPDX-License-Identifier: Apache-2.0 */
/* The int8 product, for the gemm_s8_*.c, which include their lanes_*.h before. */
#ifndef OSPREY_KERNELS_X86_GEMM_S8_X86_H
#define OSPREY_KERNELS_X86_GEMM_S8_X86_H

#include "kernels/x86/gemm_x86.h"
#include "kernels/x86/rows_s8.h"

enum { WEIGHT_OFFSET = LANE_DEPTH == 4 ? 128 : 0 };

/* An odd number of cache lines, so that rows do not share cache sets. */
static size_t quantized_row_bytes(size_t k)
{
    return osprey__round_up(k * ELEMENT_BYTES, 2 * OSPREY__ALIGNMENT) + OSPREY__ALIGNMENT;
}

static size_t row_scratch_bytes(size_t k)
{
    return quantized_row_bytes(k) + sizeof(float) + sizeof(int32_t);
}

OSPREY__INLINE void quantize_rows(const osprey__gemm_args *args, row_block *block, const bool fixed)
{
    size_t k = args->k, row_bytes = quantized_row_bytes(k);
    char *rows = args->scratch;
    float *scales = (float *)(rows + block->rows * row_bytes);
    int32_t *corrections = (int32_t *)(scales + block->rows);
    for (size_t row = 0; row < block->rows; row++) {
        const float *x = args->a + (block->first_row + row) * args->lda;
        osprey__row_scale scale = scale_of_row(args, x, fixed);
        vec not_finite = vec_set(0.0f);
        char *out = rows + row * row_bytes;
        integers sum = INTEGERS_ZERO();
        for (size_t i = 0; i < k; i += VEC_FLOATS)
            sum =
                INTEGERS(add_epi32)(sum, quantize_vec(load_elements(x, i, k), scale.inverse, fixed,
                                                      &not_finite, out + i * ELEMENT_BYTES));
        scales[row] = fixed ? scale.scale + vec_sum(not_finite) : scale.scale;
        corrections[row] = WEIGHT_OFFSET * integers_sum(sum);
    }
    block->a = (const lane *)rows;
    block->lda = row_bytes / sizeof(lane);
    block->scales = scales;
    block->corrections = corrections;
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, SUM_INTEGER);
}

#endif
