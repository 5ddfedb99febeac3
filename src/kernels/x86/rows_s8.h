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

OSPREY__INLINE osprey__row_scale row_scale(const void *x, const osprey__dtype dtype, size_t k)
{
    integers largest = INTEGERS_ZERO(), magnitude = INTEGERS(set1_epi32)(0x7fffffff);
    for (size_t i = 0; i < k; i += VEC_FLOATS) {
        integers bits = INTEGERS_OF_BITS(load_row(x, dtype, i, k));
        largest = INTEGERS(max_epu32)(largest, INTEGERS_AND(bits, magnitude));
    }
    return osprey__row_scale_of(largest_magnitude_bits(largest));
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

/*
 * Quantizes a row in groups of so many elements (a multiple of VEC_FLOATS), zeros behind the k-th,
 * with a correction for each: offset times the group's sum.
 */
OSPREY__INLINE void quantize_row(const osprey__gemm_input *input, const void *x,
                                 const osprey__dtype dtype, const bool fixed, size_t group,
                                 int32_t offset, char *out, row_tail *tail)
{
    size_t k = input->k;
    osprey__row_scale scale =
        fixed ? osprey__row_scale_of_range(input->range) : row_scale(x, dtype, k);
    vec not_finite = vec_set(0.0f);
    int32_t *correction = tail->corrections;
    for (size_t begin = 0; begin < k; begin += group) {
        integers sum = INTEGERS_ZERO();
        for (size_t i = begin; i < begin + group; i += VEC_FLOATS) {
            vec element = load_row(x, dtype, i, k);
            sum = INTEGERS(add_epi32)(sum, quantize_vec(element, scale.inverse, fixed, &not_finite,
                                                        out + i * ELEMENT_BYTES));
        }
        *correction++ = offset * integers_sum(sum);
    }
    tail->scale = fixed ? scale.scale + vec_sum(not_finite) : scale.scale;
}

/* The rows of the input to rows stride bytes apart, whose elements take so many of them. */
OSPREY__INLINE void quantize_rows(const osprey__gemm_input *input, size_t group, int32_t offset,
                                  size_t elements, size_t stride, char *rows)
{
    for (size_t row = 0; row < input->m; row++, rows += stride) {
        const char *x = (const char *)input->x + row * input->stride;
        row_tail *tail = (row_tail *)(rows + elements);
        bool fixed = input->range > 0;
        if (input->dtype == OSPREY__F32 && !fixed)
            quantize_row(input, x, OSPREY__F32, false, group, offset, rows, tail);
        else if (!fixed)
            quantize_row(input, x, OSPREY__BF16, false, group, offset, rows, tail);
        else
            quantize_row(input, x, input->dtype, true, group, offset, rows, tail);
    }
}

#endif
