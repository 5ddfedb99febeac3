/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/token_match_f32.h"

void osprey__token_match_f32__avx512(const osprey__token_match_f32_args *args)
{
    token_match(args);
}
