/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vpdpbusd multiplies pixels as they are, unsigned bytes, with signed bytes and adds up four taps
 * at a time: a coefficient of 24 bits is three such bytes, each with a sum of its own. Put
 * together at the end modulo 2^32 they are the portable code's sums.
 */
#include "input/image/x86/resize_x86.h"

#include <immintrin.h>
#include <string.h>

/* Sixteen sums, a vector for each byte of the coefficients. */
typedef struct sums {
    __m512i byte[3];
} sums;

static inline sums sums_zero(void)
{
    __m512i zero = _mm512_setzero_si512();
    return (sums){{zero, zero, zero}};
}

/* gcc 12 copies the accumulators of _mm512_dpbusd_epi32 back and forth; of this it does not. */
static inline __m512i add_products(__m512i sum, __m512i pixels, __m512i coefficients)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(pixels), "v"(coefficients));
    return sum;
}

static inline sums sums_add(sums to, __m512i pixels, const __m512i coefficients[3])
{
    for (int i = 0; i < 3; i++) to.byte[i] = add_products(to.byte[i], pixels, coefficients[i]);
    return to;
}

static inline __m512i sums_round(sums from)
{
    const __m512i half = _mm512_set1_epi32(1 << (OSPREY__RESIZE_BITS - 1));
    __m512i sum = _mm512_add_epi32(from.byte[0], half);
    sum = _mm512_add_epi32(sum, _mm512_slli_epi32(from.byte[1], 8));
    sum = _mm512_add_epi32(sum, _mm512_slli_epi32(from.byte[2], 16));
    return _mm512_srai_epi32(sum, OSPREY__RESIZE_BITS);
}

static inline void broadcast(const osprey__resize_quad *quad, __m512i to[3])
{
    for (int i = 0; i < 3; i++) {
        int32_t four;
        memcpy(&four, quad->byte[i], sizeof four);
        to[i] = _mm512_set1_epi32(four);
    }
}

/* Sixteen bytes from each of four places at equal distances, a lane each. */
static inline __m512i load_four(const uint8_t *from, size_t distance)
{
    const uint8_t *third = from + 2 * distance;
    __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)from));
    low = _mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)(from + distance)), 1);
    __m256i high = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)third));
    high = _mm256_inserti128_si256(high, _mm_loadu_si128((const __m128i *)(third + distance)), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* One output of four rows: a 128-bit lane holds one row's pixel. */
static inline __m512i mix_column(const uint8_t *source, size_t row_bytes,
                                 const osprey__resize_axis *columns, size_t x)
{
    const __m512i by_channel =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
    const osprey__resize_window *window = &columns->windows[x];
    const osprey__resize_quad *quad = columns->quads + x * columns->stride / 4;
    const uint8_t *from = source + window->first * 3, *end = from + window->taps * 3;
    sums sum = sums_zero();
    for (; from < end; from += 12, quad++) {
        __m512i coefficients[3];
        broadcast(quad, coefficients);
        __m512i pixels = _mm512_shuffle_epi8(load_four(from, row_bytes), by_channel);
        sum = sums_add(sum, pixels, coefficients);
    }
    return sums_round(sum);
}

static inline void store_lane(uint8_t *to, __m128i bytes)
{
    _mm_storeu_si128((__m128i *)to, bytes);
}

/* Four outputs of four rows at once, so that a row's four pixels meet in one lane. */
static void horizontal_four(const uint8_t *source, size_t source_row_bytes,
                            const osprey__resize_axis *columns, uint8_t *destination,
                            size_t destination_row_bytes)
{
    const __m512i without_gaps = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const osprey__resize_axis axis = *columns; /* stores of bytes cannot change a local's fields */
    for (size_t x = 0; x < axis.count; x += 4) {
        /* Of fewer than four outputs the last is done again. */
        size_t more = axis.count - 1 - x;
        __m512i a = mix_column(source, source_row_bytes, &axis, x);
        __m512i b = mix_column(source, source_row_bytes, &axis, x + (more < 1 ? more : 1));
        __m512i c = mix_column(source, source_row_bytes, &axis, x + (more < 2 ? more : 2));
        __m512i d = mix_column(source, source_row_bytes, &axis, x + (more < 3 ? more : 3));
        __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
        bytes = _mm512_shuffle_epi8(bytes, without_gaps);
        uint8_t *to = destination + x * 3;
        store_lane(to, _mm512_castsi512_si128(bytes));
        store_lane(to + destination_row_bytes, _mm512_extracti32x4_epi32(bytes, 1));
        store_lane(to + 2 * destination_row_bytes, _mm512_extracti32x4_epi32(bytes, 2));
        store_lane(to + 3 * destination_row_bytes, _mm512_extracti32x4_epi32(bytes, 3));
    }
}

static inline __m512i load_row(const uint8_t *first, size_t row_bytes, size_t tap, size_t taps)
{
    /* What lies behind the last tap has a coefficient of 0: any row will do. */
    size_t row = tap < taps ? tap : taps - 1;
    return _mm512_loadu_si512(first + row * row_bytes);
}

static void vertical(const uint8_t *source, size_t source_row_bytes,
                     const osprey__resize_axis *rows, size_t output, uint8_t *destination,
                     size_t bytes)
{
    osprey__resize_window window = rows->windows[output];
    const osprey__resize_quad *quads = rows->quads + output * rows->stride / 4;
    for (size_t i = 0; i < bytes; i += 64) {
        const uint8_t *first = source + window.first * source_row_bytes + i;
        sums quarters[4] = {sums_zero(), sums_zero(), sums_zero(), sums_zero()};
        for (size_t tap = 0; tap < window.taps; tap += 4) {
            __m512i coefficients[3];
            broadcast(quads + tap / 4, coefficients);
            __m512i a = load_row(first, source_row_bytes, tap, window.taps);
            __m512i b = load_row(first, source_row_bytes, tap + 1, window.taps);
            __m512i c = load_row(first, source_row_bytes, tap + 2, window.taps);
            __m512i d = load_row(first, source_row_bytes, tap + 3, window.taps);
            __m512i ab = _mm512_unpacklo_epi8(a, b), cd = _mm512_unpacklo_epi8(c, d);
            quarters[0] = sums_add(quarters[0], _mm512_unpacklo_epi16(ab, cd), coefficients);
            quarters[1] = sums_add(quarters[1], _mm512_unpackhi_epi16(ab, cd), coefficients);
            ab = _mm512_unpackhi_epi8(a, b);
            cd = _mm512_unpackhi_epi8(c, d);
            quarters[2] = sums_add(quarters[2], _mm512_unpacklo_epi16(ab, cd), coefficients);
            quarters[3] = sums_add(quarters[3], _mm512_unpackhi_epi16(ab, cd), coefficients);
        }
        __m512i lower = _mm512_packs_epi32(sums_round(quarters[0]), sums_round(quarters[1]));
        __m512i upper = _mm512_packs_epi32(sums_round(quarters[2]), sums_round(quarters[3]));
        _mm512_storeu_si512(destination + i, _mm512_packus_epi16(lower, upper));
    }
}

static void to_planes(const uint8_t *rgb, size_t count, const osprey__resize_levels *levels,
                      float *const planes[3])
{
    size_t done = 0;
    for (; count - done >= 16; done += 16) {
        __m512i pixels = load_four(rgb + done * 3, 12);
        for (size_t channel = 0; channel < 3; channel++) {
            /* A negative index, still negative with the channel added, gives a zero. */
            const __m512i pick = _mm512_add_epi8(
                _mm512_broadcast_i32x4(_mm_setr_epi8(0, -64, -64, -64, 3, -64, -64, -64, 6, -64,
                                                     -64, -64, 9, -64, -64, -64)),
                _mm512_set1_epi8((char)channel));
            __m512 values = _mm512_cvtepi32_ps(_mm512_shuffle_epi8(pixels, pick));
            values = _mm512_fmadd_ps(values, _mm512_set1_ps(levels->scale[channel]),
                                     _mm512_set1_ps(levels->shift[channel]));
            _mm512_storeu_ps(planes[channel] + done, values);
        }
    }
    float *const rest[3] = {planes[0] + done, planes[1] + done, planes[2] + done};
    osprey__resize_portable.to_planes(rgb + done * 3, count - done, levels, rest);
}

const osprey__resize_kernels osprey__resize_avx512vnni = {
    .name = "avx512vnni",
    .level = OSPREY__CPU_AVX512VNNI,
    .horizontal = horizontal,
    .vertical = vertical,
    .to_planes = to_planes,
};
