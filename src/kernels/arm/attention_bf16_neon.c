/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/attention_widened.h"
#include "kernels/kernel_list.h"

size_t osprey__attention_bf16_scratch_floats__neon(size_t query_rows, size_t key_rows,
                                                   size_t head_dim)
{
    size_t own = osprey__attention_f32_scratch_floats__neon(query_rows, key_rows, head_dim);
    return attention_widened_scratch_floats(query_rows, key_rows, head_dim, own);
}

void osprey__attention_bf16__neon(const osprey__attention_bf16_args *args)
{
    attention_widened(args, osprey__attention_f32__neon);
}
