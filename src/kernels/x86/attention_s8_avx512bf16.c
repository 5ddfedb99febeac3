/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/x86/attention_s8.h"

size_t osprey__attention_s8_scratch_floats__avx512bf16(size_t query_rows, size_t key_rows,
                                                       size_t head_dim)
{
    (void)query_rows;
    return scratch_floats(&osprey__scores_bf16__avx512bf16, key_rows, head_dim);
}

void osprey__attention_s8__avx512bf16(const osprey__attention_bf16_args *args)
{
    attend(args, &osprey__scores_bf16__avx512bf16);
}
