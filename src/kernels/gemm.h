/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix product with packed weights and a fused epilogue:
 *     c[m][n] = activation(sum over k of a[m][k] * weight[n][k] + bias[n] + residual[m][n])
 *
 * Weights are packed into panels of `columns` output channels, zero-padded at the end:
 * packed[panel][k][columns]; a panel is read front to back.
 */
#ifndef OSPREY_KERNELS_GEMM_H
#define OSPREY_KERNELS_GEMM_H

#include <osprey/model.h>

#include <stddef.h>

typedef struct osprey__gemm_f32_args {
    size_t m, n, k;
    const float *a; /* [m][k], rows lda floats apart */
    size_t lda;
    const float *packed; /* the first panel of this call's n output channels */
    const float *bias;   /* [n], or NULL */
    osprey_activation activation;
    const float *residual; /* [m][n], rows ldc floats apart; NULL; may be c itself */
    float *c;              /* [m][n], rows ldc floats apart */
    size_t ldc;
    float *scratch; /* as many floats as scratch_floats() says, 64-byte aligned; NULL: without it
                       rows of a that are a multiple of 4 KiB apart are slower */
} osprey__gemm_f32_args;

typedef void osprey__gemm_f32_function(const osprey__gemm_f32_args *args);

typedef struct osprey__gemm_f32_kernel {
    osprey__gemm_f32_function *run;
    size_t rows;    /* of the register tile: a row block should be a multiple of it */
    size_t columns; /* of a panel */
    size_t (*scratch_floats)(size_t m, size_t k);
} osprey__gemm_f32_kernel;

/* Floats of the packed form of n output channels of k inputs. */
size_t osprey__gemm_f32_packed_floats(const osprey__gemm_f32_kernel *kernel, size_t n, size_t k);

/*
 * Packs weight, whose element [n][k] lies at weight[n * stride_n + k * stride_k]: (k, 1) for
 * PyTorch's Linear, (1, n) for a matrix stored as [k][n].
 */
void osprey__gemm_f32_pack(const osprey__gemm_f32_kernel *kernel, size_t n, size_t k,
                           const float *weight, size_t stride_n, size_t stride_k, float *packed);

#endif
