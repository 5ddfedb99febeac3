/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction of src/kernels/x86/halves_avx512fp16.h by what plain AVX-512 has, so that the
 * kernel over it runs on machines that have no AVX-512 FP16.
 *
 * Doubles hold a product of two halves exactly, and its sum with a third so nearly that to round
 * that once more to a half gives the same as to round the exact sum: what does not fit 53 bits is
 * less than 2^-31 of a half, or not there. A float with its last bit set where the double lies
 * between two of them keeps this true on the way.
 */
#ifndef OSPREY_TESTS_KERNELS_HALVES_EMULATED_H
#define OSPREY_TESTS_KERNELS_HALVES_EMULATED_H

/* A macro, for the quarter has to be a constant also where nothing is inlined. */
#define QUARTER(x, i)                                                                              \
    _mm512_cvtps_pd(_mm256_cvtph_ps(_mm512_extracti32x4_epi32(_mm512_castps_si512(x), i)))

OSPREY__INLINE __m128i halves_round(__m512d x)
{
    enum { TO_ZERO = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC };
    __m256 shorter = _mm512_cvt_roundpd_ps(x, TO_ZERO);
    __mmask8 inexact = _mm512_cmp_pd_mask(_mm512_cvtps_pd(shorter), x, _CMP_NEQ_OQ);
    __m256i odd = _mm256_castps_si256(shorter);
    odd = _mm256_mask_or_epi32(odd, inexact, odd, _mm256_set1_epi32(1));
    return _mm256_cvtps_ph(_mm256_castsi256_ps(odd), _MM_FROUND_TO_NEAREST_INT);
}

OSPREY__INLINE vec halves_multiply_add(vec factor, vec columns, vec sum)
{
    __m512i out = _mm512_setzero_si512();
#define MULTIPLY_ADD(i)                                                                            \
    out = _mm512_inserti32x4(                                                                      \
        out,                                                                                       \
        halves_round(_mm512_fmadd_pd(QUARTER(factor, i), QUARTER(columns, i), QUARTER(sum, i))),   \
        i)
    MULTIPLY_ADD(0);
    MULTIPLY_ADD(1);
    MULTIPLY_ADD(2);
    MULTIPLY_ADD(3);
#undef MULTIPLY_ADD
    return _mm512_castsi512_ps(out);
}

#undef QUARTER

#endif
