/* SPDX-License-Identifier: Apache-2.0 */
#define TILE_DOT TILE_DOT_S8_U8

#include "kernels/x86/gemm_amx.h"

size_t osprey__gemm_s8_row_bytes__amx(size_t k)
{
    return osprey__gemm_s8_row_bytes__avx512bf16(k);
}

void osprey__gemm_s8_prepare__amx(const osprey__gemm_input *input, void *rows)
{
    osprey__gemm_s8_prepare__avx512bf16(input, rows);
}

void osprey__gemm_s8__amx(const osprey__gemm_args *args)
{
    multiply(args, args->k, 4, SUM_INTEGER_LATE, padded_bytes(args->k));
}
