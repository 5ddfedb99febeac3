/* SPDX-License-Identifier: Apache-2.0 */
/* The weights' transform, and the portable ones of tiles. */
#include "kernels/kernel_list.h"
#include "kernels/winograd.h"

enum { WINDOW = 3, SIZE = OSPREY__WINOGRAD_SIZE, STEP = OSPREY__WINOGRAD_STEP };

/* One row of G for each of the four: to [i * to_step] from [i * from_step]. */
static void transform_weights(const float *from, size_t from_step, float *to, size_t to_step)
{
    float a = from[0], b = from[from_step], c = from[2 * from_step];
    to[0] = a;
    to[to_step] = (a + b + c) / 2;
    to[2 * to_step] = (a - b + c) / 2;
    to[3 * to_step] = c;
}

void osprey__winograd_weights(const float *filters, size_t n, size_t channels, float *taps)
{
    for (size_t i = 0; i < n * channels; i++, filters += WINDOW * WINDOW) {
        float rows[SIZE * WINDOW];
        for (size_t x = 0; x < WINDOW; x++)
            transform_weights(filters + x, WINDOW, rows + x, WINDOW);
        for (size_t y = 0; y < SIZE; y++)
            transform_weights(rows + y * WINDOW, 1, taps + y * SIZE * n * channels + i,
                              n * channels);
    }
}

/* B' along one axis, in place. */
static void transform_input(float *x, size_t step)
{
    float a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a - c;
    x[step] = b + c;
    x[2 * step] = c - b;
    x[3 * step] = b - d;
}

void osprey__winograd_input_f32__portable(const osprey__winograd_input_args *args)
{
    const osprey__conv_shape *shape = args->shape;
    size_t columns = osprey__winograd_columns(shape);
    for (size_t i = 0; i < args->count; i++) {
        size_t y = (args->first + i) / columns * STEP, x = (args->first + i) % columns * STEP;
        osprey__span rows = osprey__span_inside(y, SIZE, shape->padding, shape->height);
        osprey__span inside = osprey__span_inside(x, SIZE, shape->padding, shape->width);
        for (size_t channel = 0; channel < shape->channels; channel++) {
            float tile[SIZE * SIZE] = {0};
            for (size_t dy = 0; dy < rows.count; dy++)
                for (size_t dx = 0; dx < inside.count; dx++)
                    tile[(rows.skipped + dy) * SIZE + inside.skipped + dx] =
                        args->image[((rows.start + dy) * shape->width + inside.start + dx) *
                                        shape->channels +
                                    channel];
            for (size_t at = 0; at < SIZE; at++) transform_input(tile + at, SIZE);
            for (size_t at = 0; at < SIZE; at++) transform_input(tile + at * SIZE, 1);
            for (size_t tap = 0; tap < SIZE * SIZE; tap++)
                args->out[tap * args->tap_floats + i * args->row_floats + channel] = tile[tap];
        }
    }
}

/* A' along one axis: two from four. */
static void transform_output(float *x, size_t step)
{
    float a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
    x[0] = a + b + c;
    x[step] = b - c - d;
}

void osprey__winograd_output_f32__portable(const osprey__winograd_output_args *args)
{
    const osprey__conv_shape *shape = args->shape;
    size_t columns = osprey__winograd_columns(shape);
    for (size_t i = 0; i < args->count; i++) {
        size_t y = (args->first + i) / columns * STEP, x = (args->first + i) % columns * STEP;
        for (size_t channel = 0; channel < args->n; channel++) {
            float tile[SIZE * SIZE];
            for (size_t tap = 0; tap < SIZE * SIZE; tap++)
                tile[tap] = args->sums[tap * args->tap_floats + i * args->row_floats + channel];
            for (size_t at = 0; at < SIZE; at++) transform_output(tile + at, SIZE);
            for (size_t dy = 0; dy < STEP && y + dy < shape->out_height; dy++) {
                transform_output(tile + dy * SIZE, 1);
                for (size_t dx = 0; dx < STEP && x + dx < shape->out_width; dx++) {
                    size_t at = ((y + dy) * shape->out_width + x + dx) * args->ldc + channel;
                    float out = tile[dy * SIZE + dx];
                    if (args->bias) out += args->bias[channel];
                    if (args->residual) out += args->residual[at];
                    osprey__activation_f32__portable(args->activation, 1, &out, args->out + at);
                }
            }
        }
    }
}
