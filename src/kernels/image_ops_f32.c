/* SPDX-License-Identifier: Apache-2.0 */
/* The portable operators on feature maps, and the gather that every instruction set shares. */
#include "base/memory.h"
#include "kernels/group_norm_moments.h"
#include "kernels/image_ops.h"
#include "kernels/kernel_list.h"

#include <string.h>

static size_t patch_floats(const osprey__conv_shape *shape)
{
    return shape->kernel_height * shape->kernel_width * shape->channels;
}

static osprey__span columns_inside(const osprey__conv_shape *shape, size_t column)
{
    return osprey__span_inside(column * shape->stride, shape->kernel_width, shape->padding,
                               shape->width);
}

/* Fills the patch with zeros where its window leaves the image; returns the columns inside. */
static osprey__span begin_patch(const osprey__conv_shape *shape, osprey__span rows, size_t column,
                                float *patch)
{
    osprey__span columns = columns_inside(shape, column);
    if (rows.count < shape->kernel_height || columns.count < shape->kernel_width)
        memset(patch, 0, patch_floats(shape) * sizeof *patch);
    return columns;
}

/* Patches of count positions of an output row, the first of them at `column`. */
static void gather_row(const osprey__conv_shape *shape, const float *image, osprey__span rows,
                       size_t column, size_t count, float *out)
{
    size_t channels = shape->channels;
    for (size_t end = column + count; column < end; column++, out += patch_floats(shape)) {
        osprey__span columns = begin_patch(shape, rows, column, out);
        for (size_t i = 0; i < rows.count; i++) {
            size_t y = (rows.skipped + i) * shape->kernel_width + columns.skipped;
            memcpy(out + y * channels,
                   image + ((rows.start + i) * shape->width + columns.start) * channels,
                   columns.count * channels * sizeof *out);
        }
    }
}

/* Output columns, of first..end-1, whose windows have their column x in the image. */
static osprey__span columns_that_see(const osprey__conv_shape *shape, size_t x, size_t first,
                                     size_t end)
{
    const size_t before = x < shape->padding ? shape->padding - x : 0;
    const size_t after = shape->width + shape->padding > x ? shape->width + shape->padding - x : 0;
    const size_t least = osprey__divide_up(before, shape->stride);
    const size_t most = osprey__divide_up(after, shape->stride);
    const size_t start = least > first ? least : first, stop = most < end ? most : end;
    return (osprey__span){.start = start, .count = start < stop ? stop - start : 0};
}

/* The same of planes, which are read as they lie in memory: all patches take one column of their
 * windows from a row before the next. */
static void gather_planar_row(const osprey__conv_shape *shape, const float *image,
                              osprey__span rows, size_t column, size_t count, float *out)
{
    const size_t channels = shape->channels, floats = patch_floats(shape);
    for (size_t p = 0; p < count; p++) begin_patch(shape, rows, column + p, out + p * floats);
    for (size_t i = 0; i < rows.count; i++)
        for (size_t channel = 0; channel < channels; channel++) {
            const float *in = image + (channel * shape->height + rows.start + i) * shape->width;
            float *to = out + (rows.skipped + i) * shape->kernel_width * channels + channel;
            for (size_t x = 0; x < shape->kernel_width; x++, to += channels) {
                const osprey__span seen = columns_that_see(shape, x, column, column + count);
                const float *from = in + seen.start * shape->stride + x - shape->padding;
                float *patch = to + (seen.start - column) * floats;
                for (size_t p = 0; p < seen.count; p++) patch[p * floats] = from[p * shape->stride];
            }
        }
}

void osprey__conv_gather_f32(const osprey__conv_shape *shape, const float *image, size_t first,
                             size_t count, float *out)
{
    for (size_t part; count; first += part, count -= part, out += part * patch_floats(shape)) {
        osprey__span rows = osprey__window_rows(shape, first);
        size_t column = first % shape->out_width, left = shape->out_width - column;
        part = count < left ? count : left;
        if (shape->planar)
            gather_planar_row(shape, image, rows, column, part, out);
        else
            gather_row(shape, image, rows, column, part, out);
    }
}

void osprey__average_pool_f32__portable(const osprey__conv_shape *shape, osprey__dtype dtype,
                                        const void *image, size_t first, size_t count, float *out)
{
    const size_t channels = shape->channels, element_bytes = osprey__dtype_bytes(dtype);
    for (size_t position = first; position < first + count; position++, out += channels) {
        osprey__span rows = osprey__window_rows(shape, position);
        osprey__span columns = osprey__window_columns(shape, position);
        const float factor = 1 / (float)(rows.count * columns.count);
        for (size_t channel = 0; channel < channels; channel++) {
            float sum = 0;
            for (size_t y = rows.start; y < rows.start + rows.count; y++)
                for (size_t x = columns.start; x < columns.start + columns.count; x++) {
                    const size_t at = ((y * shape->width + x) * channels + channel) * element_bytes;
                    float element;
                    osprey__to_f32(dtype, (const char *)image + at, 1, &element);
                    sum += element;
                }
            out[channel] = sum * factor;
        }
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
