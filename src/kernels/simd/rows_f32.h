/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as floats, for the formats whose weights are widened to floats. */
#ifndef OSPREY_KERNELS_SIMD_ROWS_F32_H
#define OSPREY_KERNELS_SIMD_ROWS_F32_H

#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/patches_simd.h"

static size_t row_bytes(size_t k)
{
    return padded_bytes(k * sizeof(float)) + ROW_GAP;
}

static void prepare_patches(const osprey__gemm_input *input, char *rows)
{
    const osprey__conv_shape *shape = input->patches;
    size_t bytes = row_bytes(input->k);
    for (patch_row at = {0}; next_patches(input, &at);) {
        const char *pixels = (const char *)patch_map(input, &at);
        for (size_t row = at.first; row < at.first + at.count; row++)
            copy_patch(shape, &at, osprey__window_columns(shape, input->first + row), pixels,
                       sizeof(float), rows + row * bytes);
    }
}

static void prepare(const osprey__gemm_input *input, void *rows)
{
    if (input->patches) {
        prepare_patches(input, rows);
        return;
    }
    size_t bytes = row_bytes(input->k);
    for (size_t row = 0; row < input->m; row++) {
        const char *x = (const char *)input->x + row * input->stride;
        float *out = (float *)((char *)rows + row * bytes);
        for (size_t i = 0; i < input->k; i += VEC_FLOATS)
            vec_store(out + i, load_row(x, input->dtype, i, input->k));
    }
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, 0, SUM_FLOAT);
}

#endif
