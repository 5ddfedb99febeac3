/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/token_match_f32.h"

#include "kernels/kernel_list.h"

size_t osprey__token_match_f32_scratch_floats(size_t rows, size_t head_dim)
{
    return (rows + 1) * head_dim + 2 * rows;
}

void osprey__token_match_f32__portable(const osprey__token_match_f32_args *args)
{
    token_match(args);
}
