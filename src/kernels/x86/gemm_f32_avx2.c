/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/x86/gemm_f32_x86.h"

void osprey__gemm_f32__avx2(const osprey__gemm_f32_args *args)
{
    gemm_f32(args);
}
