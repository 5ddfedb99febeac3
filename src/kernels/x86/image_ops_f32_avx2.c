/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/simd/image_ops_f32_simd.h"

void osprey__average_pool_f32__avx2(size_t height, size_t width, size_t channels, size_t size,
                                    const float *image, float *out)
{
    average_pool_f32(height, width, channels, size, image, out);
}
