/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions that were trained as a sum of branches, each with its batch norm, and are one when
 * they run (RepVGG, Ding et al., 2021; MobileOne, Vasu et al., 2023). The branches are added up in
 * double precision while the tower is built, whichever of them a file has:
 *
 *     osprey__conv_branches conv = {.builder = b, .in = 64, .out = 64, .size = 3, .grouped = true};
 *     osprey__branches_add_conv(&conv, "stem.1.conv_kxk.0.", 3);
 *     osprey__branches_add_identity(&conv, "stem.1.identity.", 1);
 *     x = osprey__branches_build(&conv, "stem.1", 2, 1, x);
 *
 * Failures are kept by the graph. One thread at a time.
 */
#ifndef OSPREY_MODEL_CONV_BRANCHES_H
#define OSPREY_MODEL_CONV_BRANCHES_H

#include "model/tower_builder.h"

typedef struct osprey__conv_branches {
    osprey__tower_builder *builder;
    size_t in, out, size; /* channels, and a side of the filter */
    bool grouped;         /* a filter sees one of x's channels, as many filters each */
    double *filter;       /* [out][in, or 1][size][size]; NULL until there is a branch */
    double *bias;         /* [out] */
} osprey__conv_branches;

/* y = x * scale + shift, what a batch norm does at inference: one block of 2 * channels, scales
 * first, to be freed with osprey__free; NULL on failure. */
double *osprey__read_batch_norm(osprey__tower_builder *builder, const char *prefix,
                                size_t channels);

/* "conv.weight" of prefix, of a filter of that size, and the batch norm "bn." */
void osprey__branches_add_conv(osprey__conv_branches *conv, const char *prefix, size_t size);

/* "weight" and "bias" of prefix, of a filter of the whole size: the sum as it is published. */
void osprey__branches_add_sum(osprey__conv_branches *conv, const char *prefix);

/* x itself, times sign, behind the batch norm of that prefix; NULL: behind none. */
void osprey__branches_add_identity(osprey__conv_branches *conv, const char *prefix, double sign);

/* Multiplies what has been added so far by the layer scale of that name, [out][1][1]. */
void osprey__branches_scale(osprey__conv_branches *conv, const char *name);

/*
 * The sum applied to x, a feature map or the pixels: a linear, a depthwise or a full convolution.
 * Frees the branches, also after a failure.
 */
osprey__value_id osprey__branches_build(osprey__conv_branches *conv, const char *name,
                                        size_t stride, size_t padding, osprey__value_id x);

#endif
