/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/arm/lanes_s8_octets.h"
#define OSPREY__TILE  "kernels/arm/tile_s8_i8mm.h"

#include "kernels/kernel_list.h"
#include "kernels/simd/gemm_s8_simd.h"

size_t osprey__gemm_s8_row_bytes__i8mm(size_t k)
{
    return row_bytes(k);
}

void osprey__gemm_s8_prepare__i8mm(const osprey__gemm_input *input, void *rows)
{
    prepare(input, rows);
}

void osprey__gemm_s8__i8mm(const osprey__gemm_args *args)
{
    multiply(args);
}
