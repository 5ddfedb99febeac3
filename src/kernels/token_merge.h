/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging of alike tokens: bipartite soft matching (Bolya et al., "Token Merging: Your ViT But
 * Faster", ICLR 2023).
 *
 * Rows 0, 2, 4, ... of a sequence are the set A, the others the set B. Each row of A but the first,
 * the class token, finds the row of B whose key has the highest cosine; the `count` rows of A with
 * the highest of these go into their rows of B. What is left are first A's rows, then B's, each in
 * their order. Of equal cosines the earlier row counts.
 */
#ifndef OSPREY_KERNELS_TOKEN_MERGE_H
#define OSPREY_KERNELS_TOKEN_MERGE_H

#include <stddef.h>

typedef struct osprey__token_match_f32_args {
    size_t rows, heads, head_dim;
    const float *k; /* [rows][heads][head_dim], rows k_stride floats apart; heads are averaged */
    size_t k_stride;
    size_t count;   /* of merged rows: 1 to (rows - 1) / 2 */
    float *targets; /* [rows] out: the row of the result that each goes to */
    float *scratch; /* osprey__token_match_f32_scratch_floats */
} osprey__token_match_f32_args;

size_t osprey__token_match_f32_scratch_floats(size_t rows, size_t head_dim);

/* targets are within the result whatever k holds. */
typedef void osprey__token_match_f32_function(const osprey__token_match_f32_args *args);

typedef struct osprey__token_merge_f32_args {
    size_t rows, width, merged_rows; /* of x, and of the result */
    const float *targets;            /* [rows] of a match */
    const float *sizes;              /* [rows] tokens that each stands for; NULL: 1 */
    const float *x;                  /* [rows][width] */
    float *out;                      /* [merged_rows][width] */
    float *merged_sizes;             /* [merged_rows] */
} osprey__token_merge_f32_args;

/* merged_sizes: the sums of sizes of the rows that go to one. */
void osprey__token_sizes_f32(const osprey__token_merge_f32_args *args);

/* out: the averages of x, weighted by sizes; merged_sizes is written too. */
void osprey__token_merge_f32(const osprey__token_merge_f32_args *args);

#endif
