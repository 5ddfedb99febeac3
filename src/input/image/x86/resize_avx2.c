/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coefficient has 24 bits, and the products that AVX2 is quick at take 16: each is split into
 * high * 2^15 + low, both halves are summed with vpmaddwd over two taps at a time, and put
 * together at the end. All of it is exact modulo 2^32, and the whole sum fits, so the bits are
 * those of the portable code.
 */
#include "input/image/x86/resize_x86.h"

#include <immintrin.h>
#include <string.h>

/* The two halves of eight sums. */
typedef struct sums {
    __m256i high, low;
} sums;

static inline sums sums_zero(void)
{
    return (sums){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

static inline sums sums_add(sums to, __m256i bytes_of_two_taps, __m256i high, __m256i low)
{
    to.high = _mm256_add_epi32(to.high, _mm256_madd_epi16(bytes_of_two_taps, high));
    to.low = _mm256_add_epi32(to.low, _mm256_madd_epi16(bytes_of_two_taps, low));
    return to;
}

static inline __m256i sums_round(sums from)
{
    const __m256i half = _mm256_set1_epi32(1 << (OSPREY__RESIZE_BITS - 1));
    __m256i high = _mm256_slli_epi32(from.high, OSPREY__RESIZE_LOW_BITS);
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(high, half), from.low);
    return _mm256_srai_epi32(sum, OSPREY__RESIZE_BITS);
}

static inline __m256i broadcast(const int16_t two[2])
{
    int32_t both;
    memcpy(&both, two, sizeof both);
    return _mm256_set1_epi32(both);
}

static inline __m256i load_two(const uint8_t *low, const uint8_t *high)
{
    __m128i first = _mm_loadu_si128((const __m128i *)low);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(first),
                                   _mm_loadu_si128((const __m128i *)high), 1);
}

/* One output of four rows; a 128-bit lane holds one row's pixel. */
typedef struct mixed {
    __m256i rows_01, rows_23;
} mixed;

/* Of four pixels (12 bytes) two shuffles make pairs of equal channels, widened to 16 bits. */
static inline mixed mix_column(const uint8_t *source, size_t row_bytes,
                               const osprey__resize_axis *columns, size_t x)
{
    const __m256i taps_01 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m256i taps_23 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    const osprey__resize_window *window = &columns->windows[x];
    const osprey__resize_pair *pairs = columns->pairs + x * columns->stride / 2;
    const uint8_t *from = source + window->first * 3, *end = from + window->taps * 3;
    sums rows_01 = sums_zero(), rows_23 = sums_zero();
    for (; from < end; from += 12, pairs += 2) {
        const uint8_t *third = from + 2 * row_bytes;
        __m256i pixels_01 = load_two(from, from + row_bytes);
        __m256i pixels_23 = load_two(third, third + row_bytes);
        __m256i high = broadcast(pairs[0].high), low = broadcast(pairs[0].low);
        rows_01 = sums_add(rows_01, _mm256_shuffle_epi8(pixels_01, taps_01), high, low);
        rows_23 = sums_add(rows_23, _mm256_shuffle_epi8(pixels_23, taps_01), high, low);
        high = broadcast(pairs[1].high);
        low = broadcast(pairs[1].low);
        rows_01 = sums_add(rows_01, _mm256_shuffle_epi8(pixels_01, taps_23), high, low);
        rows_23 = sums_add(rows_23, _mm256_shuffle_epi8(pixels_23, taps_23), high, low);
    }
    return (mixed){sums_round(rows_01), sums_round(rows_23)};
}

/* Four outputs of two rows, which meet in a lane each. */
static inline void store_two_rows(uint8_t *to, size_t row_bytes, __m256i a, __m256i b, __m256i c,
                                  __m256i d)
{
    const __m256i without_gaps = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    bytes = _mm256_shuffle_epi8(bytes, without_gaps);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(bytes));
    _mm_storeu_si128((__m128i *)(to + row_bytes), _mm256_extracti128_si256(bytes, 1));
}

static void horizontal_four(const uint8_t *source, size_t source_row_bytes,
                            const osprey__resize_axis *columns, uint8_t *destination,
                            size_t destination_row_bytes)
{
    const osprey__resize_axis axis = *columns; /* stores of bytes cannot change a local's fields */
    for (size_t x = 0; x < axis.count; x += 4) {
        /* Of fewer than four outputs the last is done again. */
        size_t more = axis.count - 1 - x;
        mixed a = mix_column(source, source_row_bytes, &axis, x);
        mixed b = mix_column(source, source_row_bytes, &axis, x + (more < 1 ? more : 1));
        mixed c = mix_column(source, source_row_bytes, &axis, x + (more < 2 ? more : 2));
        mixed d = mix_column(source, source_row_bytes, &axis, x + (more < 3 ? more : 3));
        uint8_t *to = destination + x * 3;
        store_two_rows(to, destination_row_bytes, a.rows_01, b.rows_01, c.rows_01, d.rows_01);
        store_two_rows(to + 2 * destination_row_bytes, destination_row_bytes, a.rows_23, b.rows_23,
                       c.rows_23, d.rows_23);
    }
}

static void vertical(const uint8_t *source, size_t source_row_bytes,
                     const osprey__resize_axis *rows, size_t output, uint8_t *destination,
                     size_t bytes)
{
    osprey__resize_window window = rows->windows[output];
    const osprey__resize_pair *pairs = rows->pairs + output * rows->stride / 2;
    const uint8_t *first = source + window.first * source_row_bytes;
    const __m256i zero = _mm256_setzero_si256();
    for (size_t i = 0; i < bytes; i += 32) {
        sums quarters[4] = {sums_zero(), sums_zero(), sums_zero(), sums_zero()};
        for (size_t tap = 0; tap < window.taps; tap += 2) {
            const uint8_t *row = first + tap * source_row_bytes + i;
            /* The partner of an odd last tap has a coefficient of 0: any row will do. */
            const uint8_t *next = tap + 1 < window.taps ? row + source_row_bytes : row;
            __m256i a = _mm256_loadu_si256((const __m256i *)row);
            __m256i b = _mm256_loadu_si256((const __m256i *)next);
            __m256i high = broadcast(pairs[tap / 2].high), low = broadcast(pairs[tap / 2].low);
            __m256i lower = _mm256_unpacklo_epi8(a, b), upper = _mm256_unpackhi_epi8(a, b);
            quarters[0] = sums_add(quarters[0], _mm256_unpacklo_epi8(lower, zero), high, low);
            quarters[1] = sums_add(quarters[1], _mm256_unpackhi_epi8(lower, zero), high, low);
            quarters[2] = sums_add(quarters[2], _mm256_unpacklo_epi8(upper, zero), high, low);
            quarters[3] = sums_add(quarters[3], _mm256_unpackhi_epi8(upper, zero), high, low);
        }
        __m256i lower = _mm256_packs_epi32(sums_round(quarters[0]), sums_round(quarters[1]));
        __m256i upper = _mm256_packs_epi32(sums_round(quarters[2]), sums_round(quarters[3]));
        _mm256_storeu_si256((__m256i *)(destination + i), _mm256_packus_epi16(lower, upper));
    }
}

static void to_planes(const uint8_t *rgb, size_t count, const osprey__resize_levels *levels,
                      float *const planes[3])
{
    size_t done = 0;
    for (; count - done >= 8; done += 8) {
        __m256i pixels = load_two(rgb + done * 3, rgb + done * 3 + 12);
        for (size_t channel = 0; channel < 3; channel++) {
            char c = (char)channel;
            const __m256i pick = _mm256_broadcastsi128_si256(
                _mm_setr_epi8(c, -1, -1, -1, (char)(c + 3), -1, -1, -1, (char)(c + 6), -1, -1, -1,
                              (char)(c + 9), -1, -1, -1));
            __m256 values = _mm256_cvtepi32_ps(_mm256_shuffle_epi8(pixels, pick));
            values = _mm256_fmadd_ps(values, _mm256_set1_ps(levels->scale[channel]),
                                     _mm256_set1_ps(levels->shift[channel]));
            _mm256_storeu_ps(planes[channel] + done, values);
        }
    }
    float *const rest[3] = {planes[0] + done, planes[1] + done, planes[2] + done};
    osprey__resize_portable.to_planes(rgb + done * 3, count - done, levels, rest);
}

const osprey__resize_kernels osprey__resize_avx2 = {
    .name = "avx2",
    .level = OSPREY__CPU_AVX2,
    .horizontal = horizontal,
    .vertical = vertical,
    .to_planes = to_planes,
};
