/* SPDX-License-Identifier: Apache-2.0 */
/* A step of the register tile multiplies two signed 16-bit integers of a row by two signed bytes of
 * each column (vpmaddwd); exact. */
#ifndef OSPREY_KERNELS_X86_LANES_S8_PAIRS_H
#define OSPREY_KERNELS_X86_LANES_S8_PAIRS_H

#include "kernels/simd/vec_f32.h"

/* A product has to be added for itself, which takes a register more. */
#define OSPREY__ROUND_STEPS 1

typedef int32_t lane __attribute__((may_alias));

enum { LANE_DEPTH = 2, LANE_VEC_BYTES = sizeof(vec) / 2 };

#if defined(__AVX512F__)

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32(x));
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)weights);
    return _mm512_castsi512_ps(_mm512_cvtepi8_epi16(bytes));
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    __m512i product = _mm512_madd_epi16(_mm512_castps_si512(factor), _mm512_castps_si512(columns));
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum), product));
}

#else

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return _mm256_castsi256_ps(_mm256_set1_epi32(x));
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)weights);
    return _mm256_castsi256_ps(_mm256_cvtepi8_epi16(bytes));
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    __m256i product = _mm256_madd_epi16(_mm256_castps_si256(factor), _mm256_castps_si256(columns));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), product));
}

#endif

#endif
