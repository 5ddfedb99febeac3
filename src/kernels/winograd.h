/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions with 3x3 windows in fewer products: F(2x2, 3x3) of Winograd, as in Lavin & Gray,
 * "Fast Algorithms for Convolutional Neural Networks" (2016).
 *     y = A' [sum over channels of (G w G') * (B' d B)] A
 * Two by two outputs see a tile d of 4x4 inputs. Transformed, it has 16 elements, the taps, that
 * are multiplied by as many transformed weights: 16 products instead of 36. Each tap is a matrix
 * product of its own, of all tiles [tiles][channels] and its weights, so any GEMM kernel does it.
 */
#ifndef OSPREY_KERNELS_WINOGRAD_H
#define OSPREY_KERNELS_WINOGRAD_H

#include "kernels/image_ops.h"

enum {
    OSPREY__WINOGRAD_STEP = 2, /* outputs of a tile along an axis */
    OSPREY__WINOGRAD_SIZE = 4, /* inputs along an axis */
    OSPREY__WINOGRAD_TAPS = 16,
};

/* The convolutions that can be computed so. */
static inline bool osprey__conv_fits_winograd(const osprey__conv_shape *conv)
{
    return conv->kernel_height == 3 && conv->kernel_width == 3 && conv->stride == 1 &&
           conv->padding <= 1 && !conv->planar;
}

/* Tiles in a row of them, and of an image. */
static inline size_t osprey__winograd_columns(const osprey__conv_shape *conv)
{
    return (conv->out_width + 1) / OSPREY__WINOGRAD_STEP;
}

static inline size_t osprey__winograd_tiles(const osprey__conv_shape *conv)
{
    return (conv->out_height + 1) / OSPREY__WINOGRAD_STEP * osprey__winograd_columns(conv);
}

/* G w G' of filters [n][channels][3][3]: taps [16][n][channels]. */
void osprey__winograd_weights(const float *filters, size_t n, size_t channels, float *taps);

/* Tiles first..first+count-1 (row by row) of one image. */
typedef struct osprey__winograd_input_args {
    const osprey__conv_shape *shape;
    const float *image;
    size_t first, count;
    float *out; /* B' d B: tap t of tile i at out + t * tap_floats + i * row_floats: [channels] */
    size_t tap_floats, row_floats;
} osprey__winograd_input_args;

typedef void osprey__winograd_input_f32_function(const osprey__winograd_input_args *args);

typedef struct osprey__winograd_output_args {
    const osprey__conv_shape *shape;
    size_t first, count; /* as above */
    const float *sums;   /* as out above, [n] */
    size_t tap_floats, row_floats;
    size_t n;
    const float *bias; /* [n], or NULL */
    osprey_activation activation;
    const float *residual; /* [out_height][out_width][n], positions ldc apart; or NULL */
    float *out;            /* the same; may be residual */
    size_t ldc;
} osprey__winograd_output_args;

/* out = activation(A' sums A + bias + residual) */
typedef void osprey__winograd_output_f32_function(const osprey__winograd_output_args *args);

#endif
