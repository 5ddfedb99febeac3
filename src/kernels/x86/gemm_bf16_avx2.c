/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/simd/lanes_bf16.h"

#include "kernels/kernel_list.h"
#include "kernels/simd/rows_bf16.h"

size_t osprey__gemm_bf16_row_bytes__avx2(size_t k)
{
    return row_bytes(k);
}

void osprey__gemm_bf16_prepare__avx2(const osprey__gemm_input *input, void *rows)
{
    prepare(input, rows);
}

void osprey__gemm_bf16__avx2(const osprey__gemm_args *args)
{
    multiply(args);
}
