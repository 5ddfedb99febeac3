/* SPDX-License-Identifier: Apache-2.0 */
/* The vector of simd/vec_f32.h, which says what the functions do, of AVX2 or AVX-512. */
#ifndef OSPREY_KERNELS_X86_VEC_F32_X86_H
#define OSPREY_KERNELS_X86_VEC_F32_X86_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)

typedef __m512 vec;
#define VEC_AVX(name) _mm512_##name

OSPREY__INLINE vec vec_load_first(const float *p, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}

OSPREY__INLINE void vec_store_first(float *p, size_t count, vec x)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), x);
}

OSPREY__INLINE vec vec_keep_first(vec x, size_t count, vec fill)
{
    return _mm512_mask_mov_ps(fill, (__mmask16)((1u << count) - 1), x);
}

OSPREY__INLINE vec vec_scale_by_power(vec x, vec n)
{
    return _mm512_scalef_ps(x, n);
}

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
#define VEC_AVX(name) _mm256_##name

OSPREY__INLINE __m256i vec_mask_first(size_t count)
{
    static const int32_t ones_then_zeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(ones_then_zeros + 8 - count));
}

OSPREY__INLINE vec vec_load_first(const float *p, size_t count)
{
    return _mm256_maskload_ps(p, vec_mask_first(count));
}

OSPREY__INLINE void vec_store_first(float *p, size_t count, vec x)
{
    _mm256_maskstore_ps(p, vec_mask_first(count), x);
}

OSPREY__INLINE vec vec_keep_first(vec x, size_t count, vec fill)
{
    return _mm256_blendv_ps(fill, x, _mm256_castsi256_ps(vec_mask_first(count)));
}

OSPREY__INLINE __m256 vec_power(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* In two steps, since 2^n itself may not be a float. */
OSPREY__INLINE vec vec_scale_by_power(vec x, vec n)
{
    __m256i whole = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(whole, 1);
    return x * vec_power(half) * vec_power(_mm256_sub_epi32(whole, half));
}

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

OSPREY__INLINE vec vec_load_f16(const void *p)
{
#if defined(__AVX512F__)
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#else
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#endif
}

OSPREY__INLINE void vec_store_f16(void *p, vec x)
{
#if defined(__AVX512F__)
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
#else
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
#endif
}

#if defined(__AVX512F__)

/* Bits whose upper halves are x rounded; the lower ones mean nothing. */
OSPREY__INLINE __m512i vec_bf16_bits(vec x)
{
    /* NaN of any kind becomes the one whose upper half alone says so. */
    const __m512i nan_by_class = _mm512_set1_epi32(0x33);
    __m512i bits = _mm512_castps_si512(_mm512_fixupimm_ps(x, x, nan_by_class, 0));
    __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    return _mm512_mask_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd, bits,
                                 _mm512_set1_epi32(0x8000));
}

OSPREY__INLINE vec vec_round_to_bf16(vec x)
{
    return _mm512_castsi512_ps(_mm512_and_si512(vec_bf16_bits(x), _mm512_set1_epi32(-0x10000)));
}

OSPREY__INLINE void vec_store_bf16(uint16_t *p, size_t count, vec x)
{
#if defined(__AVX512BF16__)
    __m256i halves;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(x));
#else
    __m256i halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32(vec_bf16_bits(x), 16));
#endif
    if (count >= 16)
        _mm256_storeu_si256((__m256i *)p, halves);
    else
        _mm256_mask_storeu_epi16(p, (__mmask16)((1u << count) - 1), halves);
}

OSPREY__INLINE void vec_store_bf16_pair(uint16_t *p, vec x, vec y)
{
#if defined(__AVX512BF16__)
    vec_store_bf16(p, 16, x);
    vec_store_bf16(p + 16, 16, y);
#else
    __m512i halves = _mm512_packus_epi32(_mm512_srli_epi32(vec_bf16_bits(x), 16),
                                         _mm512_srli_epi32(vec_bf16_bits(y), 16));
    /* It packs within each 128 bits. */
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi64(order, halves));
#endif
}

#else

OSPREY__INLINE vec vec_round_to_bf16(vec x)
{
    __m256i bits = _mm256_castps_si256(x);
    __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
    rounded = _mm256_and_si256(rounded, _mm256_set1_epi32(-0x10000));
    vec nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    return _mm256_blendv_ps(_mm256_castsi256_ps(rounded), _mm256_set1_ps(NAN), nan);
}

/* The elements of x, and behind them those of y. */
OSPREY__INLINE __m256i vec_pack_bf16(vec x, vec y)
{
    __m256i halves =
        _mm256_packus_epi32(_mm256_srli_epi32(_mm256_castps_si256(vec_round_to_bf16(x)), 16),
                            _mm256_srli_epi32(_mm256_castps_si256(vec_round_to_bf16(y)), 16));
    /* It packs within each 128 bits. */
    return _mm256_permute4x64_epi64(halves, 0xd8);
}

OSPREY__INLINE void vec_store_bf16(uint16_t *p, size_t count, vec x)
{
    __m128i halves = _mm256_castsi256_si128(vec_pack_bf16(x, x));
    if (count >= 8)
        _mm_storeu_si128((__m128i *)p, halves);
    else
        memcpy(p, &halves, count * sizeof *p);
}

OSPREY__INLINE void vec_store_bf16_pair(uint16_t *p, vec x, vec y)
{
    _mm256_storeu_si256((__m256i *)p, vec_pack_bf16(x, y));
}

#endif

OSPREY__INLINE vec vec_fma(vec x, vec y, vec z)
{
    return VEC_AVX(fmadd_ps)(x, y, z);
}

OSPREY__INLINE vec vec_min(vec x, vec y)
{
    return VEC_AVX(min_ps)(x, y);
}

OSPREY__INLINE vec vec_max(vec x, vec y)
{
    return VEC_AVX(max_ps)(x, y);
}

OSPREY__INLINE vec vec_reciprocal_estimate(vec x)
{
#if defined(__AVX512F__)
    return _mm512_rcp14_ps(x);
#else
    return _mm256_rcp_ps(x);
#endif
}

OSPREY__INLINE vec vec_round_nearest(vec x)
{
#if defined(__AVX512F__)
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#endif
}

OSPREY__INLINE vec vec_absolute(vec x)
{
    return VEC_AVX(andnot_ps)(vec_set(-0.0f), x);
}

OSPREY__INLINE vec vec_turn_pairs(vec x, vec turns)
{
    vec across = VEC_AVX(permute_ps)(x, _MM_SHUFFLE(2, 3, 0, 1)) * VEC_AVX(movehdup_ps)(turns);
    return VEC_AVX(fmaddsub_ps)(x, VEC_AVX(moveldup_ps)(turns), across);
}

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
