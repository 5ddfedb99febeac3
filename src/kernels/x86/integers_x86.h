/* SPDX-License-Identifier: Apache-2.0 */
/* The integers of simd/integers.h, of AVX2 or AVX-512. */
#ifndef OSPREY_KERNELS_X86_INTEGERS_X86_H
#define OSPREY_KERNELS_X86_INTEGERS_X86_H

#if defined(__AVX512F__)

OSPREY__INLINE integers integers_round(vec x)
{
    return (integers)_mm512_cvtps_epi32(x);
}

OSPREY__INLINE vec integers_to_vec(integers x)
{
    return _mm512_cvtepi32_ps((__m512i)x);
}

OSPREY__INLINE integers integers_max(integers x, integers y)
{
    return (integers)_mm512_max_epi32((__m512i)x, (__m512i)y);
}

OSPREY__INLINE integers integers_max_s16(integers x, integers y)
{
    return (integers)_mm512_max_epi16((__m512i)x, (__m512i)y);
}

OSPREY__INLINE int32_t integers_largest(integers x)
{
    return _mm512_reduce_max_epi32((__m512i)x);
}

OSPREY__INLINE int32_t integers_sum(integers x)
{
    return _mm512_reduce_add_epi32((__m512i)x);
}

OSPREY__INLINE void integers_store_s16(char *out, integers x)
{
    _mm256_storeu_si256((__m256i *)out, _mm512_cvtepi32_epi16((__m512i)x));
}

OSPREY__INLINE void integers_store_s8(char *out, integers x)
{
    _mm_storeu_si128((__m128i *)out, _mm512_cvtepi32_epi8((__m512i)x));
}

OSPREY__INLINE void integers_store_s8_quad(char *out, const integers x[4])
{
    __m512i first = _mm512_packs_epi32((__m512i)x[0], (__m512i)x[1]);
    __m512i second = _mm512_packs_epi32((__m512i)x[2], (__m512i)x[3]);
    /* It packs within each 128 bits. */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(out, _mm512_permutexvar_epi32(order, _mm512_packs_epi16(first, second)));
}

#else

OSPREY__INLINE integers integers_round(vec x)
{
    return (integers)_mm256_cvtps_epi32(x);
}

OSPREY__INLINE vec integers_to_vec(integers x)
{
    return _mm256_cvtepi32_ps((__m256i)x);
}

OSPREY__INLINE integers integers_max(integers x, integers y)
{
    return (integers)_mm256_max_epi32((__m256i)x, (__m256i)y);
}

OSPREY__INLINE integers integers_max_s16(integers x, integers y)
{
    return (integers)_mm256_max_epi16((__m256i)x, (__m256i)y);
}

OSPREY__INLINE int32_t integers_largest(integers x)
{
    __m128i y =
        _mm_max_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
    y = _mm_max_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(1, 0, 3, 2)));
    y = _mm_max_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(y);
}

OSPREY__INLINE int32_t integers_sum(integers x)
{
    __m128i y =
        _mm_add_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(1, 0, 3, 2)));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(y);
}

OSPREY__INLINE __m128i shorten_to_s16(integers x)
{
    return _mm_packs_epi32(_mm256_castsi256_si128((__m256i)x),
                           _mm256_extracti128_si256((__m256i)x, 1));
}

OSPREY__INLINE void integers_store_s16(char *out, integers x)
{
    _mm_storeu_si128((__m128i *)out, shorten_to_s16(x));
}

OSPREY__INLINE void integers_store_s8(char *out, integers x)
{
    __m128i y = shorten_to_s16(x);
    _mm_storel_epi64((__m128i *)out, _mm_packs_epi16(y, y));
}

OSPREY__INLINE void integers_store_s8_quad(char *out, const integers x[4])
{
    __m256i first = _mm256_packs_epi32((__m256i)x[0], (__m256i)x[1]);
    __m256i second = _mm256_packs_epi32((__m256i)x[2], (__m256i)x[3]);
    /* It packs within each 128 bits. */
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
    _mm256_storeu_si256((__m256i *)out, bytes);
}

#endif

#endif
