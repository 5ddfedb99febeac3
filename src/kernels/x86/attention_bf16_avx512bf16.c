/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over bfloat16s with vdpbf16ps: a tile's rows at a time take all their scores, the
 * softmax and the weighted sum, so that the scores stay in cache. Weights of the sum are rounded to
 * bfloat16, their total is not.
 */
#define OSPREY__LANES "kernels/x86/lanes_bf16_pairs.h"

#include "base/memory.h"
#include "kernels/kernel_list.h"
#include "kernels/simd/pack_keys_simd.h"
#include "kernels/simd/vec_math_f32.h"
#include "kernels/x86/scores.h"

#include <math.h>

_Static_assert((int)SCORES_KEYS == (int)TILE_COLUMNS && (int)SCORES_ROWS == (int)TILE_ROWS,
               "scores are a tile's");

/* scratch, cut into its parts */
typedef struct attention_scratch {
    float *keys;    /* [key panel][pairs of head_dim][TILE_COLUMNS] pairs, a float each */
    float *values;  /* [dim panel][pairs of keys][TILE_COLUMNS] pairs */
    float *scores;  /* [TILE_ROWS][padded_keys] */
    float *weights; /* [TILE_ROWS][padded_keys / 2] pairs */
    size_t padded_keys;
} attention_scratch;

static size_t key_floats(size_t key_rows, size_t head_dim)
{
    return osprey__round_up(key_rows, TILE_COLUMNS) * (head_dim / 2);
}

size_t osprey__attention_bf16_scratch_floats__avx512bf16(size_t query_rows, size_t key_rows,
                                                         size_t head_dim)
{
    (void)query_rows;
    size_t padded_keys = osprey__round_up(key_rows, TILE_COLUMNS);
    return key_floats(key_rows, head_dim) +
           osprey__round_up(head_dim, TILE_COLUMNS) * (padded_keys / 2) +
           TILE_ROWS * (padded_keys + padded_keys / 2);
}

static attention_scratch cut_scratch(const osprey__attention_bf16_args *args)
{
    attention_scratch scratch = {.keys = args->scratch};
    size_t padded_keys = osprey__round_up(args->key_rows, TILE_COLUMNS);
    scratch.padded_keys = padded_keys;
    scratch.values = scratch.keys + key_floats(args->key_rows, args->head_dim);
    scratch.scores =
        scratch.values + osprey__round_up(args->head_dim, TILE_COLUMNS) * (padded_keys / 2);
    scratch.weights = scratch.scores + TILE_ROWS * padded_keys;
    return scratch;
}

static void pack_keys(const osprey__attention_bf16_args *args, float *keys)
{
    size_t pairs = args->head_dim / 2;
    prefetch_keys(args);
    for (size_t key = 0; key < args->key_rows; key += VEC_FLOATS) {
        float *columns = keys + key / TILE_COLUMNS * TILE_COLUMNS * pairs + key % TILE_COLUMNS;
        const uint16_t *k = args->k + key * args->kv_stride;
        pack_key_group((const float *)(const void *)k, args->kv_stride / 2, args->key_rows - key,
                       pairs, columns);
    }
}

static void scores_of_rows(const osprey__attention_bf16_args *args, float *keys, size_t first,
                           size_t rows, float *scores, size_t stride, float *scales)
{
    size_t pairs = args->head_dim / 2;
    for (size_t row = 0; row < rows; row++) scales[row] = args->scale;
    for (size_t key = 0; key < args->key_rows; key += TILE_COLUMNS) {
        const char *panel = (const char *)(keys + key * pairs);
        tile_job job = {.steps = pairs,
                        .a = (const lane *)(const void *)(args->q + first * args->q_stride),
                        .lda = args->q_stride / 2,
                        .b = panel,
                        .sums = scores + key,
                        .sums_stride = stride,
                        .narrow = args->key_rows - key <= TILE_COLUMNS / 2,
                        .prefetch = panel};
        tile(&job, rows);
    }
    prefetch_next(args, first, rows);
}

const osprey__scores osprey__scores_bf16__avx512bf16 = {
    .floats = key_floats, .pack_keys = pack_keys, .of_rows = scores_of_rows};

/* Elements d.. of a row of head_dim, as integers; zeros behind its end. */
OSPREY__INLINE __m512i load_halves(const uint16_t *row, size_t d, size_t head_dim)
{
    size_t left = d < head_dim ? head_dim - d : 0;
    __mmask16 there = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, row + (left ? d : 0)));
}

/* Values of two keys become the pairs of a step. */
static void pack_values(const osprey__attention_bf16_args *args, const attention_scratch *scratch)
{
    float *out = scratch->values;
    for (size_t panel = 0; panel < args->head_dim; panel += TILE_COLUMNS)
        for (size_t key = 0; key < args->key_rows; key += 2)
            for (size_t d = panel; d < panel + TILE_COLUMNS; d += VEC_FLOATS, out += VEC_FLOATS) {
                const uint16_t *v = args->v + key * args->kv_stride;
                __m512i pair = load_halves(v, d, args->head_dim);
                if (key + 1 < args->key_rows)
                    pair = _mm512_or_si512(
                        pair,
                        _mm512_slli_epi32(load_halves(v + args->kv_stride, d, args->head_dim), 16));
                _mm512_storeu_si512(out, pair);
            }
}

/*
 * Writes exp(scale * score - largest) of count scores as bfloat16s, zeros behind them up to a whole
 * vector; returns their sum.
 */
static float exponentials(const float *scores, size_t count, float scale, uint16_t *weights)
{
    size_t whole = count / VEC_FLOATS * VEC_FLOATS, rest = count - whole;
    vec factor = vec_set(scale * 0x1.715476p+0f), nothing = vec_set(-INFINITY);
    vec largest = nothing;
    for (size_t i = 0; i < whole; i += VEC_FLOATS)
        largest = vec_max(largest, vec_load(scores + i) * factor);
    if (rest)
        largest =
            vec_max(largest, vec_keep_first(vec_load(scores + whole) * factor, rest, nothing));
    vec shift = vec_set(-vec_largest(largest)), sum = vec_set(0.0f);
    for (size_t i = 0; i < whole; i += VEC_FLOATS) {
        vec x = vec_exp2_short(vec_fma(vec_load(scores + i), factor, shift));
        vec_store_bf16(weights + i, VEC_FLOATS, x);
        sum += x;
    }
    if (rest) {
        vec x = vec_fma(vec_load(scores + whole), factor, shift);
        x = vec_exp2_short(vec_keep_first(x, rest, nothing));
        vec_store_bf16(weights + whole, VEC_FLOATS, x);
        sum += x;
    }
    return vec_sum(sum);
}

/* out = sums * factor[row] for one panel of the head's dimensions */
static void store_weighted(const float *sums, const float *factors, size_t rows, size_t columns,
                           uint16_t *out, size_t out_stride)
{
    for (size_t row = 0; row < rows; row++, sums += TILE_COLUMNS, out += out_stride)
        for (size_t i = 0; i < TILE_COLUMNS && i < columns; i += VEC_FLOATS) {
            size_t count = columns - i < VEC_FLOATS ? columns - i : VEC_FLOATS;
            vec_store_bf16(out + i, count, vec_load(sums + i) * vec_set(factors[row]));
        }
}

static void attend_rows(const osprey__attention_bf16_args *args, const attention_scratch *scratch,
                        size_t first, size_t rows)
{
    _Alignas(OSPREY__ALIGNMENT) float sums[TILE_ROWS * TILE_COLUMNS];
    float factors[TILE_ROWS];
    size_t padded = scratch->padded_keys;
    scores_of_rows(args, scratch->keys, first, rows, scratch->scores, padded, factors);
    for (size_t row = 0; row < rows; row++) {
        uint16_t *weights = (uint16_t *)(void *)(scratch->weights + row * (padded / 2));
        factors[row] =
            1 / exponentials(scratch->scores + row * padded, args->key_rows, factors[row], weights);
    }
    size_t key_pairs = (args->key_rows + 1) / 2;
    for (size_t d = 0; d < args->head_dim; d += TILE_COLUMNS) {
        const char *panel = (const char *)(scratch->values + d * key_pairs);
        tile_job job = {.steps = key_pairs,
                        .a = (const lane *)(const void *)scratch->weights,
                        .lda = padded / 2,
                        .b = panel,
                        .sums = sums,
                        .sums_stride = TILE_COLUMNS,
                        .narrow = args->head_dim - d <= TILE_COLUMNS / 2,
                        .prefetch = panel};
        tile(&job, rows);
        store_weighted(sums, factors, rows, args->head_dim - d,
                       args->out + first * args->out_stride + d, args->out_stride);
    }
}

void osprey__attention_bf16__avx512bf16(const osprey__attention_bf16_args *args)
{
    attention_scratch scratch = cut_scratch(args);
    pack_keys(args, scratch.keys);
    pack_values(args, &scratch);
    for (size_t t = 0; t < tile_count(args->query_rows); t++) {
        size_t first = tile_start(t, args->query_rows);
        attend_rows(args, &scratch, first, tile_start(t + 1, args->query_rows) - first);
    }
}
