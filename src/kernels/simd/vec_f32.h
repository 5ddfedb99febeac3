/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vector of floats, as wide as the including file's flags allow: the kernels of all instruction
 * sets are the same text over it. Sums, products and quotients are GNU C's operators; what is fused
 * says vec_fma. An instruction set defines vec and these:
 *
 *     vec_load, vec_store, vec_set      any address; one float everywhere
 *     vec_load_first(p, count)          the first count floats, count below a vector, and zeros;
 *     vec_store_first(p, count, x)      what lies behind them is not touched
 *     vec_keep_first(x, count, fill)    the first count elements of x, and fill behind them
 *     vec_load_bf16(p), vec_load_f16(p) 16-bit floats, widened
 *     vec_round_to_bf16(x)              the nearest bfloat16, ties to even, as a float; NaN stays
 *     vec_store_bf16(p, count, x)       the first count elements (at most a vector), rounded so
 *     vec_store_bf16_pair(p, x, y)      all of x, and all of y behind it, rounded so
 *     vec_store_f16(p, x)               as half-precision numbers, rounded to nearest
 *     vec_fma(x, y, z)                  x * y + z, rounded once
 *     vec_min, vec_max(x, y)            NaN where y is; only some return y where x alone is
 *     vec_absolute(x)
 *     vec_reciprocal_estimate(x)        1 / x within 2^-11 * 0.75 of itself; of infinity 0
 *     vec_round_nearest(x)              to whole numbers, ties to even
 *     vec_scale_by_power(x, n)          x * 2^n for whole n from -252 to 254
 *     vec_turn_pairs(x, turns)          each pair of elements times that of turns, as complex
 *                                       numbers
 *     vec_sum, vec_largest(x)           of the elements, a float
 *     vec_load_quads(p, stride)         four floats from each of p, p + 4 * stride, ..., in turn
 *     vec_transpose_quads(x[4])         within each 128 bits rows become columns: x[i] holds
 *                                       element i of what x[0..3] held there
 *
 * With vec_load_quads(p + i * stride, stride) as x[i], x[j] becomes column j of VEC_FLOATS rows.
 */
#ifndef OSPREY_KERNELS_SIMD_VEC_F32_H
#define OSPREY_KERNELS_SIMD_VEC_F32_H

#include "base/dtype.h"
#include "kernels/specialize.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__aarch64__)
#include "kernels/arm/vec_f32_neon.h"
#else
#include "kernels/x86/vec_f32_x86.h"
#endif

enum { VEC_FLOATS = sizeof(vec) / sizeof(float) };

/* A vector of which at most count elements are there. */
OSPREY__INLINE vec load_channels(const float *p, size_t count)
{
    return count >= VEC_FLOATS ? vec_load(p) : vec_load_first(p, count);
}

OSPREY__INLINE void store_channels(float *p, size_t count, vec x)
{
    if (count >= VEC_FLOATS)
        vec_store(p, x);
    else
        vec_store_first(p, count, x);
}

/* The vector of x's elements from i on, zeros behind the k-th. */
OSPREY__INLINE vec load_elements(const float *x, size_t i, size_t k)
{
    if (i + VEC_FLOATS <= k) return vec_load(x + i);
    if (i < k) return vec_load_first(x + i, k - i);
    return vec_set(0.0f);
}

/* The same of floats or bfloat16s. */
OSPREY__INLINE vec load_row(const void *x, osprey__dtype dtype, size_t i, size_t k)
{
    if (dtype == OSPREY__F32) return load_elements(x, i, k);
    const uint16_t *halves = (const uint16_t *)x + i;
    size_t left = i < k ? k - i : 0;
    if (left >= VEC_FLOATS) return vec_load_bf16(halves);
    uint16_t rest[VEC_FLOATS] = {0};
    memcpy(rest, halves, left * sizeof *rest);
    return vec_load_bf16(rest);
}

#endif
