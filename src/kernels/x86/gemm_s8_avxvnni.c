/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/x86/lanes_u8_quads.h"
#define OSPREY__SUMS_BEGIN

#include "kernels/kernel_list.h"
#include "kernels/simd/gemm_s8_simd.h"

size_t osprey__gemm_s8_row_bytes__avxvnni(size_t k)
{
    return row_bytes(k);
}

void osprey__gemm_s8_prepare__avxvnni(const osprey__gemm_input *input, void *rows)
{
    prepare(input, rows);
}

void osprey__gemm_s8__avxvnni(const osprey__gemm_args *args)
{
    multiply(args);
}
