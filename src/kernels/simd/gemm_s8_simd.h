/* SPDX-License-Identifier: Apache-2.0 */
/* The int8 product, for the gemm_s8_*.c, which include their lanes_*.h before. */
#ifndef OSPREY_KERNELS_SIMD_GEMM_S8_SIMD_H
#define OSPREY_KERNELS_SIMD_GEMM_S8_SIMD_H

#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/patches_s8.h"
#include "kernels/simd/rows_s8.h"

enum { WEIGHT_OFFSET = OSPREY__INT8_OFFSET(LANE_DEPTH) };

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
    if (input->patches) {
        quantize_patches(input, WEIGHT_OFFSET, element_bytes(input->k), row_bytes(input->k), rows);
        return;
    }
    size_t k = input->k, steps = osprey__round_up(k ? k : 1, LANE_DEPTH);
    size_t whole = osprey__round_up(steps, VEC_FLOATS);
    const quantized_rows to = {rows, row_bytes(k), element_bytes(k), whole, WEIGHT_OFFSET};
    quantize_rows(input, &to);
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, element_bytes(args->k), SUM_INTEGER);
}

#endif
