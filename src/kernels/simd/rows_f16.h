/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that a product takes as half-precision numbers, each times a power of two of its own
 * (half_scale.h), for the gemm_f16_*.c that multiply such.
 */
#ifndef OSPREY_KERNELS_SIMD_ROWS_F16_H
#define OSPREY_KERNELS_SIMD_ROWS_F16_H

#include "kernels/half_scale.h"

#define OSPREY__SUMS      "kernels/simd/sums_f16.h"
#define OSPREY__SUM_STEPS OSPREY__HALF_SUM_PRODUCTS

#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/patches_simd.h"
#include "kernels/simd/row_magnitude.h"

enum { ELEMENT_BYTES = sizeof(uint16_t) };

/* Offset of the tail in a prepared row. */
static size_t element_bytes(size_t k)
{
    return padded_bytes(k * ELEMENT_BYTES);
}

static size_t row_bytes(size_t k)
{
    return element_bytes(k) + ROW_GAP;
}

/* count elements, and zeros up to a vector's end; returns what they have to be multiplied by. */
static float scale_elements(const void *x, osprey__dtype dtype, size_t count, char *out)
{
    osprey__half_scale scale = osprey__half_scale_of(row_magnitude(x, dtype, count));
    for (size_t i = 0; i < count; i += VEC_FLOATS)
        vec_store_f16(out + i * ELEMENT_BYTES,
                      load_row(x, dtype, i, count) * vec_set(scale.inverse));
    return scale.scale;
}

static void set_scale(char *row, size_t k, float scale)
{
    row_tail *tail = (row_tail *)(row + element_bytes(k));
    tail->scale = scale;
}

/* The patches of one row of positions have the scale of all rows of the map that they lie in. */
static void prepare_patches(const osprey__gemm_input *input, char *rows)
{
    const osprey__conv_shape *shape = input->patches;
    size_t stride = row_bytes(input->k);
    for (patch_row at = {0}; next_patches(input, &at);) {
        float scale =
            scale_elements(patch_map(input, &at), OSPREY__F32,
                           at.rows.count * shape->width * shape->channels, input->scratch);
        for (size_t row = at.first; row < at.first + at.count; row++) {
            copy_scratch_patch(input, &at, row, ELEMENT_BYTES, element_bytes(input->k),
                               rows + row * stride);
            set_scale(rows + row * stride, input->k, scale);
        }
    }
}

static void prepare(const osprey__gemm_input *input, void *rows)
{
    if (input->patches) {
        prepare_patches(input, rows);
        return;
    }
    char *out = rows;
    for (size_t row = 0; row < input->m; row++, out += row_bytes(input->k)) {
        const char *x = (const char *)input->x + row * input->stride;
        set_scale(out, input->k, scale_elements(x, input->dtype, input->k, out));
    }
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, element_bytes(args->k), SUM_HALF);
}

#endif
