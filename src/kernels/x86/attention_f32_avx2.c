/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/simd/lanes_f32.h"

#include "kernels/kernel_list.h"
#include "kernels/simd/attention_f32_simd.h"

size_t osprey__attention_f32_scratch_floats__avx2(size_t query_rows, size_t key_rows,
                                                  size_t head_dim)
{
    (void)query_rows;
    return attention_scratch_floats(key_rows, head_dim);
}

void osprey__attention_f32__avx2(const osprey__attention_f32_args *args)
{
    attention_f32(args);
}
