/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on channels-last feature maps [height][width][channels]. */
#ifndef OSPREY_KERNELS_IMAGE_OPS_H
#define OSPREY_KERNELS_IMAGE_OPS_H

#include "base/dtype.h"

#include <osprey/model.h>

#include <stdbool.h>
#include <stddef.h>

/* The geometry of a convolution, or of a pool of overlapping windows. */
typedef struct osprey__conv_shape {
    size_t height, width, channels; /* of the input */
    bool planar;                    /* the input is [channels][height][width] */
    size_t kernel_height, kernel_width;
    size_t stride;
    size_t padding; /* above and left; below and right it is what the output's size asks for */
    size_t out_height, out_width;
} osprey__conv_shape;

/* A matrix product of the input as it lies. */
static inline bool osprey__conv_is_pointwise(const osprey__conv_shape *conv)
{
    return conv->kernel_height == 1 && conv->kernel_width == 1 && conv->stride == 1 &&
           !conv->padding && !conv->planar && conv->out_height == conv->height &&
           conv->out_width == conv->width;
}

/* Patches that do not overlap: gathered, they are no more than the input. */
static inline bool osprey__conv_is_patches(const osprey__conv_shape *conv)
{
    return conv->stride >= conv->kernel_height && conv->stride >= conv->kernel_width &&
           !conv->padding;
}

/* The part of a window along one axis that lies inside the image. */
typedef struct osprey__span {
    size_t skipped; /* positions of the window before the image */
    size_t start;   /* the first one's place in the image */
    size_t count;
} osprey__span;

static inline osprey__span osprey__span_inside(size_t start, size_t size, size_t padding,
                                               size_t image_size)
{
    osprey__span inside = {.skipped = start < padding ? padding - start : 0};
    inside.start = start + inside.skipped - padding;
    if (inside.skipped >= size || inside.start >= image_size) return (osprey__span){0};
    size_t left = size - inside.skipped;
    inside.count = left < image_size - inside.start ? left : image_size - inside.start;
    return inside;
}

/* Rows and columns of the image in the window of an output position. */
static inline osprey__span osprey__window_rows(const osprey__conv_shape *shape, size_t position)
{
    return osprey__span_inside(position / shape->out_width * shape->stride, shape->kernel_height,
                               shape->padding, shape->height);
}

static inline osprey__span osprey__window_columns(const osprey__conv_shape *shape, size_t position)
{
    return osprey__span_inside(position % shape->out_width * shape->stride, shape->kernel_width,
                               shape->padding, shape->width);
}

/*
 * Gathers the input patches of the output positions first..first+count-1 (row by row) of one
 * image: out[position][kernel_y][kernel_x][channel], zero where the patch leaves the image. With it
 * a convolution is a matrix product, a row block at a time.
 */
void osprey__conv_gather_f32(const osprey__conv_shape *shape, const float *image, size_t first,
                             size_t count, float *out);

/*
 * The mean of each channel within the windows of the output positions first..first+count-1 (row by
 * row) of one image; what lies outside the image does not count, and no window lies there as a
 * whole. dtype, the image's: OSPREY__F32 or OSPREY__BF16.
 */
typedef void osprey__average_pool_f32_function(const osprey__conv_shape *shape, osprey__dtype dtype,
                                               const void *image, size_t first, size_t count,
                                               float *out);

/* The largest element in the same way, of floats. Nothing is promised of NaN. */
typedef void osprey__max_pool_f32_function(const osprey__conv_shape *shape, const float *image,
                                           size_t first, size_t count, float *out);

/* Of one image: `channels` of those that it has, whole groups of them. */
typedef struct osprey__group_norm_f32_args {
    size_t positions, channels, group_channels;
    size_t stride; /* floats from a position to the next, of x, residual and out */
    const float *x;
    const float *scale, *shift; /* [channels] */
    float epsilon;
    const float *residual; /* or NULL */
    osprey_activation activation;
    float *out;     /* may be x or residual */
    float *factors; /* scratch: [2 * channels] */
} osprey__group_norm_f32_args;

/*
 * out = activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual), with mean and
 * (biased) variance over all positions and channels of a group (Wu & He, 2018).
 */
typedef void osprey__group_norm_f32_function(const osprey__group_norm_f32_args *args);

/* A depthwise convolution of one image: output channel c * multiplier + j is made of channel c. */
typedef struct osprey__depthwise_f32_args {
    const osprey__conv_shape *shape; /* not planar; channels: of the input */
    size_t multiplier;
    const float *image;
    const float *filter; /* [multiplier][kernel_height][kernel_width][channels] */
    const float *bias;   /* [multiplier][channels] */
    osprey_activation activation;
    size_t first_channel, channel_count; /* of the input: those of this call */
    size_t first_row, row_count;         /* of the output: the same */
    float *out;                          /* the whole: [out_height][out_width][channels *
                                            multiplier] */
} osprey__depthwise_f32_args;

/* A channel's result does not depend on which others, and which rows, are of the call. */
typedef void osprey__depthwise_f32_function(const osprey__depthwise_f32_args *args);

/* Of a feature map, or any rows. */
typedef struct osprey__gate_f32_args {
    size_t rows, width;
    const float *x;
    const float *gate; /* [width] */
    osprey_activation activation;
    float *out; /* may be x */
} osprey__gate_f32_args;

/* out = activation(x * sigmoid(gate)), what squeeze-and-excitation ends with (Hu et al., 2018). */
typedef void osprey__gate_f32_function(const osprey__gate_f32_args *args);

#endif
