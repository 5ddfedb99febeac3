/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd's transforms of tiles, for the winograd_f32_*.c of all instruction sets. */
#ifndef OSPREY_KERNELS_SIMD_WINOGRAD_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_WINOGRAD_F32_SIMD_H

#include "kernels/simd/vec_math_f32.h"
#include "kernels/winograd.h"

enum {
    SIZE = OSPREY__WINOGRAD_SIZE,
    STEP = OSPREY__WINOGRAD_STEP,
    TAPS = OSPREY__WINOGRAD_TAPS,
};

/* A pixel's channels; one outside the image is zeros, which do not advance. */
typedef struct tile_pixel {
    const float *channels;
    size_t advance; /* all ones or zeros, to be anded */
} tile_pixel;

OSPREY__INLINE void find_pixels(const osprey__winograd_input_args *args, size_t tile,
                                tile_pixel pixels[TAPS])
{
    static const float zeros[VEC_FLOATS];
    const osprey__conv_shape *shape = args->shape;
    size_t columns = osprey__winograd_columns(shape);
    size_t y = tile / columns * STEP, x = tile % columns * STEP;
    osprey__span rows = osprey__span_inside(y, SIZE, shape->padding, shape->height);
    osprey__span inside = osprey__span_inside(x, SIZE, shape->padding, shape->width);
    for (size_t i = 0; i < TAPS; i++) pixels[i] = (tile_pixel){zeros, 0};
    for (size_t dy = 0; dy < rows.count; dy++)
        for (size_t dx = 0; dx < inside.count; dx++)
            pixels[(rows.skipped + dy) * SIZE + inside.skipped + dx] =
                (tile_pixel){args->image + ((rows.start + dy) * shape->width + inside.start + dx) *
                                               shape->channels,
                             SIZE_MAX};
}

/* B' along one axis, in place. */
OSPREY__INLINE void transform_input(vec *x, const size_t step)
{
    vec a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a - c;
    x[step] = b + c;
    x[2 * step] = c - b;
    x[3 * step] = b - d;
}

/* count channels, at most a vector, from `channel` on. */
OSPREY__INLINE void transform_pixels(const tile_pixel pixels[TAPS], size_t channel, size_t count,
                                     float *out, size_t tap_floats)
{
    vec tile[TAPS];
    OSPREY__UNROLL
    for (size_t i = 0; i < TAPS; i++) {
        const float *from = pixels[i].channels + (channel & pixels[i].advance);
        tile[i] = count >= VEC_FLOATS ? vec_load(from) : vec_load_first(from, count);
    }
    OSPREY__UNROLL
    for (size_t i = 0; i < SIZE; i++) transform_input(tile + i, SIZE);
    OSPREY__UNROLL
    for (size_t i = 0; i < SIZE; i++) transform_input(tile + i * SIZE, 1);
    OSPREY__UNROLL
    for (size_t i = 0; i < TAPS; i++, out += tap_floats)
        if (count >= VEC_FLOATS)
            vec_store(out, tile[i]);
        else
            vec_store_first(out, count, tile[i]);
}

static void winograd_input_f32(const osprey__winograd_input_args *args)
{
    size_t channels = args->shape->channels;
    float *out = args->out;
    for (size_t i = 0; i < args->count; i++, out += args->row_floats) {
        tile_pixel pixels[TAPS];
        find_pixels(args, args->first + i, pixels);
        size_t channel = 0;
        for (; channel + VEC_FLOATS <= channels; channel += VEC_FLOATS)
            transform_pixels(pixels, channel, VEC_FLOATS, out + channel, args->tap_floats);
        if (channel < channels)
            transform_pixels(pixels, channel, channels - channel, out + channel, args->tap_floats);
    }
}

/* A' along one axis: two from four. */
OSPREY__INLINE void transform_output(vec *x, const size_t step)
{
    vec a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a + b + c;
    x[step] = b - c - d;
}

/* Of one tile, whose first output is that of position; rows x columns of its outputs are there. */
OSPREY__INLINE void finish_tile(const osprey__winograd_output_args *args, const float *sums,
                                size_t position, size_t rows, size_t columns, size_t channel,
                                size_t count, const osprey_activation activation)
{
    vec tile[TAPS];
    OSPREY__UNROLL
    for (size_t i = 0; i < TAPS; i++, sums += args->tap_floats)
        tile[i] = load_channels(sums + channel, count);
    OSPREY__UNROLL
    for (size_t i = 0; i < SIZE; i++) transform_output(tile + i, SIZE);
    vec bias = args->bias ? load_channels(args->bias + channel, count) : vec_set(0.0f);
    OSPREY__UNROLL
    for (size_t y = 0; y < STEP; y++) {
        transform_output(tile + y * SIZE, 1);
        OSPREY__UNROLL
        for (size_t x = 0; x < STEP; x++) {
            if (y >= rows || x >= columns) continue;
            size_t at = (position + y * args->shape->out_width + x) * args->ldc + channel;
            vec out = tile[y * SIZE + x] + bias;
            if (args->residual) out += load_channels(args->residual + at, count);
            out = vec_activate(activation, out, false);
            store_channels(args->out + at, count, out);
        }
    }
}

/* activation is a constant at every call. */
OSPREY__INLINE void finish_tiles(const osprey__winograd_output_args *args,
                                 const osprey_activation activation)
{
    const osprey__conv_shape *shape = args->shape;
    size_t tile_columns = osprey__winograd_columns(shape), n = args->n;
    const float *sums = args->sums;
    for (size_t i = 0; i < args->count; i++, sums += args->row_floats) {
        size_t y = (args->first + i) / tile_columns * STEP;
        size_t x = (args->first + i) % tile_columns * STEP;
        size_t position = y * shape->out_width + x;
        size_t rows = shape->out_height - y, columns = shape->out_width - x, channel = 0;
        for (; channel + VEC_FLOATS <= n; channel += VEC_FLOATS)
            finish_tile(args, sums, position, rows, columns, channel, VEC_FLOATS, activation);
        if (channel < n)
            finish_tile(args, sums, position, rows, columns, channel, n - channel, activation);
    }
}

static void winograd_output_f32(const osprey__winograd_output_args *args)
{
    switch (args->activation) {
    case OSPREY_ACTIVATION_NONE:
        finish_tiles(args, OSPREY_ACTIVATION_NONE);
        break;
    case OSPREY_ACTIVATION_RELU:
        finish_tiles(args, OSPREY_ACTIVATION_RELU);
        break;
    case OSPREY_ACTIVATION_GELU:
        finish_tiles(args, OSPREY_ACTIVATION_GELU);
        break;
    case OSPREY_ACTIVATION_GELU_TANH:
        finish_tiles(args, OSPREY_ACTIVATION_GELU_TANH);
        break;
    case OSPREY_ACTIVATION_QUICK_GELU:
        finish_tiles(args, OSPREY_ACTIVATION_QUICK_GELU);
        break;
    case OSPREY_ACTIVATION_TANH:
        finish_tiles(args, OSPREY_ACTIVATION_TANH);
        break;
    case OSPREY_ACTIVATION_SILU:
        finish_tiles(args, OSPREY_ACTIVATION_SILU);
        break;
    }
}

#endif
