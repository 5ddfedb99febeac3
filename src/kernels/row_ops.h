/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on rows of floats: layer norm, activations, sums and products, transposition. */
#ifndef OSPREY_KERNELS_ROW_OPS_H
#define OSPREY_KERNELS_ROW_OPS_H

#include <osprey/model.h>

#include <stddef.h>

/*
 * out[r] = (x[r] - mean) / sqrt(variance + epsilon) * scale + shift over each row of width floats
 * (Ba et al., 2016); the variance is the biased one, as in PyTorch. scale and shift may be NULL: 1
 * and 0. out may be x.
 */
typedef void osprey__layer_norm_f32_function(size_t rows, size_t width, const float *x,
                                             const float *scale, const float *shift, float epsilon,
                                             float *out);

/* out[i] = activation(x[i]); out may be x. Largest error is stated at each implementation. */
typedef void osprey__activation_f32_function(osprey_activation activation, size_t count,
                                             const float *x, float *out);

/* out[i] = activation(x[i] + y[i]); out may be x or y. */
typedef void osprey__add_f32_function(osprey_activation activation, size_t count, const float *x,
                                      const float *y, float *out);

/* out[i] = x[i] * y[i]; out may be x or y. */
typedef void osprey__multiply_f32_function(size_t count, const float *x, const float *y,
                                           float *out);

/*
 * Rotary embeddings (Su et al., 2021): each pair of a row's elements, as a complex number, times
 * the one of turns in its place. Rows have `width` floats, an even number; those of x are x_stride
 * floats apart, those of turns and out lie side by side. out is not x.
 */
typedef void osprey__turn_pairs_f32_function(size_t rows, size_t width, const float *x,
                                             size_t x_stride, const float *turns, float *out);

/*
 * out[c][r] = x[r][c] + residual[c][r], c < columns, r < rows. Rows of x are x_stride floats apart,
 * those of out and residual out_stride. residual may be out, or NULL: nothing is added.
 */
typedef void osprey__transpose_f32_function(size_t rows, size_t columns, const float *x,
                                            size_t x_stride, const float *residual, float *out,
                                            size_t out_stride);

#endif
