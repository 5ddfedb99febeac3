/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/simd/lanes_f32.h"

#include "kernels/kernel_list.h"
#include "kernels/simd/rows_f32.h"

size_t osprey__gemm_f32_row_bytes__neon(size_t k)
{
    return row_bytes(k);
}

void osprey__gemm_f32_prepare__neon(const osprey__gemm_input *input, void *rows)
{
    prepare(input, rows);
}

void osprey__gemm_f32__neon(const osprey__gemm_args *args)
{
    multiply(args);
}
