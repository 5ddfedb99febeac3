/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction of src/kernels/x86/dot_avxvnni.h by what AVX2 has, so that the kernels over it
 * run on machines that have no AVX-VNNI. Bytes are widened to 16 bits, whose products are exact.
 */
#ifndef OSPREY_TESTS_KERNELS_DOT_EMULATED_H
#define OSPREY_TESTS_KERNELS_DOT_EMULATED_H

/* The sums of the four products of each of four columns. */
OSPREY__INLINE __m128i dot_half(__m128i factor, __m128i columns)
{
    __m256i pairs = _mm256_madd_epi16(_mm256_cvtepi8_epi16(factor), _mm256_cvtepu8_epi16(columns));
    __m128i low = _mm256_castsi256_si128(pairs), high = _mm256_extracti128_si256(pairs, 1);
    return _mm_hadd_epi32(low, high);
}

OSPREY__INLINE vec dot_bytes(vec factor, vec columns, vec sum)
{
    __m256i f = _mm256_castps_si256(factor), c = _mm256_castps_si256(columns);
    __m128i low = dot_half(_mm256_castsi256_si128(f), _mm256_castsi256_si128(c));
    __m128i high = dot_half(_mm256_extracti128_si256(f, 1), _mm256_extracti128_si256(c, 1));
    __m256i products = _mm256_setr_m128i(low, high);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), products));
}

#endif
