/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/simd/strassen_f32_simd.h"

void osprey__strassen_prepare_f32__avx512(const osprey__strassen_args *args)
{
    strassen_prepare_f32(args);
}

void osprey__strassen_f32__avx512(const osprey__strassen_args *args)
{
    strassen_f32(args);
}
