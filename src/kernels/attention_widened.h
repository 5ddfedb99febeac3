/* SPDX-License-Identifier: Apache-2.0 */
/* Attention over bfloat16s where nothing multiplies these: widened, in floats, and rounded. */
#ifndef OSPREY_KERNELS_ATTENTION_WIDENED_H
#define OSPREY_KERNELS_ATTENTION_WIDENED_H

#include "base/memory.h"
#include "kernels/attention.h"

#if defined(__AVX2__) || defined(__aarch64__)

#include "kernels/simd/vec_f32.h"

static inline void widen_row(const uint16_t *x, size_t count, float *out)
{
    for (size_t i = 0; i < count; i += VEC_FLOATS)
        store_channels(out + i, count - i, load_row(x, OSPREY__BF16, i, count));
}

static inline void round_row(const float *x, size_t count, uint16_t *out)
{
    for (size_t i = 0; i < count; i += VEC_FLOATS)
        vec_store_bf16(out + i, osprey__smaller(count - i, VEC_FLOATS), load_elements(x, i, count));
}

#else

#include "base/dtype.h"

static inline void widen_row(const uint16_t *x, size_t count, float *out)
{
    osprey__to_f32(OSPREY__BF16, x, count, out);
}

static inline void round_row(const float *x, size_t count, uint16_t *out)
{
    osprey__from_f32(OSPREY__BF16, x, count, out);
}

#endif

static inline size_t widened_floats(size_t rows, size_t head_dim)
{
    return osprey__round_up(rows * head_dim, OSPREY__ALIGNMENT / sizeof(float));
}

/* own: what the kernel for floats takes. */
static inline size_t attention_widened_scratch_floats(size_t query_rows, size_t key_rows,
                                                      size_t head_dim, size_t own)
{
    return 2 * widened_floats(query_rows, head_dim) + 2 * widened_floats(key_rows, head_dim) + own;
}

static inline float *widen(const uint16_t *x, size_t stride, size_t rows, size_t head_dim,
                           float *out)
{
    for (size_t row = 0; row < rows; row++)
        widen_row(x + row * stride, head_dim, out + row * head_dim);
    return out + widened_floats(rows, head_dim);
}

static inline void attention_widened(const osprey__attention_bf16_args *args,
                                     osprey__attention_f32_function *run)
{
    size_t dim = args->head_dim;
    float *q = args->scratch;
    float *k = widen(args->q, args->q_stride, args->query_rows, dim, q);
    float *v = widen(args->k, args->kv_stride, args->key_rows, dim, k);
    float *out = widen(args->v, args->kv_stride, args->key_rows, dim, v);
    const osprey__attention_f32_args widened = {
        .query_rows = args->query_rows,
        .key_rows = args->key_rows,
        .head_dim = dim,
        .q = q,
        .q_stride = dim,
        .k = k,
        .v = v,
        .kv_stride = dim,
        .out = out,
        .out_stride = dim,
        .scale = args->scale,
        .scratch = out + widened_floats(args->query_rows, dim),
    };
    run(&widened);
    for (size_t row = 0; row < args->query_rows; row++)
        round_row(out + row * dim, dim, args->out + row * args->out_stride);
}

#endif
