/* SPDX-License-Identifier: Apache-2.0 */
/* Layer norm, activations, sums and products, for the row_ops_f32_*.c of all instruction sets. */
#ifndef OSPREY_KERNELS_SIMD_ROW_OPS_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_ROW_OPS_F32_SIMD_H

#include "kernels/row_ops.h"
#include "kernels/simd/vec_f32.h"
#include "kernels/simd/vec_math_f32.h"

#include <math.h>

enum { CHAINS = 4 }; /* of additions, since one would wait for itself */

static float row_mean(size_t width, const float *x)
{
    vec sums[CHAINS] = {0};
    size_t i = 0;
    for (; i + CHAINS * VEC_FLOATS <= width; i += CHAINS * VEC_FLOATS)
        for (size_t chain = 0; chain < CHAINS; chain++)
            sums[chain] += vec_load(x + i + chain * VEC_FLOATS);
    for (; i + VEC_FLOATS <= width; i += VEC_FLOATS) sums[0] += vec_load(x + i);
    if (i < width) sums[1] += vec_load_first(x + i, width - i);
    return vec_sum((sums[0] + sums[1]) + (sums[2] + sums[3])) / (float)width;
}

static float row_variance(size_t width, const float *x, float mean)
{
    vec sums[CHAINS] = {0}, center = vec_set(mean), zero = vec_set(0.0f);
    size_t i = 0;
    for (; i + CHAINS * VEC_FLOATS <= width; i += CHAINS * VEC_FLOATS)
        for (size_t chain = 0; chain < CHAINS; chain++) {
            vec difference = vec_load(x + i + chain * VEC_FLOATS) - center;
            sums[chain] = vec_fma(difference, difference, sums[chain]);
        }
    for (; i + VEC_FLOATS <= width; i += VEC_FLOATS) {
        vec difference = vec_load(x + i) - center;
        sums[0] = vec_fma(difference, difference, sums[0]);
    }
    if (i < width) {
        size_t rest = width - i;
        vec difference = vec_keep_first(vec_load_first(x + i, rest) - center, rest, zero);
        sums[1] = vec_fma(difference, difference, sums[1]);
    }
    return vec_sum((sums[0] + sums[1]) + (sums[2] + sums[3])) / (float)width;
}

/* A vector of p at i, or its first `rest` floats and zeros; fill where there is no p. */
OSPREY__INLINE vec load_or(const float *p, size_t i, size_t rest, float fill)
{
    if (!p) return vec_set(fill);
    return rest < VEC_FLOATS ? vec_load_first(p + i, rest) : vec_load(p + i);
}

static void layer_norm_f32(size_t rows, size_t width, const float *x, const float *scale,
                           const float *shift, float epsilon, float *out)
{
    for (size_t row = 0; row < rows; row++, x += width, out += width) {
        float mean = row_mean(width, x);
        vec center = vec_set(mean);
        vec factor = vec_set(1 / sqrtf(row_variance(width, x, mean) + epsilon));
        size_t i = 0;
        for (; i + VEC_FLOATS <= width; i += VEC_FLOATS) {
            vec normal = (vec_load(x + i) - center) * factor;
            vec_store(out + i, vec_fma(normal, load_or(scale, i, VEC_FLOATS, 1),
                                       load_or(shift, i, VEC_FLOATS, 0)));
        }
        if (i < width) {
            size_t rest = width - i;
            vec normal = (vec_load_first(x + i, rest) - center) * factor;
            vec_store_first(
                out + i, rest,
                vec_fma(normal, load_or(scale, i, rest, 1), load_or(shift, i, rest, 0)));
        }
    }
}

/* activation(x) or, unless y is NULL, activation(x + y); activation is a constant at every call. */
OSPREY__INLINE void activate_all_with(const osprey_activation activation, size_t count,
                                      const float *x, const float *y, float *out)
{
    size_t i = 0;
    for (; i + VEC_FLOATS <= count; i += VEC_FLOATS) {
        vec value = vec_load(x + i);
        if (y) value += vec_load(y + i);
        vec_store(out + i, vec_activate(activation, value, false));
    }
    if (i < count) {
        size_t rest = count - i;
        vec value = vec_load_first(x + i, rest);
        if (y) value += vec_load_first(y + i, rest);
        vec_store_first(out + i, rest, vec_activate(activation, value, false));
    }
}

OSPREY__INLINE void activate_all(osprey_activation activation, size_t count, const float *x,
                                 const float *y, float *out)
{
    switch (activation) {
    case OSPREY_ACTIVATION_NONE:
        activate_all_with(OSPREY_ACTIVATION_NONE, count, x, y, out);
        break;
    case OSPREY_ACTIVATION_RELU:
        activate_all_with(OSPREY_ACTIVATION_RELU, count, x, y, out);
        break;
    case OSPREY_ACTIVATION_GELU:
        activate_all_with(OSPREY_ACTIVATION_GELU, count, x, y, out);
        break;
    case OSPREY_ACTIVATION_GELU_TANH:
        activate_all_with(OSPREY_ACTIVATION_GELU_TANH, count, x, y, out);
        break;
    case OSPREY_ACTIVATION_QUICK_GELU:
        activate_all_with(OSPREY_ACTIVATION_QUICK_GELU, count, x, y, out);
        break;
    case OSPREY_ACTIVATION_TANH:
        activate_all_with(OSPREY_ACTIVATION_TANH, count, x, y, out);
        break;
    case OSPREY_ACTIVATION_SILU:
        activate_all_with(OSPREY_ACTIVATION_SILU, count, x, y, out);
        break;
    }
}

static void multiply_f32(size_t count, const float *x, const float *y, float *out)
{
    size_t i = 0;
    for (; i + VEC_FLOATS <= count; i += VEC_FLOATS)
        vec_store(out + i, vec_load(x + i) * vec_load(y + i));
    if (i < count)
        vec_store_first(out + i, count - i,
                        vec_load_first(x + i, count - i) * vec_load_first(y + i, count - i));
}

static void turn_pairs_f32(size_t rows, size_t width, const float *x, size_t x_stride,
                           const float *turns, float *out)
{
    for (size_t row = 0; row < rows; row++, x += x_stride, turns += width, out += width) {
        size_t i = 0;
        for (; i + VEC_FLOATS <= width; i += VEC_FLOATS)
            vec_store(out + i, vec_turn_pairs(vec_load(x + i), vec_load(turns + i)));
        if (i < width)
            vec_store_first(out + i, width - i,
                            vec_turn_pairs(vec_load_first(x + i, width - i),
                                           vec_load_first(turns + i, width - i)));
    }
}

#endif
