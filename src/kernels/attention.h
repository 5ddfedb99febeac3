/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scaled dot-product attention of one head over one sequence:
 *     out[i] = sum over j of softmax_j(scale * q[i] . k[j]) * v[j]
 * (Vaswani et al., 2017). With causal, the queries are those of the last rows, and row i sees only
 * the keys 0..key_rows - query_rows + i; then query_rows <= key_rows. key_bias[j], where there is
 * one, is added to the scores of key j: the logarithm of how many tokens it stands for, after Bolya
 * et al., "Token Merging", 2023, or -INFINITY for a key that no query sees. Key 0 is always seen.
 */
#ifndef OSPREY_KERNELS_ATTENTION_H
#define OSPREY_KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct osprey__attention_f32_args {
    size_t query_rows, key_rows, head_dim;
    const float *q; /* [query_rows][head_dim], rows q_stride floats apart */
    size_t q_stride;
    const float *k, *v; /* [key_rows][head_dim], rows kv_stride floats apart */
    size_t kv_stride;
    float *out; /* [query_rows][head_dim], rows out_stride floats apart */
    size_t out_stride;
    float scale;
    bool causal;
    const float *key_bias; /* [key_rows], or NULL */
    float *scratch;        /* as many floats as scratch_floats() says, 64-byte aligned */
} osprey__attention_f32_args;

typedef void osprey__attention_f32_function(const osprey__attention_f32_args *args);

typedef struct osprey__attention_f32_kernel {
    osprey__attention_f32_function *run;
    size_t (*scratch_floats)(size_t query_rows, size_t key_rows, size_t head_dim);
} osprey__attention_f32_kernel;

/*
 * The same over bfloat16s, for towers in less than fp32: every query sees every key. head_dim and
 * the strides are even, and q, k, v and out on a boundary of 4 bytes, so that pairs can be read.
 */
typedef struct osprey__attention_bf16_args {
    size_t query_rows, key_rows, head_dim;
    const uint16_t *q; /* [query_rows][head_dim], rows q_stride elements apart */
    size_t q_stride;
    const uint16_t *k, *v; /* [key_rows][head_dim], rows kv_stride elements apart */
    size_t kv_stride;
    uint16_t *out; /* [query_rows][head_dim], rows out_stride elements apart */
    size_t out_stride;
    float scale;
    float *scratch; /* as many floats as scratch_floats() says, 64-byte aligned */
} osprey__attention_bf16_args;

typedef void osprey__attention_bf16_function(const osprey__attention_bf16_args *args);

typedef struct osprey__attention_bf16_kernel {
    osprey__attention_bf16_function *run;
    size_t (*scratch_floats)(size_t query_rows, size_t key_rows, size_t head_dim);
} osprey__attention_bf16_kernel;

/*
 * Of bfloat16s too, for towers in int8: scores as exact as there, but the softmax's weights and the
 * values rounded to 8 bits. At most so many keys, that integers hold their sums.
 */
#define OSPREY__ATTENTION_S8_MOST_KEYS ((size_t)1 << 16)

typedef osprey__attention_bf16_function osprey__attention_s8_function;

#endif
