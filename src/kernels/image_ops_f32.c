/* SPDX-License-Identifier: Apache-2.0 */
/* The portable operators on feature maps, and the gather that every instruction set shares. */
#include "kernels/image_ops.h"
#include "kernels/kernel_list.h"

#include <string.h>

/* The part of a patch along one axis that lies inside the image. */
typedef struct span {
    size_t skipped; /* positions of the patch before the image */
    size_t start;   /* the first one's place in the image */
    size_t count;
} span;

static span span_inside(size_t patch_start, size_t patch_size, size_t padding, size_t image_size)
{
    span inside = {.skipped = patch_start < padding ? padding - patch_start : 0};
    inside.start = patch_start + inside.skipped - padding;
    if (inside.skipped >= patch_size || inside.start >= image_size) return (span){0};
    size_t left = patch_size - inside.skipped;
    inside.count = left < image_size - inside.start ? left : image_size - inside.start;
    return inside;
}

static void gather_patch(const osprey__conv_shape *shape, const float *image, span rows,
                         span columns, float *patch)
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
        span rows = span_inside(position / shape->out_width * shape->stride, shape->kernel_height,
                                shape->padding, shape->height);
        span columns = span_inside(position % shape->out_width * shape->stride, shape->kernel_width,
                                   shape->padding, shape->width);
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
