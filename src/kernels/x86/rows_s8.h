/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as integers: quantized, each by its own scale. */
#ifndef OSPREY_KERNELS_X86_ROWS_S8_H
#define OSPREY_KERNELS_X86_ROWS_S8_H

#include "kernels/quantize.h"
#include "kernels/x86/gemm_x86.h"

#include <stdbool.h>

/* An element of a quantized row: a lane of four bytes holds LANE_DEPTH of them. */
enum { ELEMENT_BYTES = 4 / LANE_DEPTH };

#if defined(__AVX512F__)

typedef __m512i integers;

OSPREY__INLINE uint32_t largest_magnitude_bits(integers largest)
{
    return _mm512_reduce_max_epu32(largest);
}

OSPREY__INLINE int32_t integers_sum(integers x)
{
    return _mm512_reduce_add_epi32(x);
}

OSPREY__INLINE void store_elements(char *out, integers x)
{
    if (ELEMENT_BYTES == 1)
        _mm_storeu_si128((__m128i *)out, _mm512_cvtepi32_epi8(x));
    else
        _mm256_storeu_si256((__m256i *)out, _mm512_cvtepi32_epi16(x));
}

#define INTEGERS(name)      _mm512_##name
#define INTEGERS_AND(x, y)  _mm512_and_si512(x, y)
#define INTEGERS_ZERO()     _mm512_setzero_si512()
#define INTEGERS_OF_BITS(x) _mm512_castps_si512(x)
#define BITS_OF_INTEGERS(x) _mm512_castsi512_ps(x)

#else

typedef __m256i integers;

OSPREY__INLINE uint32_t largest_magnitude_bits(integers x)
{
    __m128i y = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_max_epu32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(1, 0, 3, 2)));
    y = _mm_max_epu32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(2, 3, 0, 1)));
    return (uint32_t)_mm_cvtsi128_si32(y);
}

OSPREY__INLINE int32_t integers_sum(integers x)
{
    __m128i y = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(1, 0, 3, 2)));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(y);
}

OSPREY__INLINE void store_elements(char *out, integers x)
{
    _Static_assert(ELEMENT_BYTES == 2, "vpmaddwd takes 16-bit integers");
    __m128i low = _mm256_castsi256_si128(x), high = _mm256_extracti128_si256(x, 1);
    _mm_storeu_si128((__m128i *)out, _mm_packs_epi32(low, high));
}

#define INTEGERS(name)      _mm256_##name
#define INTEGERS_AND(x, y)  _mm256_and_si256(x, y)
#define INTEGERS_ZERO()     _mm256_setzero_si256()
#define INTEGERS_OF_BITS(x) _mm256_castps_si256(x)
#define BITS_OF_INTEGERS(x) _mm256_castsi256_ps(x)

#endif

static osprey__row_scale row_scale(const float *x, size_t k)
{
    integers largest = INTEGERS_ZERO(), magnitude = INTEGERS(set1_epi32)(0x7fffffff);
    for (size_t i = 0; i < k; i += VEC_FLOATS) {
        integers bits = INTEGERS_OF_BITS(load_elements(x, i, k));
        largest = INTEGERS(max_epu32)(largest, INTEGERS_AND(bits, magnitude));
    }
    return osprey__row_scale_of(largest_magnitude_bits(largest));
}

/* What prepare_rows of an integer format does: `fixed` says that all rows have the same scale. */
OSPREY__INLINE void quantize_rows(const osprey__gemm_args *args, row_block *block,
                                  const bool fixed);

static void prepare_rows(const osprey__gemm_args *args, row_block *block)
{
    if (args->input_range > 0)
        quantize_rows(args, block, true);
    else
        quantize_rows(args, block, false);
}

OSPREY__INLINE osprey__row_scale scale_of_row(const osprey__gemm_args *args, const float *x,
                                              const bool fixed)
{
    return fixed ? osprey__row_scale_of_range(args->input_range) : row_scale(x, args->k);
}

/*
 * The vector's elements, quantized, to out; also returned. With a fixed scale those beyond its
 * range are cut off, and *not_finite, which begins as zeros, becomes NaN where an element is NaN or
 * infinite; a row's own scale knows that itself.
 */
OSPREY__INLINE integers quantize_vec(vec x, float inverse, const bool fixed, vec *not_finite,
                                     char *out)
{
    vec scaled = x * vec_set(inverse);
    if (fixed) {
        scaled = vec_max(vec_min(scaled, vec_set(127.0f)), vec_set(-127.0f));
        *not_finite += x - x;
    }
    /* Not 0 * infinity, which would be NaN. */
    integers quantized = inverse == 0 ? INTEGERS_ZERO() : INTEGERS(cvtps_epi32)(scaled);
    store_elements(out, quantized);
    return quantized;
}

#endif
