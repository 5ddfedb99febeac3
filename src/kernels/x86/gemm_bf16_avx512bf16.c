/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/x86/lanes_bf16_pairs.h"

#include "kernels/kernel_list.h"
#include "kernels/simd/rows_bf16.h"

size_t osprey__gemm_bf16_row_bytes__avx512bf16(size_t k)
{
    return row_bytes(k);
}

void osprey__gemm_bf16_prepare__avx512bf16(const osprey__gemm_input *input, void *rows)
{
    prepare(input, rows);
}

void osprey__gemm_bf16__avx512bf16(const osprey__gemm_args *args)
{
    multiply(args);
}
