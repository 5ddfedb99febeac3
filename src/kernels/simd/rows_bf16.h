/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as bfloat16s: as such for vdpbf16ps, widened again for the others. */
#ifndef OSPREY_KERNELS_SIMD_ROWS_BF16_H
#define OSPREY_KERNELS_SIMD_ROWS_BF16_H

#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/patches_simd.h"

enum { ELEMENT_BYTES = 4 / LANE_DEPTH };

static size_t row_bytes(size_t k)
{
    return padded_bytes(k * ELEMENT_BYTES) + ROW_GAP;
}

/* count elements, and zeros up to a vector's end. */
static void round_elements(const void *x, osprey__dtype dtype, size_t count, char *out)
{
    for (size_t i = 0; i < count; i += VEC_FLOATS) {
        vec element = load_row(x, dtype, i, count);
        if (ELEMENT_BYTES == 2)
            vec_store_bf16((uint16_t *)out + i, VEC_FLOATS, element);
        else
            vec_store((float *)out + i, vec_round_to_bf16(element));
    }
}

static void prepare_patches(const osprey__gemm_input *input, char *rows)
{
    const osprey__conv_shape *shape = input->patches;
    size_t bytes = row_bytes(input->k), elements = padded_bytes(input->k * ELEMENT_BYTES);
    for (patch_row at = {0}; next_patches(input, &at);) {
        size_t pixels = at.rows.count * shape->width;
        round_elements(patch_map(input, &at), OSPREY__F32, pixels * shape->channels,
                       input->scratch);
        for (size_t row = at.first; row < at.first + at.count; row++)
            copy_scratch_patch(input, &at, row, ELEMENT_BYTES, elements, rows + row * bytes);
    }
}

static void prepare(const osprey__gemm_input *input, void *rows)
{
    if (input->patches) {
        prepare_patches(input, rows);
        return;
    }
    size_t bytes = row_bytes(input->k);
    for (size_t row = 0; row < input->m; row++)
        round_elements((const char *)input->x + row * input->stride, input->dtype, input->k,
                       (char *)rows + row * bytes);
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, 0, SUM_FLOAT);
}

#endif
