/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/simd/row_ops_f32_simd.h"
#include "kernels/simd/transpose_f32_simd.h"

void osprey__layer_norm_f32__avx512(size_t rows, size_t width, const float *x, const float *scale,
                                    const float *shift, float epsilon, float *out)
{
    layer_norm_f32(rows, width, x, scale, shift, epsilon, out);
}

void osprey__activation_f32__avx512(osprey_activation activation, size_t count, const float *x,
                                    float *out)
{
    activate_all(activation, count, x, NULL, out);
}

void osprey__add_f32__avx512(osprey_activation activation, size_t count, const float *x,
                             const float *y, float *out)
{
    activate_all(activation, count, x, y, out);
}

void osprey__multiply_f32__avx512(size_t count, const float *x, const float *y, float *out)
{
    multiply_f32(count, x, y, out);
}

void osprey__turn_pairs_f32__avx512(size_t rows, size_t width, const float *x, size_t x_stride,
                                    const float *turns, float *out)
{
    turn_pairs_f32(rows, width, x, x_stride, turns, out);
}

void osprey__transpose_f32__avx512(size_t rows, size_t columns, const float *x, size_t x_stride,
                                   const float *residual, float *out, size_t out_stride)
{
    transpose_f32(rows, columns, x, x_stride, residual, out, out_stride);
}
