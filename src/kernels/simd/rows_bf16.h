/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as bfloat16s: as such for vdpbf16ps, widened again for the others. */
#ifndef OSPREY_KERNELS_SIMD_ROWS_BF16_H
#define OSPREY_KERNELS_SIMD_ROWS_BF16_H

#include "kernels/simd/gemm_simd.h"

enum { ELEMENT_BYTES = 4 / LANE_DEPTH };

static size_t row_bytes(size_t k)
{
    return padded_bytes(k * ELEMENT_BYTES) + OSPREY__ALIGNMENT;
}

static void prepare(const osprey__gemm_input *input, void *rows)
{
    size_t bytes = row_bytes(input->k);
    for (size_t row = 0; row < input->m; row++) {
        const char *x = (const char *)input->x + row * input->stride;
        char *out = (char *)rows + row * bytes;
        for (size_t i = 0; i < input->k; i += VEC_FLOATS) {
            vec element = load_row(x, input->dtype, i, input->k);
            if (ELEMENT_BYTES == 2)
                vec_store_bf16((uint16_t *)out + i, VEC_FLOATS, element);
            else
                vec_store((float *)out + i, vec_round_to_bf16(element));
        }
    }
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, 0, SUM_FLOAT);
}

#endif
