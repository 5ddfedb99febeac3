/* SPDX-License-Identifier: Apache-2.0 */
/* The scores of attention over bfloat16s, for kernels whose next product has other register tiles
 * than theirs, in another .c. Both are of AVX-512. */
#ifndef OSPREY_KERNELS_X86_SCORES_H
#define OSPREY_KERNELS_X86_SCORES_H

#include "base/memory.h"
#include "kernels/attention.h"
#include "kernels/specialize.h"

/* Keys stand in panels of so many, and scores of so many queries are computed at once at most. */
enum { SCORES_KEYS = 32, SCORES_ROWS = 14 };

typedef struct osprey__scores {
    /* Of what pack_keys leaves, and of_rows needs beside: whole cache lines. */
    size_t (*floats)(size_t key_rows, size_t head_dim);
    /* The values' rows are brought to the cache. */
    void (*pack_keys)(const osprey__attention_bf16_args *args, float *keys);
    /*
     * The products of rows queries, from first on, and all keys, in rows stride floats apart. There
     * is room for whole panels; what lies in the last behind its keys is unspecified. scales[row]
     * is args->scale for them. The rows of their results, and the queries that come next, are
     * brought to the cache.
     */
    void (*of_rows)(const osprey__attention_bf16_args *args, float *keys, size_t first, size_t rows,
                    float *scores, size_t stride, float *scales);
} osprey__scores;

extern const osprey__scores osprey__scores_bf16__avx512bf16, osprey__scores_s16__avx512vnni;

/* Brings rows that are soon read or written to the cache, from wherever products left them: they
 * are so far apart that the processor does not see which comes next. */
OSPREY__INLINE void prefetch_rows(const uint16_t *row, size_t stride, size_t rows, size_t elements)
{
    for (size_t i = 0; i < rows; i++, row += stride)
        for (size_t d = 0; d < elements; d += OSPREY__ALIGNMENT / sizeof *row)
            __builtin_prefetch(row + d);
}

/* Those that pack_keys and what follows it read. */
OSPREY__INLINE void prefetch_keys(const osprey__attention_bf16_args *args)
{
    prefetch_rows(args->k, args->kv_stride, args->key_rows, args->head_dim);
    prefetch_rows(args->v, args->kv_stride, args->key_rows, args->head_dim);
}

/* Those around the queries whose scores are there. */
OSPREY__INLINE void prefetch_next(const osprey__attention_bf16_args *args, size_t first,
                                  size_t rows)
{
    prefetch_rows(args->out + first * args->out_stride, args->out_stride, rows, args->head_dim);
    prefetch_rows(args->q + (first + rows) * args->q_stride, args->q_stride,
                  osprey__smaller(args->query_rows - first - rows, SCORES_ROWS), args->head_dim);
}

#endif
