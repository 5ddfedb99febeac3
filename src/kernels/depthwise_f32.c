/* SPDX-License-Identifier: Apache-2.0 */
/* The portable depthwise convolution, and the gate of squeeze-and-excitation. */
#include "kernels/image_ops.h"
#include "kernels/kernel_list.h"

#include <math.h>

/* The sum of a channel's window; filter: of that channel, `channels` floats from tap to tap. */
static float window_sum(const osprey__conv_shape *shape, const float *image, const float *filter,
                        osprey__span rows, osprey__span columns)
{
    float sum = 0;
    for (size_t y = 0; y < rows.count; y++)
        for (size_t x = 0; x < columns.count; x++) {
            size_t tap = (rows.skipped + y) * shape->kernel_width + columns.skipped + x;
            size_t pixel = (rows.start + y) * shape->width + columns.start + x;
            sum += filter[tap * shape->channels] * image[pixel * shape->channels];
        }
    return sum;
}

void osprey__depthwise_f32__portable(const osprey__depthwise_f32_args *args)
{
    const osprey__conv_shape *shape = args->shape;
    size_t taps = shape->kernel_height * shape->kernel_width, channels = shape->channels;
    size_t first = args->first_row * shape->out_width;
    for (size_t position = first; position < first + args->row_count * shape->out_width;
         position++) {
        osprey__span rows = osprey__window_rows(shape, position);
        osprey__span columns = osprey__window_columns(shape, position);
        for (size_t i = 0; i < args->channel_count; i++)
            for (size_t j = 0; j < args->multiplier; j++) {
                size_t c = args->first_channel + i;
                float sum = args->bias[j * channels + c] +
                            window_sum(shape, args->image + c,
                                       args->filter + j * taps * channels + c, rows, columns);
                osprey__activation_f32__portable(
                    args->activation, 1, &sum,
                    args->out + (position * channels + c) * args->multiplier + j);
            }
    }
}

void osprey__gate_f32__portable(const osprey__gate_f32_args *args)
{
    for (size_t row = 0; row < args->rows; row++)
        for (size_t i = 0; i < args->width; i++) {
            float gated = args->x[row * args->width + i] / (1 + expf(-args->gate[i]));
            osprey__activation_f32__portable(args->activation, 1, &gated,
                                             args->out + row * args->width + i);
        }
}
