/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of feature maps, for the image_ops_f32_*.c of all instruction sets. */
#ifndef OSPREY_KERNELS_SIMD_IMAGE_OPS_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_IMAGE_OPS_F32_SIMD_H

#include "kernels/image_ops.h"
#include "kernels/simd/vec_f32.h"

#include <math.h>

/* count (up to a vector) channels of rows x columns pixels, from element `at` on of an image. */
OSPREY__INLINE vec window_sum(const void *image, const osprey__dtype dtype, size_t at,
                              size_t row_stride, size_t channels, size_t rows, size_t columns,
                              size_t count)
{
    vec sum = vec_set(0.0f);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            const size_t pixel = at + y * row_stride + x * channels;
            sum += load_row(image, dtype, pixel, pixel + count);
        }
    return sum;
}

/* dtype is a constant at every call. */
OSPREY__INLINE void pool_windows(const osprey__conv_shape *shape, const osprey__dtype dtype,
                                 const void *image, size_t first, size_t count, float *out)
{
    const size_t channels = shape->channels, row_stride = shape->width * channels;
    for (size_t position = first; position < first + count; position++, out += channels) {
        osprey__span rows = osprey__window_rows(shape, position);
        osprey__span columns = osprey__window_columns(shape, position);
        const size_t window = rows.start * row_stride + columns.start * channels;
        const vec factor = vec_set(1 / (float)(rows.count * columns.count));
        size_t i = 0;
        for (; i + VEC_FLOATS <= channels; i += VEC_FLOATS)
            vec_store(out + i, window_sum(image, dtype, window + i, row_stride, channels,
                                          rows.count, columns.count, VEC_FLOATS) *
                                   factor);
        if (i < channels)
            vec_store_first(out + i, channels - i,
                            window_sum(image, dtype, window + i, row_stride, channels, rows.count,
                                       columns.count, channels - i) *
                                factor);
    }
}

static void average_pool_f32(const osprey__conv_shape *shape, osprey__dtype dtype,
                             const void *image, size_t first, size_t count, float *out)
{
    if (dtype == OSPREY__BF16)
        pool_windows(shape, OSPREY__BF16, image, first, count, out);
    else
        pool_windows(shape, OSPREY__F32, image, first, count, out);
}

/* count (up to a vector) channels from p on: the largest in rows x columns pixels. */
OSPREY__INLINE vec window_largest(const float *p, size_t row_stride, size_t channels, size_t rows,
                                  size_t columns, size_t count)
{
    vec largest = vec_set(-INFINITY);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            const float *pixel = p + y * row_stride + x * channels;
            largest = vec_max(largest,
                              count >= VEC_FLOATS ? vec_load(pixel) : vec_load_first(pixel, count));
        }
    return largest;
}

static void max_pool_f32(const osprey__conv_shape *shape, const float *image, size_t first,
                         size_t count, float *out)
{
    size_t channels = shape->channels, row_stride = shape->width * channels;
    for (size_t position = first; position < first + count; position++, out += channels) {
        osprey__span rows = osprey__window_rows(shape, position);
        osprey__span columns = osprey__window_columns(shape, position);
        const float *window = image + rows.start * row_stride + columns.start * channels;
        size_t i = 0;
        for (; i + VEC_FLOATS <= channels; i += VEC_FLOATS)
            vec_store(out + i, window_largest(window + i, row_stride, channels, rows.count,
                                              columns.count, VEC_FLOATS));
        if (i < channels)
            vec_store_first(out + i, channels - i,
                            window_largest(window + i, row_stride, channels, rows.count,
                                           columns.count, channels - i));
    }
}

#endif
