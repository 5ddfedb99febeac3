/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolutions, and the gate of squeeze-and-excitation, for the image_ops_f32_*.c of all
 * instruction sets. A vector holds neighbouring channels of one position. Of the usual sizes
 * several positions of a row are computed together: each row of the filter, and each vector of the
 * image in it, is loaded once for all of them.
 */
#ifndef OSPREY_KERNELS_SIMD_DEPTHWISE_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_DEPTHWISE_F32_SIMD_H

#include "kernels/image_ops.h"
#include "kernels/simd/vec_f32.h"
#include "kernels/simd/vec_math_f32.h"

enum {
    LONGEST_WINDOW = 7, /* of those whose rows are held in registers */
#if defined(__AVX512F__) || defined(__aarch64__)
    TILE_POSITIONS = 8, /* of 32 registers: these sums, a window's row, a vector of the image */
#else
    TILE_POSITIONS = 4, /* of 16 */
#endif
    TILE_STRIDED = 4, /* of windows two apart, which share less */
};

/* Where a tile of positions lies: in output row y, from column x on. */
typedef struct depthwise_place {
    size_t channel, count; /* of the input: the first, and as many as are left */
    size_t filter;         /* which of the multiplier's */
    size_t y, x;
} depthwise_place;

/* The filter's row ky, from the place's channel on. */
OSPREY__INLINE const float *filter_row(const osprey__depthwise_f32_args *args,
                                       const depthwise_place *at, size_t ky)
{
    const osprey__conv_shape *shape = args->shape;
    size_t row = at->filter * shape->kernel_height + ky;
    return args->filter + row * shape->kernel_width * shape->channels + at->channel;
}

/* The same of the image's row iy. */
OSPREY__INLINE const float *image_row(const osprey__depthwise_f32_args *args,
                                      const depthwise_place *at, size_t iy)
{
    return args->image + iy * args->shape->width * args->shape->channels + at->channel;
}

/*
 * `positions` sums of windows of size x size, `stride` apart: constants at every call. A full
 * vector of channels. Columns outside the image are passed over, as are sums outside the row.
 */
OSPREY__INLINE void sum_windows(const osprey__depthwise_f32_args *args, const depthwise_place *at,
                                const size_t positions, const size_t size, const size_t stride,
                                vec *sums)
{
    const osprey__conv_shape *shape = args->shape;
    const size_t channels = shape->channels, columns = (positions - 1) * stride + size;
    osprey__span rows = osprey__window_rows(shape, at->y * shape->out_width);
    /* Wraps around where the first window begins outside the image, and back on the way. */
    size_t first = at->x * stride - shape->padding;
    for (size_t i = 0; i < rows.count; i++) {
        const float *filter = filter_row(args, at, rows.skipped + i);
        const float *image = image_row(args, at, rows.start + i);
        vec taps[LONGEST_WINDOW];
        OSPREY__UNROLL
        for (size_t kx = 0; kx < size; kx++) taps[kx] = vec_load(filter + kx * channels);
        OSPREY__UNROLL
        for (size_t column = 0; column < columns; column++) {
            if (first + column >= shape->width) continue;
            vec x = vec_load(image + (first + column) * channels);
            OSPREY__UNROLL
            for (size_t p = 0; p < positions; p++)
                if (column >= p * stride && column < p * stride + size)
                    sums[p] = vec_fma(x, taps[column - p * stride], sums[p]);
        }
    }
}

/* One window of any size, of up to a vector of channels; the same sum in the same order. */
OSPREY__INLINE vec sum_window(const osprey__depthwise_f32_args *args, const depthwise_place *at,
                              vec sum)
{
    const osprey__conv_shape *shape = args->shape;
    size_t position = at->y * shape->out_width + at->x, channels = shape->channels;
    osprey__span rows = osprey__window_rows(shape, position);
    osprey__span columns = osprey__window_columns(shape, position);
    for (size_t i = 0; i < rows.count; i++) {
        const float *filter = filter_row(args, at, rows.skipped + i) + columns.skipped * channels;
        const float *image = image_row(args, at, rows.start + i) + columns.start * channels;
        for (size_t k = 0; k < columns.count; k++)
            sum = vec_fma(load_channels(image + k * channels, at->count),
                          load_channels(filter + k * channels, at->count), sum);
    }
    return sum;
}

/* Writes the sums of `positions` (a constant) windows, as far as they lie in the row. */
OSPREY__INLINE void store_windows(const osprey__depthwise_f32_args *args, const depthwise_place *at,
                                  const size_t positions, const vec *sums)
{
    const size_t multiplier = args->multiplier, row = args->shape->out_width;
    const size_t wide = args->shape->channels * multiplier;
    const size_t count = row - at->x < positions ? row - at->x : positions;
    float *out = args->out + (at->y * row + at->x) * wide + at->channel * multiplier + at->filter;
    float apart[TILE_POSITIONS * VEC_FLOATS]; /* channels that do not lie side by side in out */
    float *to = multiplier == 1 ? out : apart;
    const size_t step = multiplier == 1 ? wide : VEC_FLOATS;
    OSPREY__UNROLL
    for (size_t p = 0; p < positions; p++)
        if (p < count) store_channels(to + p * step, at->count, sums[p]);
    if (args->activation != OSPREY_ACTIVATION_NONE)
        for (size_t p = 0; p < count; p++)
            store_channels(
                to + p * step, at->count,
                vec_activate(args->activation, load_channels(to + p * step, at->count), false));
    if (multiplier == 1) return;
    const size_t lanes = at->count < VEC_FLOATS ? at->count : VEC_FLOATS;
    for (size_t p = 0; p < count; p++)
        for (size_t lane = 0; lane < lanes; lane++)
            out[p * wide + lane * multiplier] = apart[p * VEC_FLOATS + lane];
}

OSPREY__INLINE vec bias_of(const osprey__depthwise_f32_args *args, const depthwise_place *at)
{
    const float *bias = args->bias + at->filter * args->shape->channels + at->channel;
    return load_channels(bias, at->count);
}

/* A row of output positions, the last three constants as for sum_windows. */
OSPREY__INLINE void depthwise_row(const osprey__depthwise_f32_args *args, depthwise_place at,
                                  const size_t positions, const size_t size, const size_t stride)
{
    const vec bias = bias_of(args, &at);
    for (at.x = 0; at.x < args->shape->out_width; at.x += positions) {
        vec sums[TILE_POSITIONS];
        OSPREY__UNROLL
        for (size_t p = 0; p < positions; p++) sums[p] = bias;
        sum_windows(args, &at, positions, size, stride, sums);
        store_windows(args, &at, positions, sums);
    }
}

/* Of any window and number of channels. */
static void depthwise_any_row(const osprey__depthwise_f32_args *args, depthwise_place at)
{
    const vec bias = bias_of(args, &at);
    for (at.x = 0; at.x < args->shape->out_width; at.x++) {
        vec sum = sum_window(args, &at, bias);
        store_windows(args, &at, 1, &sum);
    }
}

static void depthwise_one_row(const osprey__depthwise_f32_args *args, const depthwise_place *at)
{
    const osprey__conv_shape *shape = args->shape;
    size_t size = shape->kernel_height == shape->kernel_width ? shape->kernel_width : 0;
    if (at->count < VEC_FLOATS)
        depthwise_any_row(args, *at);
    else if (size == 3 && shape->stride == 1)
        depthwise_row(args, *at, TILE_POSITIONS, 3, 1);
    else if (size == 3 && shape->stride == 2)
        depthwise_row(args, *at, TILE_STRIDED, 3, 2);
    else if (size == 7 && shape->stride == 1)
        depthwise_row(args, *at, TILE_POSITIONS, 7, 1);
    else if (size == 7 && shape->stride == 2)
        depthwise_row(args, *at, TILE_STRIDED, 7, 2);
    else
        depthwise_any_row(args, *at);
}

/* Channels outermost: their filters stay in the first-level cache. */
static void depthwise_f32(const osprey__depthwise_f32_args *args)
{
    for (size_t i = 0; i < args->channel_count; i += VEC_FLOATS)
        for (size_t j = 0; j < args->multiplier; j++)
            for (size_t row = 0; row < args->row_count; row++)
                depthwise_one_row(args, &(depthwise_place){.channel = args->first_channel + i,
                                                           .count = args->channel_count - i,
                                                           .filter = j,
                                                           .y = args->first_row + row});
}

/* activation is a constant at every call but the last of gate_f32. */
OSPREY__INLINE void gate_rows(const osprey__gate_f32_args *args, const osprey_activation activation)
{
    for (size_t i = 0; i < args->width; i += VEC_FLOATS) {
        size_t count = args->width - i;
        vec one = vec_set(1.0f);
        vec factor = one / (one + vec_exp(-load_channels(args->gate + i, count)));
        for (size_t row = 0; row < args->rows; row++) {
            size_t at = row * args->width + i;
            vec x = load_channels(args->x + at, count) * factor;
            store_channels(args->out + at, count, vec_activate(activation, x, false));
        }
    }
}

static void gate_f32(const osprey__gate_f32_args *args)
{
    if (args->activation == OSPREY_ACTIVATION_GELU)
        gate_rows(args, OSPREY_ACTIVATION_GELU);
    else if (args->activation == OSPREY_ACTIVATION_NONE)
        gate_rows(args, OSPREY_ACTIVATION_NONE);
    else
        gate_rows(args, args->activation);
}

#endif
