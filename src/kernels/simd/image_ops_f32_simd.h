/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of feature maps, for the image_ops_f32_*.c of all instruction sets. */
#ifndef OSPREY_KERNELS_SIMD_IMAGE_OPS_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_IMAGE_OPS_F32_SIMD_H

#include "kernels/image_ops.h"
#include "kernels/simd/vec_f32.h"

/* The window at image, its rows row_stride floats apart; count (up to a vector) channels of it. */
OSPREY__INLINE vec window_sum(const float *image, size_t row_stride, size_t channels, size_t size,
                              size_t count)
{
    vec sum = vec_set(0.0f);
    for (size_t y = 0; y < size; y++)
        for (size_t x = 0; x < size; x++) {
            const float *pixel = image + y * row_stride + x * channels;
            sum += count >= VEC_FLOATS ? vec_load(pixel) : vec_load_first(pixel, count);
        }
    return sum;
}

static void average_pool_f32(size_t height, size_t width, size_t channels, size_t size,
                             const float *image, float *out)
{
    vec factor = vec_set(1 / (float)(size * size));
    size_t row_stride = width * channels;
    for (size_t y = 0; y < height / size; y++)
        for (size_t x = 0; x < width / size; x++, out += channels) {
            const float *window = image + y * size * row_stride + x * size * channels;
            size_t i = 0;
            for (; i + VEC_FLOATS <= channels; i += VEC_FLOATS)
                vec_store(out + i,
                          window_sum(window + i, row_stride, channels, size, VEC_FLOATS) * factor);
            if (i < channels)
                vec_store_first(out + i, channels - i,
                                window_sum(window + i, row_stride, channels, size, channels - i) *
                                    factor);
        }
}

#endif
