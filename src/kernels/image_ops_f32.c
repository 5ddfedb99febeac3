/* SPDX-License-Identifier: Apache-2.0 */
/* The portable operators on feature maps, and the gather that every instruction set shares. */
#include "kernels/group_norm_moments.h"
#include "kernels/image_ops.h"
#include "kernels/kernel_list.h"

#include <string.h>

static void gather_patch(const osprey__conv_shape *shape, const float *image, osprey__span rows,
                         osprey__span columns, float *patch)
{
    size_t channels = shape->channels;
    if (rows.count < shape->kernel_height || columns.count < shape->kernel_width)
        memset(patch, 0, shape->kernel_height * shape->kernel_width * channels * sizeof *patch);
    for (size_t i = 0; i < rows.count; i++) {
        size_t y = rows.start + i;
        float *out =
            patch + ((rows.skipped + i) * shape->kernel_width + columns.skipped) * channels;
        if (!shape->planar) {
            const float *in = image + (y * shape->width + columns.start) * channels;
            memcpy(out, in, columns.count * channels * sizeof *out);
            continue;
        }
        for (size_t channel = 0; channel < channels; channel++) {
            const float *in = image + (channel * shape->height + y) * shape->width + columns.start;
            for (size_t x = 0; x < columns.count; x++) out[x * channels + channel] = in[x];
        }
    }
}

void osprey__conv_gather_f32(const osprey__conv_shape *shape, const float *image, size_t first,
                             size_t count, float *out)
{
    size_t patch_floats = shape->kernel_height * shape->kernel_width * shape->channels;
    for (size_t position = first; position < first + count; position++, out += patch_floats) {
        osprey__span rows = osprey__window_rows(shape, position);
        osprey__span columns = osprey__window_columns(shape, position);
        gather_patch(shape, image, rows, columns, out);
    }
}

void osprey__average_pool_f32__portable(size_t height, size_t width, size_t channels, size_t size,
                                        const float *image, float *out)
{
    float factor = 1 / (float)(size * size);
    for (size_t y = 0; y < height / size; y++)
        for (size_t x = 0; x < width / size; x++, out += channels)
            for (size_t channel = 0; channel < channels; channel++) {
                float sum = 0;
                for (size_t dy = 0; dy < size; dy++)
                    for (size_t dx = 0; dx < size; dx++)
                        sum +=
                            image[((y * size + dy) * width + x * size + dx) * channels + channel];
                out[channel] = sum * factor;
            }
}

void osprey__max_pool_f32__portable(const osprey__conv_shape *shape, const float *image,
                                    size_t first, size_t count, float *out)
{
    size_t channels = shape->channels;
    for (size_t position = first; position < first + count; position++, out += channels) {
        osprey__span rows = osprey__window_rows(shape, position);
        osprey__span columns = osprey__window_columns(shape, position);
        for (size_t channel = 0; channel < channels; channel++) {
            float largest = -INFINITY;
            for (size_t y = rows.start; y < rows.start + rows.count; y++)
                for (size_t x = columns.start; x < columns.start + columns.count; x++)
                    largest = fmaxf(largest, image[(y * shape->width + x) * channels + channel]);
            out[channel] = largest;
        }
    }
}

static void sum_channel(const osprey__group_norm_f32_args *args, size_t channel)
{
    double sum = 0, squares = 0;
    for (size_t position = 0; position < args->positions; position++) {
        double x = (double)args->x[position * args->stride + channel] - (double)args->x[channel];
        sum += x;
        squares += x * x;
    }
    args->factors[channel] = (float)sum;
    args->factors[args->channels + channel] = (float)squares;
}

void osprey__group_norm_f32__portable(const osprey__group_norm_f32_args *args)
{
    for (size_t channel = 0; channel < args->channels; channel++) sum_channel(args, channel);
    osprey__group_norm_factors(args);
    for (size_t position = 0; position < args->positions; position++)
        for (size_t channel = 0; channel < args->channels; channel++) {
            size_t at = position * args->stride + channel;
            float x =
                args->x[at] * args->factors[channel] + args->factors[args->channels + channel];
            if (args->residual) x += args->residual[at];
            osprey__activation_f32__portable(args->activation, 1, &x, args->out + at);
        }
}
