/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vector of floats, as wide as the including file's flags allow: the kernels of AVX2 and
 * AVX-512 are the same text over it. Sums, products and quotients are GNU C's operators; what is
 * fused says vec_fma.
 */
#ifndef OSPREY_KERNELS_X86_VEC_F32_H
#define OSPREY_KERNELS_X86_VEC_F32_H

#include "base/dtype.h"
#include "kernels/unroll.h"

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OSPREY__INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)

typedef __m512 vec;
#define VEC_AVX(name)        _mm512_##name
#define VEC_ROUND_NEAREST(x) _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

/* The first count floats, count below a vector; zero behind them. Nothing behind is touched. */
OSPREY__INLINE vec vec_load_first(const float *p, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}

OSPREY__INLINE void vec_store_first(float *p, size_t count, vec x)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), x);
}

/* The first count elements of x, count below a vector, and fill behind them. */
OSPREY__INLINE vec vec_keep_first(vec x, size_t count, vec fill)
{
    return _mm512_mask_mov_ps(fill, (__mmask16)((1u << count) - 1), x);
}

/* x * 2^n for whole n. */
OSPREY__INLINE vec vec_scale_by_power(vec x, vec n)
{
    return _mm512_scalef_ps(x, n);
}

/* Four floats from each of p, p + 4 * stride, ... side by side. */
OSPREY__INLINE vec vec_load_quads(const float *p, size_t stride)
{
    vec x = _mm512_castps128_ps512(_mm_loadu_ps(p));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + 4 * stride), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + 8 * stride), 2);
    return _mm512_insertf32x4(x, _mm_loadu_ps(p + 12 * stride), 3);
}

OSPREY__INLINE float vec_sum(vec x)
{
    return _mm512_reduce_add_ps(x);
}

OSPREY__INLINE float vec_largest(vec x)
{
    return _mm512_reduce_max_ps(x);
}

#else

typedef __m256 vec;
#define VEC_AVX(name)        _mm256_##name
#define VEC_ROUND_NEAREST(x) _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

OSPREY__INLINE __m256i vec_mask_first(size_t count)
{
    static const int32_t ones_then_zeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(ones_then_zeros + 8 - count));
}

/* The first count floats, count below a vector; zero behind them. Nothing behind is touched. */
OSPREY__INLINE vec vec_load_first(const float *p, size_t count)
{
    return _mm256_maskload_ps(p, vec_mask_first(count));
}

OSPREY__INLINE void vec_store_first(float *p, size_t count, vec x)
{
    _mm256_maskstore_ps(p, vec_mask_first(count), x);
}

/* The first count elements of x, count below a vector, and fill behind them. */
OSPREY__INLINE vec vec_keep_first(vec x, size_t count, vec fill)
{
    return _mm256_blendv_ps(fill, x, _mm256_castsi256_ps(vec_mask_first(count)));
}

OSPREY__INLINE __m256 vec_power(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* x * 2^n for whole n from -252 to 254: in two steps, since 2^n itself may not be a float. */
OSPREY__INLINE vec vec_scale_by_power(vec x, vec n)
{
    __m256i whole = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(whole, 1);
    return x * vec_power(half) * vec_power(_mm256_sub_epi32(whole, half));
}

/* Four floats from each of p and p + 4 * stride side by side. */
OSPREY__INLINE vec vec_load_quads(const float *p, size_t stride)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
                                _mm_loadu_ps(p + 4 * stride), 1);
}

OSPREY__INLINE float vec_sum(vec x)
{
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

OSPREY__INLINE float vec_largest(vec x)
{
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

#endif

enum { VEC_FLOATS = sizeof(vec) / sizeof(float) };

OSPREY__INLINE vec vec_load(const float *p)
{
    return VEC_AVX(loadu_ps)(p);
}

OSPREY__INLINE void vec_store(float *p, vec x)
{
    VEC_AVX(storeu_ps)(p, x);
}

OSPREY__INLINE vec vec_set(float x)
{
    return VEC_AVX(set1_ps)(x);
}

/* bfloat16s, widened */
OSPREY__INLINE vec vec_load_bf16(const void *p)
{
#if defined(__AVX512F__)
    __m256i halves = _mm256_loadu_si256((const __m256i *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
#else
    __m128i halves = _mm_loadu_si128((const __m128i *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
#endif
}

/* The nearest bfloat16, ties to even, as a float; NaN stays. */
OSPREY__INLINE vec vec_round_to_bf16(vec x)
{
#if defined(__AVX512F__)
    __m512i bits = _mm512_castps_si512(x);
    __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff)));
    rounded = _mm512_and_si512(rounded, _mm512_set1_epi32(-0x10000));
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_mask_mov_ps(_mm512_castsi512_ps(rounded), nan, _mm512_set1_ps(NAN));
#else
    __m256i bits = _mm256_castps_si256(x);
    __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
    rounded = _mm256_and_si256(rounded, _mm256_set1_epi32(-0x10000));
    vec nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    return _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_set1_ps(NAN), nan);
#endif
}

/* The first count elements (at most a vector), rounded to bfloat16s. */
OSPREY__INLINE void vec_store_bf16(uint16_t *p, size_t count, vec x)
{
#if defined(__AVX512F__)
#if defined(__AVX512BF16__)
    __m256i halves;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(x));
#else
    __m256i halves =
        _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(vec_round_to_bf16(x)), 16));
#endif
    if (count >= 16)
        _mm256_storeu_si256((__m256i *)p, halves);
    else
        _mm256_mask_storeu_epi16(p, (__mmask16)((1u << count) - 1), halves);
#else
    __m256i bits = _mm256_srli_epi32(_mm256_castps_si256(vec_round_to_bf16(x)), 16);
    __m128i halves =
        _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    if (count >= 8)
        _mm_storeu_si128((__m128i *)p, halves);
    else
        memcpy(p, &halves, count * sizeof *p);
#endif
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
    if (i + VEC_FLOATS <= k) return vec_load_bf16(halves);
    uint16_t rest[VEC_FLOATS] = {0};
    if (i < k) memcpy(rest, halves, (k - i) * sizeof *rest);
    return vec_load_bf16(rest);
}

OSPREY__INLINE vec vec_fma(vec x, vec y, vec z)
{
    return VEC_AVX(fmadd_ps)(x, y, z);
}

/* Both return y where x or y is NaN. */
OSPREY__INLINE vec vec_min(vec x, vec y)
{
    return VEC_AVX(min_ps)(x, y);
}

OSPREY__INLINE vec vec_max(vec x, vec y)
{
    return VEC_AVX(max_ps)(x, y);
}

/* 1 / x within 2^-11 * 0.75 of itself; of infinity 0. */
OSPREY__INLINE vec vec_reciprocal_estimate(vec x)
{
#if defined(__AVX512F__)
    return _mm512_rcp14_ps(x);
#else
    return _mm256_rcp_ps(x);
#endif
}

OSPREY__INLINE vec vec_absolute(vec x)
{
    return VEC_AVX(andnot_ps)(vec_set(-0.0f), x);
}

/*
 * Within each 128 bits, rows become columns: x[i] holds element i of what x[0..3] held there. With
 * vec_load_quads(p + i * stride, stride) as x[i], x[j] becomes column j of VEC_FLOATS rows.
 */
OSPREY__INLINE void vec_transpose_quads(vec x[4])
{
    vec low01 = VEC_AVX(unpacklo_ps)(x[0], x[1]), high01 = VEC_AVX(unpackhi_ps)(x[0], x[1]);
    vec low23 = VEC_AVX(unpacklo_ps)(x[2], x[3]), high23 = VEC_AVX(unpackhi_ps)(x[2], x[3]);
    x[0] = VEC_AVX(shuffle_ps)(low01, low23, _MM_SHUFFLE(1, 0, 1, 0));
    x[1] = VEC_AVX(shuffle_ps)(low01, low23, _MM_SHUFFLE(3, 2, 3, 2));
    x[2] = VEC_AVX(shuffle_ps)(high01, high23, _MM_SHUFFLE(1, 0, 1, 0));
    x[3] = VEC_AVX(shuffle_ps)(high01, high23, _MM_SHUFFLE(3, 2, 3, 2));
}

#endif
