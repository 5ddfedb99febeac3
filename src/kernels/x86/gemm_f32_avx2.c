/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/x86/gemm_f32_x86.h"

size_t osprey__gemm_f32_scratch_bytes__avx2(size_t m, size_t k)
{
    return gemm_scratch_bytes(m, k);
}

void osprey__gemm_f32__avx2(const osprey__gemm_args *args)
{
    gemm_f32(args);
}
