/* SPDX-License-Identifier: Apache-2.0 */
#define OSPREY__LANES "kernels/x86/lanes_s8_pairs.h"

#include "kernels/kernel_list.h"
#include "kernels/x86/gemm_s4_x86.h"

size_t osprey__gemm_s4_scratch_bytes__avx2(size_t m, size_t k)
{
    return gemm_scratch_bytes(m, k);
}

void osprey__gemm_s4__avx2(const osprey__gemm_args *args)
{
    multiply(args);
}
