/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over the register tile, for the attention_f32_*.c of all instruction sets. Keys are
 * transposed and values copied into panels like those of a weight; then a tile's rows at a time
 * take all their scores, the softmax and the weighted sum, so that the scores stay in cache.
 */
#ifndef OSPREY_KERNELS_SIMD_ATTENTION_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_ATTENTION_F32_SIMD_H

#include "base/memory.h"
#include "kernels/attention.h"
#include "kernels/simd/pack_keys_simd.h"
#include "kernels/simd/vec_math_f32.h"

#include <math.h>
#include <string.h>

/* scratch, cut into its parts */
typedef struct attention_scratch {
    float *keys;   /* [key panel][head_dim][TILE_COLUMNS] */
    float *values; /* [dim panel][key_rows][TILE_COLUMNS] */
    float *scores; /* [TILE_ROWS][padded_keys] */
    size_t padded_keys;
} attention_scratch;

static size_t attention_scratch_floats(size_t key_rows, size_t head_dim)
{
    size_t padded_keys = osprey__round_up(key_rows, TILE_COLUMNS);
    return padded_keys * head_dim + osprey__round_up(head_dim, TILE_COLUMNS) * key_rows +
           TILE_ROWS * padded_keys;
}

static attention_scratch cut_scratch(const osprey__attention_f32_args *args)
{
    attention_scratch scratch = {.keys = args->scratch};
    scratch.padded_keys = osprey__round_up(args->key_rows, TILE_COLUMNS);
    scratch.values = scratch.keys + scratch.padded_keys * args->head_dim;
    scratch.scores =
        scratch.values + osprey__round_up(args->head_dim, TILE_COLUMNS) * args->key_rows;
    return scratch;
}

static void pack_keys(const osprey__attention_f32_args *args, const attention_scratch *scratch)
{
    for (size_t key = 0; key < args->key_rows; key += VEC_FLOATS) {
        float *columns =
            scratch->keys + key / TILE_COLUMNS * TILE_COLUMNS * args->head_dim + key % TILE_COLUMNS;
        pack_key_group(args->k + key * args->kv_stride, args->kv_stride, args->key_rows - key,
                       args->head_dim, columns);
    }
}

static void pack_values(const osprey__attention_f32_args *args, const attention_scratch *scratch)
{
    float *out = scratch->values;
    for (size_t d = 0; d < args->head_dim; d += TILE_COLUMNS) {
        size_t left = args->head_dim - d;
        for (size_t key = 0; key < args->key_rows; key++, out += TILE_COLUMNS) {
            const float *v = args->v + key * args->kv_stride + d;
            OSPREY__UNROLL
            for (size_t i = 0; i < TILE_COLUMNS; i += VEC_FLOATS) {
                vec x = left >= i + VEC_FLOATS ? vec_load(v + i)
                        : left > i             ? vec_load_first(v + i, left - i)
                                               : vec_set(0.0f);
                vec_store(out + i, x);
            }
        }
    }
}

/*
 * Turns count scores into exp(scale * score - largest) and returns their sum. The row is written
 * in whole vectors, zeros behind count.
 */
static float exponentials(float *scores, size_t count, float scale)
{
    size_t whole = count / VEC_FLOATS * VEC_FLOATS, rest = count - whole;
    vec factor = vec_set(scale), nothing = vec_set(-INFINITY);
    vec largest = nothing;
    for (size_t i = 0; i < whole; i += VEC_FLOATS)
        largest = vec_max(largest, vec_load(scores + i) * factor);
    if (rest)
        largest =
            vec_max(largest, vec_keep_first(vec_load(scores + whole) * factor, rest, nothing));
    vec shift = vec_set(-vec_largest(largest));
    vec sum = vec_set(0.0f);
    for (size_t i = 0; i < whole; i += VEC_FLOATS) {
        vec x = vec_exp(vec_fma(vec_load(scores + i), factor, shift));
        vec_store(scores + i, x);
        sum += x;
    }
    if (rest) {
        vec x = vec_fma(vec_load(scores + whole), factor, shift);
        x = vec_exp(vec_keep_first(x, rest, nothing));
        vec_store(scores + whole, x);
        sum += x;
    }
    return vec_sum(sum);
}

/* Scales count scores and adds the keys' biases. Written in whole vectors, like the scores. */
static void add_key_bias(float *scores, size_t count, float scale, const float *bias)
{
    vec factor = vec_set(scale);
    for (size_t i = 0; i < count; i += VEC_FLOATS)
        vec_store(scores + i, vec_fma(vec_load(scores + i), factor, load_elements(bias, i, count)));
}

/* out = sums * factor[row] for one panel of the head's dimensions */
static void store_weighted(const float *sums, const float *factors, size_t rows, size_t columns,
                           float *out, size_t out_stride)
{
    for (size_t row = 0; row < rows; row++, sums += TILE_COLUMNS, out += out_stride)
        for (size_t i = 0; i < TILE_COLUMNS && i < columns; i += VEC_FLOATS) {
            vec x = vec_load(sums + i) * vec_set(factors[row]);
            if (columns >= i + VEC_FLOATS)
                vec_store(out + i, x);
            else
                vec_store_first(out + i, columns - i, x);
        }
}

static void attend_rows(const osprey__attention_f32_args *args, const attention_scratch *scratch,
                        size_t first, size_t rows)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[TILE_ROWS * TILE_COLUMNS];
    float factors[TILE_ROWS];
    size_t padded = scratch->padded_keys;
    size_t before = args->key_rows - args->query_rows; /* causal: keys that all rows see */
    size_t keys = args->causal ? before + first + rows : args->key_rows;
    for (size_t key = 0; key < keys; key += TILE_COLUMNS) {
        const float *panel = scratch->keys + key * args->head_dim;
        tile_job job = {.steps = args->head_dim,
                        .a = args->q + first * args->q_stride,
                        .lda = args->q_stride,
                        .b = (const char *)panel,
                        .sums = scratch->scores + key,
                        .sums_stride = padded,
                        .narrow = keys - key <= TILE_COLUMNS / 2,
                        .prefetch = (const char *)panel};
        tile(&job, rows);
    }
    for (size_t row = 0; row < rows; row++) {
        float *scores = scratch->scores + row * padded;
        size_t seen = args->causal ? before + first + row + 1 : keys;
        if (args->key_bias) add_key_bias(scores, seen, args->scale, args->key_bias);
        factors[row] = 1 / exponentials(scores, seen, args->key_bias ? 1 : args->scale);
        size_t written = osprey__round_up(seen, VEC_FLOATS);
        if (written < keys) memset(scores + written, 0, (keys - written) * sizeof *scores);
    }
    for (size_t d = 0; d < args->head_dim; d += TILE_COLUMNS) {
        const float *panel = scratch->values + d * args->key_rows;
        tile_job job = {.steps = keys,
                        .a = scratch->scores,
                        .lda = padded,
                        .b = (const char *)panel,
                        .sums = sums,
                        .sums_stride = TILE_COLUMNS,
                        .narrow = args->head_dim - d <= TILE_COLUMNS / 2,
                        .prefetch = (const char *)panel};
        tile(&job, rows);
        store_weighted(sums, factors, rows, args->head_dim - d,
                       args->out + first * args->out_stride + d, args->out_stride);
    }
}

static void attention_f32(const osprey__attention_f32_args *args)
{
    attention_scratch scratch = cut_scratch(args);
    pack_keys(args, &scratch);
    pack_values(args, &scratch);
    for (size_t t = 0; t < tile_count(args->query_rows); t++) {
        size_t first = tile_start(t, args->query_rows);
        attend_rows(args, &scratch, first, tile_start(t + 1, args->query_rows) - first);
    }
}

#endif
