/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as floats, for the formats whose weights are widened to floats. */
#ifndef OSPREY_KERNELS_X86_ROWS_F32_H
#define OSPREY_KERNELS_X86_ROWS_F32_H

#include "kernels/x86/gemm_x86.h"

/* Rows a multiple of 4 KiB apart fall into the same few places of the first-level cache. */
enum { CONFLICT_FLOATS = 1024 };

static size_t padded_row_floats(size_t k)
{
    return osprey__round_up(k, VEC_FLOATS) + OSPREY__ALIGNMENT / sizeof(float);
}

static size_t row_scratch_bytes(size_t k)
{
    return padded_row_floats(k) * sizeof(float);
}

/* Where they lie, or a copy in scratch if there they would share cache sets. */
static void prepare_rows(const osprey__gemm_args *args, row_block *block)
{
    block->a = args->a + block->first_row * args->lda;
    block->lda = args->lda;
    if (args->lda % CONFLICT_FLOATS != 0) return;
    size_t padded = padded_row_floats(args->k);
    float *copy = args->scratch;
    for (size_t row = 0; row < block->rows; row++)
        memcpy(copy + row * padded, block->a + row * args->lda, args->k * sizeof(float));
    block->a = copy;
    block->lda = padded;
}

static void multiply_panel(const osprey__gemm_args *args, const row_block *block, size_t panel)
{
    multiply_chunks(args, block, panel, SUM_FLOAT);
}

#endif
