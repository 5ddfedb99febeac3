/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores of bfloat16s with vpdpwssd, where nothing multiplies these: a query and a key become
 * 16-bit integers, each times the power of two that brings its length (the root of its squares'
 * sum) between 2^14 and 2^15. Then no product of the two exceeds 2^30 by much, whatever sums on the
 * way to it do, and an element of 128 steps or more is exact, as a bfloat16 has eight bits: all but
 * the small ones of a row, and in rows of a few large channels these above all.
 */
#define OSPREY__LANES "kernels/x86/lanes_s16_pairs.h"
#define OSPREY__SUMS  "kernels/x86/sums_s16.h"

#include "base/memory.h"
#include "kernels/simd/pack_keys_simd.h"
#include "kernels/x86/scores.h"

_Static_assert((int)SCORES_KEYS == (int)TILE_COLUMNS && (int)SCORES_ROWS == (int)TILE_ROWS,
               "scores are a tile's");

/* keys are a tile's queries, and then panels of [pairs of head_dim][TILE_COLUMNS] pairs,
 * with the factors behind them. */
static size_t query_stride(size_t head_dim)
{
    return osprey__round_up(head_dim / 2, VEC_FLOATS);
}

/* The floats before a key's panel. */
static size_t panel_offset(size_t key, size_t head_dim)
{
    size_t panel_floats = TILE_COLUMNS * (head_dim / 2 + 1);
    return TILE_ROWS * query_stride(head_dim) + key / TILE_COLUMNS * panel_floats;
}

static size_t floats(size_t key_rows, size_t head_dim)
{
    return panel_offset(osprey__round_up(key_rows, TILE_COLUMNS), head_dim);
}

typedef struct pair {
    vec even, odd;
} pair;

OSPREY__INLINE pair widen(vec pairs)
{
    typedef uint32_t bits __attribute__((vector_size(sizeof(vec))));
    return (pair){(vec)((bits)pairs << 16), (vec)((bits)pairs & 0xffff0000)};
}

/* Of bits, which are ordered as magnitudes are; a NaN is above infinity. */
OSPREY__INLINE vec larger(vec largest, vec pairs)
{
    return (vec)integers_max_s16((integers)largest, (integers)pairs & 0x7fff7fff);
}

OSPREY__INLINE pair add_squares(pair sums, vec pairs, vec factor)
{
    pair x = widen(pairs);
    x.even *= factor;
    x.odd *= factor;
    return (pair){vec_fma(x.even, x.even, sums.even), vec_fma(x.odd, x.odd, sums.odd)};
}

OSPREY__INLINE vec round_pairs(vec pairs, vec factor)
{
    pair x = widen(pairs);
    integers even = integers_round(x.even * factor), odd = integers_round(x.odd * factor) << 16;
    return (vec)_mm512_mask_blend_epi16(0xaaaaaaaa, (__m512i)even, (__m512i)odd);
}

/* The exponent of the power of two by which the larger of a pair, of 2^-100 or more, comes between
 * 1 and 2; NaN of what is no number. */
OSPREY__INLINE vec exponent_to_one(vec largest)
{
    pair x = widen(largest);
    vec both = (vec)integers_max((integers)x.even, (integers)x.odd);
    return -vec_max(vec_set(-100.0f), _mm512_getexp_ps(both));
}

/* That by which the root of squares comes between 2^14 and 2^15; below, were they less than 1. */
OSPREY__INLINE vec exponent_of_length(vec squares)
{
    vec twice = vec_set(29.0f) - _mm512_getexp_ps(vec_max(vec_set(1.0f), squares));
    return _mm512_roundscale_ps(twice * vec_set(0.5f), _MM_FROUND_TO_NEG_INF);
}

OSPREY__INLINE vec power_of_two(vec exponent)
{
    return _mm512_scalef_ps(vec_set(1.0f), exponent);
}

/* A vector's keys, one a lane, in place, and behind them what their integers are to be multiplied
 * with. */
static void scale_keys(float *columns, size_t pairs)
{
    vec largest = vec_set(0.0f);
    pair sums = {largest, largest};
    for (size_t i = 0; i < pairs; i++)
        largest = larger(largest, vec_load(columns + i * TILE_COLUMNS));
    vec exponent = exponent_to_one(largest), factor = power_of_two(exponent);
    for (size_t i = 0; i < pairs; i++)
        sums = add_squares(sums, vec_load(columns + i * TILE_COLUMNS), factor);
    exponent += exponent_of_length(sums.even + sums.odd);
    factor = power_of_two(exponent);
    for (size_t i = 0; i < pairs; i++, columns += TILE_COLUMNS)
        vec_store(columns, round_pairs(vec_load(columns), factor));
    vec_store(columns, power_of_two(-exponent));
}

/* Vectors of a tile's queries, whose lanes are to be folded. */
typedef struct tile_parts {
    _Alignas(OSPREY__ALIGNMENT) float rows[VEC_FLOATS][VEC_FLOATS];
} tile_parts;

/* Each row's sum, or the largest of pairs, in its lane: as chains of their own they would wait for
 * each other. */
OSPREY__INLINE vec fold_rows(const tile_parts *parts, const bool sum)
{
    vec folded = vec_set(0.0f);
    OSPREY__UNROLL
    for (size_t column = 0; column < VEC_FLOATS; column += 4) {
        vec x[4];
        OSPREY__UNROLL
        for (size_t i = 0; i < 4; i++) x[i] = vec_load_quads(parts->rows[i] + column, VEC_FLOATS);
        vec_transpose_quads(x);
        if (sum)
            folded += (x[0] + x[1]) + (x[2] + x[3]);
        else
            folded = larger(larger(folded, x[0]), larger(larger(x[1], x[2]), x[3]));
    }
    return folded;
}

/* The queries of a tile likewise, to out; scales become args->scale for them. */
static void scale_queries(const osprey__attention_bf16_args *args, size_t first, size_t rows,
                          float *out, float *scales)
{
    size_t pairs = args->head_dim / 2, stride = args->q_stride / 2;
    const float *query = (const float *)(const void *)(args->q + first * args->q_stride);
    tile_parts parts = {0};
    _Alignas(OSPREY__ALIGNMENT) float factors[VEC_FLOATS];
    for (size_t row = 0; row < rows; row++) {
        vec largest = vec_set(0.0f);
        for (size_t i = 0; i < pairs; i += VEC_FLOATS)
            largest = larger(largest, load_elements(query + row * stride, i, pairs));
        vec_store(parts.rows[row], largest);
    }
    vec exponent = exponent_to_one(fold_rows(&parts, false));
    vec_store(factors, power_of_two(exponent));
    for (size_t row = 0; row < rows; row++) {
        pair sums = {vec_set(0.0f), vec_set(0.0f)};
        for (size_t i = 0; i < pairs; i += VEC_FLOATS)
            sums = add_squares(sums, load_elements(query + row * stride, i, pairs),
                               vec_set(factors[row]));
        vec_store(parts.rows[row], sums.even + sums.odd);
    }
    exponent += exponent_of_length(fold_rows(&parts, true));
    vec_store(factors, power_of_two(exponent));
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < pairs; i += VEC_FLOATS, out += VEC_FLOATS)
            vec_store(out, round_pairs(load_elements(query + row * stride, i, pairs),
                                       vec_set(factors[row])));
    store_channels(scales, rows, power_of_two(-exponent) * vec_set(args->scale));
}

static void pack_keys(const osprey__attention_bf16_args *args, float *keys)
{
    size_t pairs = args->head_dim / 2;
    prefetch_keys(args);
    for (size_t key = 0; key < args->key_rows; key += VEC_FLOATS) {
        float *columns = keys + panel_offset(key, args->head_dim) + key % TILE_COLUMNS;
        const uint16_t *k = args->k + key * args->kv_stride;
        pack_key_group((const float *)(const void *)k, args->kv_stride / 2, args->key_rows - key,
                       pairs, columns);
        scale_keys(columns, pairs);
    }
}

static void scores_of_rows(const osprey__attention_bf16_args *args, float *keys, size_t first,
                           size_t rows, float *scores, size_t stride, float *scales)
{
    size_t pairs = args->head_dim / 2, query_floats = query_stride(args->head_dim);
    scale_queries(args, first, rows, keys, scales);
    for (size_t key = 0; key < args->key_rows; key += TILE_COLUMNS) {
        const char *panel = (const char *)(keys + panel_offset(key, args->head_dim));
        tile_job job = {.steps = pairs,
                        .a = (const lane *)(const void *)keys,
                        .lda = query_floats,
                        .b = panel,
                        .sums = scores + key,
                        .sums_stride = stride,
                        .narrow = args->key_rows - key <= TILE_COLUMNS / 2,
                        .prefetch = panel};
        tile(&job, rows);
    }
    prefetch_next(args, first, rows);
}

const osprey__scores osprey__scores_s16__avx512vnni = {
    .floats = floats, .pack_keys = pack_keys, .of_rows = scores_of_rows};
