/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_list.h"
#include "kernels/x86/attention_s8.h"

size_t osprey__attention_s8_scratch_floats__avx512vnni(size_t query_rows, size_t key_rows,
                                                       size_t head_dim)
{
    (void)query_rows;
    return scratch_floats(&osprey__scores_s16__avx512vnni, key_rows, head_dim);
}

void osprey__attention_s8__avx512vnni(const osprey__attention_bf16_args *args)
{
    attend(args, &osprey__scores_s16__avx512vnni);
}
