/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on channels-last feature maps [height][width][channels]. */
#ifndef OSPREY_KERNELS_IMAGE_OPS_H
#define OSPREY_KERNELS_IMAGE_OPS_H

#include <stdbool.h>
#include <stddef.h>

/* A convolution's geometry; output sizes follow from it. */
typedef struct osprey__conv_shape {
    size_t height, width, channels; /* of the input */
    bool planar;                    /* the input is [channels][height][width] */
    size_t kernel_height, kernel_width;
    size_t stride, padding;
    size_t out_height, out_width;
} osprey__conv_shape;

/* A matrix product of the input as it lies. */
static inline bool osprey__conv_is_pointwise(const osprey__conv_shape *conv)
{
    return conv->kernel_height == 1 && conv->kernel_width == 1 && conv->stride == 1 &&
           !conv->padding && !conv->planar;
}

/* Patches that do not overlap: gathered, they are no more than the input. */
static inline bool osprey__conv_is_patches(const osprey__conv_shape *conv)
{
    return conv->stride >= conv->kernel_height && conv->stride >= conv->kernel_width &&
           !conv->padding;
}

/*
 * Gathers the input patches of the output positions first..first+count-1 (row by row) of one
 * image: out[position][kernel_y][kernel_x][channel], zero where the patch leaves the image. With it
 * a convolution is a matrix product, a row block at a time.
 */
void osprey__conv_gather_f32(const osprey__conv_shape *shape, const float *image, size_t first,
                             size_t count, float *out);

/* Mean over size x size windows, that far apart: [height/size][width/size][channels]. */
typedef void osprey__average_pool_f32_function(size_t height, size_t width, size_t channels,
                                               size_t size, const float *image, float *out);

#endif
