/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/simd/winograd_f32_simd.h"

void osprey__winograd_input_f32__neon(const osprey__winograd_input_args *args)
{
    winograd_input_f32(args);
}

void osprey__winograd_output_f32__neon(const osprey__winograd_output_args *args)
{
    winograd_output_f32(args);
}
