/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over bfloat16s whose weighted sums of values come from vpdpbusd, in half the time.
 * Scores keep bfloat16's exactness (scores.h): rounded to 8 bits, what a few large channels of a
 * query and a key add would drown the others (SageAttention, arXiv:2410.02367, rounds them too, and
 * had the larger part of the loss here).
 *
 * - A weight of the sum is 255 * exp(score - largest), and what is cut off it differs from key to
 *   key (`thresholds`): were weights rounded to the nearest, a row with one large weight would
 *   lose all its small ones, which together may weigh as much. The total is that of the integers.
 *   They lie in memory as bytes, less 128.
 * - Values are rounded to 255 steps from the least to the largest of their column: the result is
 *   least + step * sum(weight * value) / sum(weight). What the weights' 128 takes off the sum is
 *   128 times the sum of the column.
 *
 * So a weight is off by less than 1 / 255 of the largest and 0.18 % of itself, a value by half a
 * step. A tile's rows at a time take their scores, their weights and their sums.
 */
#ifndef OSPREY_KERNELS_X86_ATTENTION_S8_H
#define OSPREY_KERNELS_X86_ATTENTION_S8_H

#define OSPREY__LANES "kernels/x86/lanes_u8_quads.h"

#include "base/memory.h"
#include "kernels/simd/integers.h"
#include "kernels/simd/tile_simd.h"
#include "kernels/x86/scores.h"

#include <math.h>

enum { BLOCK_VECS = 4, BLOCK_KEYS = BLOCK_VECS * VEC_FLOATS };

_Static_assert((int)SCORES_ROWS == (int)TILE_ROWS && BLOCK_KEYS % SCORES_KEYS == 0,
               "a tile's rows have scores, and blocks of keys whole panels");

/* scratch, cut into its parts, each a whole number of cache lines */
typedef struct attention_scratch {
    size_t padded_keys; /* whole blocks */
    float *keys;        /* as the scores have them */
    float *values;      /* [dim panel][quads of keys][TILE_COLUMNS] quads, a float each */
    float *least;       /* of the values' columns: whole panels */
    float *steps;
    integers *offsets; /* 128 times the sum of a column's bytes */
    float *scores;     /* [TILE_ROWS][padded_keys] */
    char *weights;     /* [TILE_ROWS][padded_keys] */
} attention_scratch;

static size_t scratch_floats(const osprey__scores *scores, size_t key_rows, size_t head_dim)
{
    size_t keys = osprey__round_up(key_rows, BLOCK_KEYS);
    size_t dim = osprey__round_up(head_dim, TILE_COLUMNS);
    return scores->floats(key_rows, head_dim) + keys * dim / 4 + 3 * dim +
           TILE_ROWS * (keys + keys / 4);
}

static attention_scratch cut_scratch(const osprey__attention_bf16_args *args,
                                     const osprey__scores *scores)
{
    size_t keys = osprey__round_up(args->key_rows, BLOCK_KEYS);
    size_t dim = osprey__round_up(args->head_dim, TILE_COLUMNS);
    attention_scratch s = {.padded_keys = keys, .keys = args->scratch};
    s.values = s.keys + scores->floats(args->key_rows, args->head_dim);
    s.least = s.values + keys * dim / 4;
    s.steps = s.least + dim;
    s.offsets = (integers *)(void *)(s.steps + dim);
    s.scores = s.steps + 2 * dim;
    s.weights = (char *)(s.scores + TILE_ROWS * keys);
    return s;
}

/* Values of some keys, four at most, become the quads of a step; returns their sums. */
OSPREY__INLINE integers pack_quad(const osprey__attention_bf16_args *args, size_t key,
                                  const size_t keys, size_t d, vec least, vec inverse, float *out)
{
    integers quad = {0}, sum = {0};
    OSPREY__UNROLL
    for (size_t i = 0; i < keys; i++) {
        vec v = load_row(args->v + (key + i) * args->kv_stride, OSPREY__BF16, d, args->head_dim);
        integers rounded = integers_round((v - least) * inverse);
        quad |= rounded << (int)(8 * i);
        sum += rounded;
    }
    vec_store(out, (vec)quad);
    return sum;
}

/* One vector of the head's dimensions. */
static void pack_columns(const osprey__attention_bf16_args *args, const attention_scratch *s,
                         size_t d)
{
    vec least = load_row(args->v, OSPREY__BF16, d, args->head_dim), most = least;
    vec finite = vec_set(0.0f); /* NaN where a value is not */
    for (size_t key = 0; key < args->key_rows; key++) {
        vec x = load_row(args->v + key * args->kv_stride, OSPREY__BF16, d, args->head_dim);
        least = vec_min(least, x);
        most = vec_max(most, x);
        finite = vec_fma(x, vec_set(0.0f), finite);
    }
    vec span = most - least + finite;
    __mmask16 differ = _mm512_cmp_ps_mask(span, vec_set(1e-30f), _CMP_GT_OQ);
    vec inverse = _mm512_maskz_div_ps(differ, vec_set(255.0f), span);
    vec_store(s->least + d, least);
    vec_store(s->steps + d, span * vec_set(1.0f / 255));
    size_t rest = args->key_rows % 4, whole = args->key_rows - rest;
    size_t quads = whole / 4 + (rest > 0);
    float *out = s->values + d / TILE_COLUMNS * TILE_COLUMNS * quads + d % TILE_COLUMNS;
    integers sum = {0};
    for (size_t key = 0; key < whole; key += 4, out += TILE_COLUMNS)
        sum += pack_quad(args, key, 4, d, least, inverse, out);
    if (rest) sum += pack_quad(args, whole, rest, d, least, inverse, out);
    s->offsets[d / VEC_FLOATS] = sum * 128;
}

/* Less 128.5: then to the nearest integer, ties to even. Any eight neighbours and, better still,
 * sixteen are spread evenly (van der Corput's sequence). */
#define THRESHOLD(numerator) ((numerator) / 32.0f - 128.5f)
static const _Alignas(64) float thresholds[VEC_FLOATS] = {
    THRESHOLD(1),  THRESHOLD(17), THRESHOLD(9),  THRESHOLD(25), THRESHOLD(5),  THRESHOLD(21),
    THRESHOLD(13), THRESHOLD(29), THRESHOLD(3),  THRESHOLD(19), THRESHOLD(11), THRESHOLD(27),
    THRESHOLD(7),  THRESHOLD(23), THRESHOLD(15), THRESHOLD(31)};

/*
 * 255 * 2^x - 128 as integers, for x up to 0 and a little above. With r = x - floor(x) the
 * polynomial is within 0.18 % of 255 * 2^r. NaN and minus infinity give what is below -128.
 */
OSPREY__INLINE __m512i whole_weights(vec x)
{
    vec r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF);
    vec p = vec_fma(vec_set(0x1.57ee4cp+6f), r, vec_set(0x1.4f64e8p+7f));
    p = _mm512_scalef_ps(vec_fma(p, r, vec_set(0x1.fee14cp+7f)), x);
    return _mm512_cvtps_epi32(p + vec_load(thresholds));
}

/* Weights of a block of which so many vectors are there, and of the last of them those in the mask,
 * less 128; adds them to total. */
OSPREY__INLINE __m512i weigh_block(const float *scores, const size_t vecs, const __mmask16 last,
                                   vec factor, vec shift, char *weights, __m512i total)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i none = _mm512_set1_epi32(-128);
    __m512i w[BLOCK_VECS];
    OSPREY__UNROLL
    for (size_t i = 0; i < BLOCK_VECS; i++)
        w[i] = i < vecs ? whole_weights(vec_fma(vec_load(scores + i * VEC_FLOATS), factor, shift))
                        : none;
    w[vecs - 1] = _mm512_mask_mov_epi32(none, last, w[vecs - 1]);
    __m512i bytes =
        _mm512_packs_epi16(_mm512_packs_epi32(w[0], w[1]), _mm512_packs_epi32(w[2], w[3]));
    _mm512_storeu_si512(weights, _mm512_permutexvar_epi32(order, bytes));
    return _mm512_dpbusd_epi32(total, _mm512_set1_epi8(1), bytes);
}

/* The largest of scores times factor; NaN where one is. */
OSPREY__INLINE float largest_of(const float *scores, size_t count, vec factor)
{
    vec nothing = vec_set(-INFINITY), largest = nothing;
    __mmask16 unusable = 0;
    for (size_t i = 0; i < count; i += VEC_FLOATS) {
        vec x = vec_load(scores + i) * factor;
        if (count - i < VEC_FLOATS) x = vec_keep_first(x, count - i, nothing);
        largest = vec_max(largest, x);
        unusable |= _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    }
    return unusable ? NAN : vec_largest(largest);
}

/* A row of scores becomes weights; returns the inverse of their total, NaN where a score is. */
OSPREY__INLINE float weigh(const attention_scratch *s, const float *scores, size_t count,
                           float scale, char *weights)
{
    vec factor = vec_set(scale * 0x1.715476p+0f);
    float largest = largest_of(scores, count, factor);
    vec shift = vec_set(-largest);
    __m512i total = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + BLOCK_KEYS <= count; i += BLOCK_KEYS)
        total = weigh_block(scores + i, 4, 0xffff, factor, shift, weights + i, total);
    if (i < count) {
        size_t vecs = (count - i + VEC_FLOATS - 1) / VEC_FLOATS;
        __mmask16 last = (__mmask16)(0xffff >> (vecs * VEC_FLOATS - (count - i)));
        switch (vecs) {
        case 1:
            total = weigh_block(scores + i, 1, last, factor, shift, weights + i, total);
            break;
        case 2:
            total = weigh_block(scores + i, 2, last, factor, shift, weights + i, total);
            break;
        case 3:
            total = weigh_block(scores + i, 3, last, factor, shift, weights + i, total);
            break;
        default:
            total = weigh_block(scores + i, 4, last, factor, shift, weights + i, total);
        }
    }
    int32_t sum = _mm512_reduce_add_epi32(total) + 128 * (int32_t)s->padded_keys;
    return isnan(largest) ? NAN : 1 / (float)sum;
}

/* out = least + step * (sums + offsets) / total for one panel of the head's dimensions */
static void store_weighted(const attention_scratch *s, const float *sums, size_t d,
                           const float *factors, size_t rows, size_t columns, uint16_t *out,
                           size_t out_stride)
{
    for (size_t i = 0; i < TILE_COLUMNS && i < columns; i += VEC_FLOATS) {
        size_t count = columns - i < VEC_FLOATS ? columns - i : VEC_FLOATS;
        integers offset = s->offsets[(d + i) / VEC_FLOATS];
        vec step = vec_load(s->steps + d + i), least = vec_load(s->least + d + i);
        for (size_t row = 0; row < rows; row++) {
            vec x = integers_to_vec((integers)vec_load(sums + row * TILE_COLUMNS + i) + offset);
            x = vec_fma(x * vec_set(factors[row]), step, least);
            vec_store_bf16(out + row * out_stride + i, count, x);
        }
    }
}

static void attend_rows(const osprey__attention_bf16_args *args, const osprey__scores *scores,
                        const attention_scratch *s, size_t first, size_t rows)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[TILE_ROWS * TILE_COLUMNS];
    float factors[TILE_ROWS];
    size_t padded = s->padded_keys, key_quads = (args->key_rows + 3) / 4;
    scores->of_rows(args, s->keys, first, rows, s->scores, padded, factors);
    for (size_t row = 0; row < rows; row++)
        factors[row] = weigh(s, s->scores + row * padded, args->key_rows, factors[row],
                             s->weights + row * padded);
    for (size_t d = 0; d < args->head_dim; d += TILE_COLUMNS) {
        const char *panel = (const char *)(s->values + d * key_quads);
        tile_job job = {.steps = key_quads,
                        .a = (const lane *)(const void *)s->weights,
                        .lda = padded / 4,
                        .b = panel,
                        .sums = sums,
                        .sums_stride = TILE_COLUMNS,
                        .narrow = args->head_dim - d <= TILE_COLUMNS / 2,
                        .prefetch = panel};
        tile(&job, rows);
        store_weighted(s, sums, d, factors, rows, args->head_dim - d,
                       args->out + first * args->out_stride + d, args->out_stride);
    }
}

static void attend(const osprey__attention_bf16_args *args, const osprey__scores *scores)
{
    attention_scratch scratch = cut_scratch(args, scores);
    scores->pack_keys(args, scratch.keys);
    for (size_t d = 0; d < args->head_dim; d += VEC_FLOATS) pack_columns(args, &scratch, d);
    for (size_t t = 0; t < tile_count(args->query_rows); t++) {
        size_t first = tile_start(t, args->query_rows);
        attend_rows(args, scores, &scratch, first, tile_start(t + 1, args->query_rows) - first);
    }
}

#endif
