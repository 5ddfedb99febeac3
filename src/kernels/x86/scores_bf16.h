/* SPDX-License-Identifier: Apache-2.0 */
/* What both kernels of attention over bfloat16s with vdpbf16ps do with queries and keys. */
#ifndef OSPREY_KERNELS_X86_SCORES_BF16_H
#define OSPREY_KERNELS_X86_SCORES_BF16_H

#include "kernels/attention.h"
#include "kernels/simd/vec_f32.h"

/* A panel has so many keys, and scores of so many queries are computed at once at most. */
enum { SCORES_KEYS = 32, SCORES_ROWS = 14 };

/* The keys in panels: [key panel][pairs of head_dim][SCORES_KEYS] pairs, a float each. */
void osprey__pack_keys_bf16__avx512bf16(const osprey__attention_bf16_args *args, float *keys);

/*
 * The products of rows queries, from first on, and all keys, in rows stride floats apart. There is
 * room for whole panels; what lies in the last behind its keys is unspecified.
 */
void osprey__score_rows_bf16__avx512bf16(const osprey__attention_bf16_args *args, const float *keys,
                                         size_t first, size_t rows, float *scores, size_t stride);

/* Brings rows that are soon read or written to the cache, from wherever products left them: they
 * are so far apart that the processor does not see which comes next. */
OSPREY__INLINE void prefetch_rows(const uint16_t *row, size_t stride, size_t rows, size_t elements)
{
    for (size_t i = 0; i < rows; i++, row += stride)
        for (size_t d = 0; d < elements; d += OSPREY__ALIGNMENT / sizeof *row)
            __builtin_prefetch(row + d);
}

#endif
