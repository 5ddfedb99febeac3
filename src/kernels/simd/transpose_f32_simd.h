/* SPDX-License-Identifier: Apache-2.0 */
/* Transposition in square blocks of a vector's width, for the row_ops_f32_*.c of all sets. */
#ifndef OSPREY_KERNELS_SIMD_TRANSPOSE_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_TRANSPOSE_F32_SIMD_H

#include "kernels/simd/vec_f32.h"

enum { QUAD = 4, QUADS = VEC_FLOATS / QUAD };

/*
 * VEC_FLOATS rows and columns. The quads of a row are read one after the other: where rows are a
 * multiple of 4 KiB apart, a cache holds few of them at once.
 */
OSPREY__INLINE void transpose_block(const float *x, size_t x_stride, const float *residual,
                                    float *out, size_t out_stride)
{
    vec quads[QUADS][QUAD];
    OSPREY__UNROLL
    for (size_t row = 0; row < QUAD; row++) {
        OSPREY__UNROLL
        for (size_t q = 0; q < QUADS; q++)
            quads[q][row] = vec_load_quads(x + row * x_stride + q * QUAD, x_stride);
    }
    OSPREY__UNROLL
    for (size_t q = 0; q < QUADS; q++) {
        vec_transpose_quads(quads[q]);
        OSPREY__UNROLL
        for (size_t i = 0; i < QUAD; i++) {
            size_t at = (q * QUAD + i) * out_stride;
            vec column = quads[q][i];
            if (residual) column += vec_load(residual + at);
            vec_store(out + at, column);
        }
    }
}

/* What is left of a matrix beside whole blocks. */
static void transpose_rest(size_t rows, size_t columns, const float *x, size_t x_stride,
                           const float *residual, float *out, size_t out_stride)
{
    for (size_t column = 0; column < columns; column++)
        for (size_t row = 0; row < rows; row++) {
            size_t at = column * out_stride + row;
            float element = x[row * x_stride + column];
            out[at] = residual ? element + residual[at] : element;
        }
}

static void transpose_f32(size_t rows, size_t columns, const float *x, size_t x_stride,
                          const float *residual, float *out, size_t out_stride)
{
    size_t whole_rows = rows - rows % VEC_FLOATS, whole_columns = columns - columns % VEC_FLOATS;
    for (size_t column = 0; column < whole_columns; column += VEC_FLOATS)
        for (size_t row = 0; row < whole_rows; row += VEC_FLOATS) {
            size_t at = column * out_stride + row;
            transpose_block(x + row * x_stride + column, x_stride, residual ? residual + at : NULL,
                            out + at, out_stride);
        }
    size_t below = whole_columns * out_stride;
    transpose_rest(rows, columns - whole_columns, x + whole_columns, x_stride,
                   residual ? residual + below : NULL, out + below, out_stride);
    transpose_rest(rows - whole_rows, whole_columns, x + whole_rows * x_stride, x_stride,
                   residual ? residual + whole_rows : NULL, out + whole_rows, out_stride);
}

#endif
