/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix product with packed weights and a fused epilogue:
 *     c[m][n] = activation(sum over k of a[m][k] * weight[n][k] + bias[n] + residual[m][n])
 *
 * Weights are packed into panels of `columns` output channels, zero-padded at the end; a panel is
 * read front to back, and holds all that a kernel has to know of its channels. Within it, `depth`
 * neighbours along k lie side by side, also zero-padded: packed[panel][k / depth][columns][depth].
 * Everything else is fp32: a kernel of another precision converts its rows of a itself
 * (gemm_half.c, gemm_s8.c, gemm_s4.c).
 */
#ifndef OSPREY_KERNELS_GEMM_H
#define OSPREY_KERNELS_GEMM_H

#include <osprey/model.h>

#include <stddef.h>

typedef struct osprey__gemm_args {
    size_t m, n, k;
    const float *a; /* [m][k], rows lda floats apart */
    size_t lda;
    /* int8, int4: the largest magnitude that rows of a are quantized for; what lies beyond is cut
     * off. 0: each row's own, which the kernel finds. */
    float input_range;
    const void *packed; /* the first panel of this call's n output channels */
    const float *bias;  /* [n], or NULL */
    osprey_activation activation;
    const float *residual; /* [m][n], rows ldc floats apart; NULL; may be c itself */
    float *c;              /* [m][n], rows ldc floats apart */
    size_t ldc;
    void *scratch; /* as many bytes as scratch_bytes() says, 64-byte aligned */
} osprey__gemm_args;

typedef void osprey__gemm_function(const osprey__gemm_args *args);

typedef struct osprey__gemm_kernel osprey__gemm_kernel;

struct osprey__gemm_kernel {
    osprey__gemm_function *run;
    size_t rows;    /* of the register tile: a row block should be a multiple of it */
    size_t columns; /* of a panel */
    size_t depth;
    size_t (*scratch_bytes)(size_t m, size_t k);
    size_t (*panel_bytes)(const osprey__gemm_kernel *kernel, size_t k); /* a multiple of 64 */
    /*
     * Packs weight, whose element [n][k] lies at weight[n * stride_n + k * stride_k]: (k, 1) for
     * PyTorch's Linear, (1, n) for a matrix stored as [k][n]. packed: osprey__gemm_packed_bytes.
     */
    void (*pack)(const osprey__gemm_kernel *kernel, size_t n, size_t k, const float *weight,
                 size_t stride_n, size_t stride_k, void *packed);
};

/* Bytes of the packed form of n output channels of k inputs. */
static inline size_t osprey__gemm_packed_bytes(const osprey__gemm_kernel *kernel, size_t n,
                                               size_t k)
{
    return (n + kernel->columns - 1) / kernel->columns * kernel->panel_bytes(kernel, k);
}

#endif
