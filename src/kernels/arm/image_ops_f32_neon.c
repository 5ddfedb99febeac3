/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/simd/depthwise_f32_simd.h"
#include "kernels/simd/group_norm_f32_simd.h"
#include "kernels/simd/image_ops_f32_simd.h"

void osprey__average_pool_f32__neon(const osprey__conv_shape *shape, osprey__dtype dtype,
                                    const void *image, size_t first, size_t count, float *out)
{
    average_pool_f32(shape, dtype, image, first, count, out);
}

void osprey__max_pool_f32__neon(const osprey__conv_shape *shape, const float *image, size_t first,
                                size_t count, float *out)
{
    max_pool_f32(shape, image, first, count, out);
}

void osprey__group_norm_f32__neon(const osprey__group_norm_f32_args *args)
{
    group_norm_f32(args);
}

void osprey__depthwise_f32__neon(const osprey__depthwise_f32_args *args)
{
    depthwise_f32(args);
}

void osprey__gate_f32__neon(const osprey__gate_f32_args *args)
{
    gate_f32(args);
}
