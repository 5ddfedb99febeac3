/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the sums of a matrix product: bias, residual, activation, and the result's type.
 * Whoever includes it has defined TILE_COLUMNS, the columns of a panel, a multiple of VEC_FLOATS.
 */
#ifndef OSPREY_KERNELS_SIMD_EPILOGUE_SIMD_H
#define OSPREY_KERNELS_SIMD_EPILOGUE_SIMD_H

#include "base/memory.h"
#include "kernels/gemm.h"
#include "kernels/simd/integers.h"
#include "kernels/simd/vec_math_f32.h"

/* Room for a prepared row's elements: with one cache line more the row has an odd number of them,
 * so that rows do not share cache sets. */
OSPREY__INLINE size_t padded_bytes(size_t bytes)
{
    return osprey__round_up(bytes, 2 * OSPREY__ALIGNMENT);
}

/* What lies behind the elements of a row of integers. */
typedef struct row_tail {
    float scale;
    int32_t corrections[]; /* what is too much in an integer sum; s4: one a group */
} row_tail;

/* elements is the offset of the tail in a row. */
OSPREY__INLINE const row_tail *tail_of(const osprey__gemm_args *args, size_t row, size_t elements)
{
    return (const row_tail *)((const char *)args->a + row * args->a_stride + elements);
}

/* How a tile's sum becomes a float. */
typedef enum sum_kind {
    SUM_FLOAT,
    SUM_INTEGER, /* (sum - correction of the row) * (scale of the row * scale of the column) */
    SUM_HALF,    /* sum * (scale of the row * scale of the column) */
    SUM_SCALED,  /* sum * scale of the row */
} sum_kind;

/* Whether the scales of a panel's columns lie behind its weights. */
OSPREY__INLINE bool has_column_scales(const sum_kind kind)
{
    return kind == SUM_INTEGER || kind == SUM_HALF;
}

OSPREY__INLINE vec subtract_integer(vec sum, int32_t x)
{
    return integers_to_vec((integers)sum - x);
}

/* Sums of rows first..first+rows-1 with the panel that begins at column. */
typedef struct finish_job {
    size_t first, rows, column;
    const float *sums;          /* [rows][TILE_COLUMNS] */
    const float *column_scales; /* of the panel, where it has such */
    size_t tail;                /* but for SUM_FLOAT: as tail_of takes it */
} finish_job;

OSPREY__INLINE vec sum_to_float(vec sum, const row_tail *tail, vec column_scale,
                                const sum_kind kind)
{
    if (kind == SUM_INTEGER)
        return subtract_integer(sum, tail->corrections[0]) * (vec_set(tail->scale) * column_scale);
    if (kind == SUM_HALF) return sum * (vec_set(tail->scale) * column_scale);
    if (kind == SUM_SCALED) return sum * vec_set(tail->scale);
    return sum;
}

OSPREY__INLINE vec load_up_to(const float *p, size_t count)
{
    return count >= VEC_FLOATS ? vec_load(p) : vec_load_first(p, count);
}

OSPREY__INLINE void store_result(const osprey__gemm_args *args, size_t at, size_t count, vec x,
                                 const bool rounded)
{
    if (rounded)
        vec_store_bf16((uint16_t *)args->c + at, count < VEC_FLOATS ? count : VEC_FLOATS, x);
    else if (count >= VEC_FLOATS)
        vec_store((float *)args->c + at, x);
    else
        vec_store_first((float *)args->c + at, count, x);
}

/* kind, activation and rounded are constants at every call. */
OSPREY__INLINE void finish_as(const osprey__gemm_args *args, const finish_job *job,
                              const sum_kind kind, const osprey_activation activation,
                              const bool rounded)
{
    for (size_t i = 0; i < TILE_COLUMNS && job->column + i < args->n; i += VEC_FLOATS) {
        size_t column = job->column + i, count = args->n - column;
        vec bias = args->bias ? load_up_to(args->bias + column, count) : vec_set(0.0f);
        vec column_scale =
            has_column_scales(kind) ? vec_load(job->column_scales + i) : vec_set(0.0f);
        for (size_t row = 0; row < job->rows; row++) {
            size_t at = (job->first + row) * args->ldc + column;
            const row_tail *tail =
                kind == SUM_FLOAT ? NULL : tail_of(args, job->first + row, job->tail);
            vec x = vec_load(job->sums + row * TILE_COLUMNS + i);
            x = sum_to_float(x, tail, column_scale, kind) + bias;
            if (args->residual) x += load_up_to(args->residual + at, count);
            x = vec_activate(activation, x, rounded);
            store_result(args, at, count, x, rounded);
        }
    }
}

OSPREY__INLINE void finish_with(const osprey__gemm_args *args, const finish_job *job,
                                const sum_kind kind, const osprey_activation activation)
{
    if (args->rounded)
        finish_as(args, job, kind, activation, true);
    else
        finish_as(args, job, kind, activation, false);
}

/* The epilogue. */
OSPREY__INLINE void finish_sums(const osprey__gemm_args *args, const finish_job *job,
                                const sum_kind kind)
{
    switch (args->activation) {
    case OSPREY_ACTIVATION_NONE:
        finish_with(args, job, kind, OSPREY_ACTIVATION_NONE);
        break;
    case OSPREY_ACTIVATION_RELU:
        finish_with(args, job, kind, OSPREY_ACTIVATION_RELU);
        break;
    case OSPREY_ACTIVATION_GELU:
        finish_with(args, job, kind, OSPREY_ACTIVATION_GELU);
        break;
    case OSPREY_ACTIVATION_GELU_TANH:
        finish_with(args, job, kind, OSPREY_ACTIVATION_GELU_TANH);
        break;
    case OSPREY_ACTIVATION_QUICK_GELU:
        finish_with(args, job, kind, OSPREY_ACTIVATION_QUICK_GELU);
        break;
    case OSPREY_ACTIVATION_TANH:
        finish_with(args, job, kind, OSPREY_ACTIVATION_TANH);
        break;
    case OSPREY_ACTIVATION_SILU:
        finish_with(args, job, kind, OSPREY_ACTIVATION_SILU);
        break;
    }
}

/* Asks for the cache lines that a tile's results go to, so that they are there when it is done. */
OSPREY__INLINE void fetch_results(const osprey__gemm_args *args, size_t first, size_t rows,
                                  size_t column)
{
    size_t element = args->rounded ? sizeof(uint16_t) : sizeof(float);
    char *c = (char *)args->c + (first * args->ldc + column) * element;
    for (size_t row = 0; row < rows; row++, c += args->ldc * element)
        for (size_t i = 0; i < TILE_COLUMNS * element; i += OSPREY__ALIGNMENT)
            __builtin_prefetch(c + i, 1);
}

#endif
