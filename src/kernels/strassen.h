/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A matrix product with seven products of its quarters instead of eight: one step of Strassen's
 * ("Gaussian Elimination is not Optimal", 1969), in Winograd's form with fewest additions.
 *     [ c11 c12 ]   [ a11 a12 ] [ b11 b12 ]
 *     [ c21 c22 ] = [ a21 a22 ] [ b21 b22 ]
 *     s1 = a21 + a22,  s2 = s1 - a11,  s3 = a21 - a11,  s4 = a12 - s2
 *     t1 = b12 - b11,  t2 = b11 - t3,  t3 = b12 - b22,  t4 = b21 - t2
 *     p1 = a11 b11, p2 = a12 b21, p3 = s4 b22, p4 = a22 t4, p5 = s1 t1, p6 = s2 t2, p7 = s3 t3
 *     c11 = p1 + p2,            c12 = p1 + p6 + p5 + p3
 *     c21 = p1 + p6 + p7 + p4,  c22 = p1 + p6 + p7 + p5
 * Rows are paired within a sequence (an image's tokens, say), so that a result never depends on
 * another sequence: row i with row i + pairs of the same, the middle one of an odd number with
 * zeros. Differences of weights are formed while the first rows are multiplied with them: packed
 * weights are those of the plain product, gemm_f32.
 *
 * A row's error has its partner's roundings too: on random rows and weights it is 1.8 to 1.9 times
 * a plain product's (root mean square, k from 768 to 4096).
 */
#ifndef OSPREY_KERNELS_STRASSEN_H
#define OSPREY_KERNELS_STRASSEN_H

#include "base/memory.h"
#include "kernels/gemm.h"

/* What a pair of rows is multiplied as. Sums are prepared, k / 2 floats each, side by side;
 * quarters are read where they lie. */
typedef enum osprey__strassen_operand {
    OSPREY__STRASSEN_S1,
    OSPREY__STRASSEN_S2,
    OSPREY__STRASSEN_S3,
    OSPREY__STRASSEN_S4,
    OSPREY__STRASSEN_SUMS,
    OSPREY__STRASSEN_A11 = OSPREY__STRASSEN_SUMS,
    OSPREY__STRASSEN_A12,
    OSPREY__STRASSEN_A22,
} osprey__strassen_operand;

/* Pairs of a sequence of so many rows. */
static inline size_t osprey__strassen_pairs(size_t sequence_rows)
{
    return (sequence_rows + 1) / 2;
}

/* Bytes of a sum, and of a pair's: an odd number of cache lines, so that pairs do not share cache
 * sets. k is even. */
static inline size_t osprey__strassen_sum_bytes(size_t k)
{
    return osprey__round_up(k / 2 * sizeof(float), OSPREY__ALIGNMENT);
}

static inline size_t osprey__strassen_pair_bytes(size_t k)
{
    return OSPREY__STRASSEN_SUMS * osprey__strassen_sum_bytes(k) + OSPREY__ALIGNMENT;
}

/*
 * Blocks of pairs that take weights one after the other, OSPREY__STRASSEN_BLOCK at most: equal
 * parts of a sequence, or as many whole ones as fit. The last may have fewer pairs than it says.
 */
#define OSPREY__STRASSEN_BLOCK ((size_t)56)

static inline size_t osprey__strassen_block_start(size_t block, size_t sequence_rows)
{
    size_t pairs = osprey__strassen_pairs(sequence_rows);
    size_t parts = (pairs + OSPREY__STRASSEN_BLOCK - 1) / OSPREY__STRASSEN_BLOCK;
    if (parts > 1) return block / parts * pairs + block % parts * pairs / parts;
    return block * (OSPREY__STRASSEN_BLOCK / pairs) * pairs;
}

static inline size_t osprey__strassen_blocks(size_t sequences, size_t sequence_rows)
{
    size_t pairs = osprey__strassen_pairs(sequence_rows);
    size_t parts = (pairs + OSPREY__STRASSEN_BLOCK - 1) / OSPREY__STRASSEN_BLOCK;
    size_t whole = OSPREY__STRASSEN_BLOCK / pairs;
    return parts > 1 ? sequences * parts : (sequences + whole - 1) / whole;
}

/* Pairs first..first+pairs-1 of all sequences, and columns column..column+columns-1 with as many
 * n / 2 further on: whole panels of gemm_f32. */
typedef struct osprey__strassen_args {
    const osprey__gemm_args
        *product; /* of all rows, which a has as plain floats, and all columns */
    size_t sequence_rows, first, pairs;
    size_t column, columns;
    void *sums; /* [pairs] of osprey__strassen_pair_bytes(k), on a 64-byte boundary */
} osprey__strassen_args;

/* Writes the sums; neither columns nor results are looked at. */
typedef void osprey__strassen_prepare_f32_function(const osprey__strassen_args *args);

/* Computes the results from rows and their sums. */
typedef void osprey__strassen_f32_function(const osprey__strassen_args *args);

#endif
