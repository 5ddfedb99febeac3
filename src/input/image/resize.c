/* SPDX-License-Identifier: Apache-2.0 */
#include "input/image/resize.h"

#include <math.h>

static uint8_t round_to_byte(int32_t sum)
{
    int32_t value = sum >> OSPREY__RESIZE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static const int32_t half = 1 << (OSPREY__RESIZE_BITS - 1);

static void horizontal(const uint8_t *source, size_t source_row_bytes, size_t rows,
                       const osprey__resize_axis *columns, uint8_t *destination,
                       size_t destination_row_bytes)
{
    for (size_t y = 0; y < rows; y++) {
        uint8_t *to = destination + y * destination_row_bytes;
        for (size_t x = 0; x < columns->count; x++, to += 3) {
            osprey__resize_window window = columns->windows[x];
            const int32_t *coefficients = columns->coefficients + x * columns->stride;
            const uint8_t *from = source + y * source_row_bytes + window.first * 3;
            int32_t red = half, green = half, blue = half;
            for (size_t tap = 0; tap < window.taps; tap++, from += 3) {
                red += from[0] * coefficients[tap];
                green += from[1] * coefficients[tap];
                blue += from[2] * coefficients[tap];
            }
            to[0] = round_to_byte(red);
            to[1] = round_to_byte(green);
            to[2] = round_to_byte(blue);
        }
    }
}

static void vertical(const uint8_t *source, size_t source_row_bytes,
                     const osprey__resize_axis *rows, size_t output, uint8_t *destination,
                     size_t bytes)
{
    osprey__resize_window window = rows->windows[output];
    const int32_t *coefficients = rows->coefficients + output * rows->stride;
    const uint8_t *from = source + window.first * source_row_bytes;
    for (size_t i = 0; i < bytes; i++) {
        int32_t sum = half;
        for (size_t tap = 0; tap < window.taps; tap++)
            sum += from[tap * source_row_bytes + i] * coefficients[tap];
        destination[i] = round_to_byte(sum);
    }
}

static void to_planes(const uint8_t *rgb, size_t count, const osprey__resize_levels *levels,
                      float *const planes[3])
{
    for (size_t i = 0; i < count; i++)
        for (size_t channel = 0; channel < 3; channel++)
            planes[channel][i] = levels->table[channel][rgb[3 * i + channel]];
}

const osprey__resize_kernels osprey__resize_portable = {
    .name = "portable",
    .level = OSPREY__CPU_PORTABLE,
    .horizontal = horizontal,
    .vertical = vertical,
    .to_planes = to_planes,
};

void osprey__resize_levels_init(osprey__resize_levels *levels, const float scale[3],
                                const float shift[3])
{
    for (size_t channel = 0; channel < 3; channel++) {
        levels->scale[channel] = scale[channel];
        levels->shift[channel] = shift[channel];
        for (int value = 0; value < 256; value++)
            levels->table[channel][value] = fmaf((float)value, scale[channel], shift[channel]);
    }
}

static const osprey__resize_kernels *const all_kernels[] = {
    &osprey__resize_portable,
#if defined(__x86_64__)
    &osprey__resize_avx2,
    &osprey__resize_avx512vnni,
#endif
};

const osprey__resize_kernels *osprey__resize_kernels_at(size_t number)
{
    return number < sizeof all_kernels / sizeof *all_kernels ? all_kernels[number] : NULL;
}

bool osprey__resize_kernels_run(const osprey__resize_kernels *kernels,
                                const osprey__cpu_features *features)
{
    return kernels->level <= features->level;
}

const osprey__resize_kernels *osprey__resize_kernels_for(const osprey__cpu_features *features)
{
    size_t best = sizeof all_kernels / sizeof *all_kernels - 1;
    while (!osprey__resize_kernels_run(all_kernels[best], features)) best--;
    return all_kernels[best];
}
