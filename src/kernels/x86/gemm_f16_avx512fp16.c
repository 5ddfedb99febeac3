/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/x86/lanes_f16_pairs.h"

#include "kernels/kernel_list.h"
#include "kernels/simd/rows_f16.h"

size_t osprey__gemm_f16_row_bytes__avx512fp16(size_t k)
{
    return row_bytes(k);
}

void osprey__gemm_f16_prepare__avx512fp16(const osprey__gemm_input *input, void *rows)
{
    prepare(input, rows);
}

void osprey__gemm_f16__avx512fp16(const osprey__gemm_args *args)
{
    multiply(args);
}
