/* SPDX-License-Identifier: Apache-2.0 */
/* What both kernels of attention over bfloat16s with vdpbf16ps do with queries and keys. */
#ifndef OSPREY_KERNELS_X86_SCORES_BF16_H
#define OSPREY_KERNELS_X86_SCORES_BF16_H

#include "kernels/attention.h"

/* A panel has so many keys, and scores of so many queries are computed at once at most. */
enum { SCORES_KEYS = 32, SCORES_ROWS = 14 };

/* The keys in panels: [key panel][pairs of head_dim][SCORES_KEYS] pairs, a float each. The values'
 * rows are brought to the cache. */
void osprey__pack_keys_bf16__avx512bf16(const osprey__attention_bf16_args *args, float *keys);

/*
 * The products of rows queries, from first on, and all keys, in rows stride floats apart. There is
 * room for whole panels; what lies in the last behind its keys is unspecified. The rows of their
 * results, and the queries that come next, are brought to the cache.
 */
void osprey__score_rows_bf16__avx512bf16(const osprey__attention_bf16_args *args, const float *keys,
                                         size_t first, size_t rows, float *scores, size_t stride);

#endif
