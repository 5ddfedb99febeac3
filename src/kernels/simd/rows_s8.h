/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as integers: quantized, each by its own scale. */
#ifndef OSPREY_KERNELS_SIMD_ROWS_S8_H
#define OSPREY_KERNELS_SIMD_ROWS_S8_H

#include "kernels/quantize.h"
#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/row_magnitude.h"

#include <stdbool.h>

/* An element of a quantized row: a lane holds LANE_DEPTH of them. */
enum { ELEMENT_BYTES = sizeof(lane) / LANE_DEPTH };

OSPREY__INLINE void store_elements(char *out, integers x)
{
    if (ELEMENT_BYTES == 1)
        integers_store_s8(out, x);
    else
        integers_store_s16(out, x);
}

OSPREY__INLINE osprey__row_scale row_scale(const void *x, const osprey__dtype dtype, size_t k)
{
    return osprey__row_scale_of(row_magnitude(x, dtype, k));
}

/*
 * The vector's elements, quantized, to out; also returned. With a fixed scale those beyond its
 * range are cut off.
 */
OSPREY__INLINE integers quantize_vec(vec x, float inverse, const bool fixed, char *out)
{
    vec scaled = x * vec_set(inverse);
    if (fixed) scaled = vec_max(vec_min(scaled, vec_set(127.0f)), vec_set(-127.0f));
    /* Not 0 * infinity, which would be NaN. */
    integers quantized = inverse == 0 ? (integers){0} : integers_round(scaled);
    store_elements(out, quantized);
    return quantized;
}

/*
 * Quantizes a row of `whole` elements (a multiple of VEC_FLOATS and LANE_DEPTH), zeros behind the
 * k-th. Its correction is offset times their sum.
 */
OSPREY__INLINE void quantize_row(const osprey__gemm_input *input, const void *x,
                                 const osprey__dtype dtype, const bool fixed, size_t whole,
                                 int32_t offset, char *out, row_tail *tail)
{
    size_t k = input->k;
    osprey__row_scale scale =
        fixed ? osprey__row_scale_of_range(input->range) : row_scale(x, dtype, k);
    integers largest = {0}; /* with a fixed scale; a row's own knows it before */
    integers sum = {0};
    for (size_t i = 0; i < whole; i += VEC_FLOATS) {
        vec element = load_row(x, dtype, i, k);
        if (fixed) largest = larger_magnitude(largest, element);
        sum += quantize_vec(element, scale.inverse, fixed, out + i * ELEMENT_BYTES);
    }
    tail->correction = offset * integers_sum(sum);
    bool finite = !fixed || integers_largest(largest) < 0x7f800000;
    tail->scale = finite ? scale.scale : NAN;
}

/* The rows of the input to rows stride bytes apart, whose elements take so many of them. */
OSPREY__INLINE void quantize_rows(const osprey__gemm_input *input, size_t whole, int32_t offset,
                                  size_t elements, size_t stride, char *rows)
{
    for (size_t row = 0; row < input->m; row++, rows += stride) {
        const char *x = (const char *)input->x + row * input->stride;
        row_tail *tail = (row_tail *)(rows + elements);
        bool fixed = input->range > 0;
        if (input->dtype == OSPREY__F32 && fixed)
            quantize_row(input, x, OSPREY__F32, true, whole, offset, rows, tail);
        else if (input->dtype == OSPREY__F32)
            quantize_row(input, x, OSPREY__F32, false, whole, offset, rows, tail);
        else if (fixed)
            quantize_row(input, x, OSPREY__BF16, true, whole, offset, rows, tail);
        else
            quantize_row(input, x, OSPREY__BF16, false, whole, offset, rows, tail);
    }
}

#endif
