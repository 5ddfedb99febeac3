/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix product with packed weights and a fused epilogue:
 *     c[m][n] = activation(sum over k of a[m][k] * weight[n][k] + bias[n] + residual[m][n])
 *
 * Weights are packed into panels of `columns` output channels, zero-padded at the end; a panel is
 * read front to back, and holds all that a kernel has to know of its channels. Within it, `depth`
 * neighbours along k lie side by side, also zero-padded: packed[panel][k / depth][columns][depth].
 *
 * A kernel takes the rows of a as it prepares them (gemm_half.c, gemm_s8.c, gemm_s4.c), once for
 * all panels; whoever computes them can prepare them on the way. Plain rows of the type that
 * `takes` names it reads where they lie.
 */
#ifndef OSPREY_KERNELS_GEMM_H
#define OSPREY_KERNELS_GEMM_H

#include "base/dtype.h"
#include "kernels/image_ops.h"

#include <osprey/model.h>

#include <stdbool.h>
#include <stddef.h>

/* Rows as operators leave them. */
typedef struct osprey__gemm_input {
    size_t m, k;
    osprey__dtype dtype; /* OSPREY__F32 or OSPREY__BF16 */
    const void *x;       /* [m][k], rows `stride` bytes apart */
    size_t stride;
    /* int8, int4: the largest magnitude that rows are quantized for; what lies beyond is cut off.
     * 0: each row's own, which is looked for. */
    float range;
    /*
     * NULL, or: x is a feature map of floats, not planar, and row r the patch of output position
     * first + r, in the order of osprey__conv_gather_f32; stride is not read. The patches of one
     * row of output positions are quantized for the same magnitude, that of all rows of the map
     * that they lie in: so each element is quantized once for all of them.
     */
    const osprey__conv_shape *patches;
    size_t first;
    void *scratch; /* osprey__patch_scratch_bytes(patches), on a 64-byte boundary */
} osprey__gemm_input;

/* What a kernel prepares the rows of a feature map in, those that one row of patches lies in. */
static inline size_t osprey__patch_scratch_bytes(const osprey__conv_shape *shape)
{
    size_t pixels = shape->kernel_height * shape->width;
    /* An element is no larger than a float; a number for each pixel, and vectors past the end. */
    return (pixels * (shape->channels + 1) * sizeof(float) + 3 * 64) / 64 * 64;
}

typedef struct osprey__gemm_args {
    size_t m, n, k;
    const void *a;      /* [m] prepared rows of k, or plain ones that the kernel takes */
    size_t a_stride;    /* bytes between them */
    const void *packed; /* the first panel of this call's n output channels */
    const float *bias;  /* [n], or NULL */
    osprey_activation activation;
    const void *residual;  /* [m][n], rows ldc elements apart; NULL; may be c itself */
    bool rounded_residual; /* that is bfloat16s, not floats */
    void *c;               /* [m][n], rows ldc elements apart */
    size_t ldc;
    bool rounded; /* c is bfloat16s, not floats */
} osprey__gemm_args;

typedef void osprey__gemm_function(const osprey__gemm_args *args);

typedef struct osprey__gemm_kernel osprey__gemm_kernel;

struct osprey__gemm_kernel {
    osprey__gemm_function *run;
    size_t rows;    /* of the register tile: a row block should be a multiple of it */
    size_t columns; /* of a panel */
    size_t depth;
    bool takes_patches;  /* prepare does: input->patches need not be NULL */
    osprey__dtype takes; /* OSPREY__I8: only rows that it prepared */
    /* Bytes of a prepared row, and that many apart they lie; a multiple of 16. */
    size_t (*row_bytes)(size_t k);
    /* rows: [m], on a 64-byte boundary */
    void (*prepare)(const osprey__gemm_input *input, void *rows);
    size_t (*panel_bytes)(const osprey__gemm_kernel *kernel, size_t k); /* a multiple of 64 */
    /*
     * Packs weight, whose element [n][k] lies at weight[n * stride_n + k * stride_k]: (k, 1) for
     * PyTorch's Linear, (1, n) for a matrix stored as [k][n]. packed: osprey__gemm_packed_bytes.
     */
    void (*pack)(const osprey__gemm_kernel *kernel, size_t n, size_t k, const float *weight,
                 size_t stride_n, size_t stride_k, void *packed);
};

/* Bytes after which the first-level cache's places repeat. */
#define OSPREY__WAY_BYTES ((size_t)4096)

/*
 * Whether the kernel reads plain rows of k elements well where they lie. Rows that are a multiple
 * of OSPREY__WAY_BYTES apart fall into the same few places of the cache: better prepared.
 */
static inline bool osprey__gemm_takes(const osprey__gemm_kernel *kernel, osprey__dtype dtype,
                                      size_t stride, size_t k)
{
    return dtype == kernel->takes && k % kernel->depth == 0 && stride % sizeof(float) == 0 &&
           stride % OSPREY__WAY_BYTES != 0;
}

/* Bytes of the packed form of n output channels of k inputs. */
static inline size_t osprey__gemm_packed_bytes(const osprey__gemm_kernel *kernel, size_t n,
                                               size_t k)
{
    return (n + kernel->columns - 1) / kernel->columns * kernel->panel_bytes(kernel, k);
}

#endif
