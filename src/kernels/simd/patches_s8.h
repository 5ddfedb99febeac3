/* SPDX-License-Identifier: Apache-2.0 */
/* Patches of a feature map that a product takes as integers: quantized once, then copied. */
#ifndef OSPREY_KERNELS_SIMD_PATCHES_S8_H
#define OSPREY_KERNELS_SIMD_PATCHES_S8_H

#include "kernels/simd/patches_simd.h"
#include "kernels/simd/rows_s8.h"

/* As quantize_row finds it for a row. */
OSPREY__INLINE osprey__row_scale patches_scale(const osprey__gemm_input *input, const float *map,
                                               size_t count)
{
    osprey__row_scale own = row_scale(map, OSPREY__F32, count);
    return input->range > 0 && isfinite(own.scale) ? osprey__row_scale_of_range(input->range) : own;
}

/* Each pixel's elements side by side, and the sum of each pixel's. */
OSPREY__INLINE void quantize_pixels(const float *map, size_t pixels, size_t channels,
                                    osprey__row_scale scale, char *out, int32_t *sums)
{
    /* What is written behind the last channel the next pixel overwrites. */
    size_t whole = osprey__round_up(channels, VEC_FLOATS);
    for (size_t pixel = 0; pixel < pixels; pixel++, map += channels) {
        const quantize_job job = {map, channels, whole, scale.inverse, out};
        sums[pixel] = integers_sum(quantize_elements(&job, OSPREY__F32, true).sum);
        out += channels * ELEMENT_BYTES;
    }
}

OSPREY__INLINE int32_t window_total(const int32_t *sums, size_t width, size_t rows,
                                    osprey__span columns)
{
    int32_t total = 0;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < columns.count; i++) total += sums[row * width + columns.start + i];
    return total;
}

/* The patches of the input to rows stride bytes apart, whose elements take so many of them. */
static void quantize_patches(const osprey__gemm_input *input, int32_t offset, size_t elements,
                             size_t stride, char *rows)
{
    const osprey__conv_shape *shape = input->patches;
    int32_t *sums = input->scratch;
    size_t sums_bytes = shape->kernel_height * shape->width * sizeof *sums;
    char *quantized = (char *)input->scratch + osprey__round_up(sums_bytes, OSPREY__ALIGNMENT);
    size_t end = input->k * ELEMENT_BYTES;
    for (patch_row at = {0}; next_patches(input, &at);) {
        const float *map = patch_map(input, &at);
        size_t pixels = at.rows.count * shape->width;
        osprey__row_scale scale = patches_scale(input, map, pixels * shape->channels);
        quantize_pixels(map, pixels, shape->channels, scale, quantized, sums);
        for (size_t row = at.first; row < at.first + at.count; row++) {
            osprey__span columns = osprey__window_columns(shape, input->first + row);
            char *out = rows + row * stride;
            row_tail *tail = (row_tail *)(out + elements);
            copy_patch(shape, &at, columns, quantized, ELEMENT_BYTES, out);
            memset(out + end, 0, elements - end);
            tail->scale = scale.scale;
            tail->begin = -offset * window_total(sums, shape->width, at.rows.count, columns);
        }
    }
}

#endif
