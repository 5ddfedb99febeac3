/* SPDX-License-Identifier: Apache-2.0 */
#define TILE_DOT TILE_DOT_BF16

#include "kernels/x86/gemm_amx.h"

size_t osprey__gemm_bf16_row_bytes__amx(size_t k)
{
    return osprey__gemm_bf16_row_bytes__avx512bf16(k);
}

void osprey__gemm_bf16_prepare__amx(const osprey__gemm_input *input, void *rows)
{
    osprey__gemm_bf16_prepare__avx512bf16(input, rows);
}

void osprey__gemm_bf16__amx(const osprey__gemm_args *args)
{
    multiply(args, args->k * sizeof(uint16_t), 2, SUM_FLOAT, 0);
}
