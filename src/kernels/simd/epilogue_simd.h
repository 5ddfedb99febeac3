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
    int32_t begin; /* of integer sums: takes off what an offset of the weights adds to them */
} row_tail;

/* elements is the offset of the tail in a row. */
OSPREY__INLINE const row_tail *tail_of(const osprey__gemm_args *args, size_t row, size_t elements)
{
    return (const row_tail *)((const char *)args->a + row * args->a_stride + elements);
}

OSPREY__INLINE size_t result_bytes(const osprey__gemm_args *args)
{
    return args->rounded ? sizeof(uint16_t) : sizeof(float);
}

/* Where the result of a row and column goes. */
OSPREY__INLINE char *result_at(const osprey__gemm_args *args, size_t row, size_t column)
{
    return (char *)args->c + (row * args->ldc + column) * result_bytes(args);
}

/* How a tile's sum becomes a float. */
typedef enum sum_kind {
    SUM_FLOAT,
    SUM_HALF,         /* sum * (scale of the row * scale of the column) */
    SUM_INTEGER,      /* the same, of an integer */
    SUM_INTEGER_LATE, /* that has not begun as the row's tail says, but with zero */
} sum_kind;

/* Whether the scales of a panel's columns lie behind its weights. */
OSPREY__INLINE bool has_column_scales(const sum_kind kind)
{
    return kind != SUM_FLOAT;
}

/* Sums of rows first..first+rows-1 with the panel that begins at column. */
typedef struct finish_job {
    size_t first, rows, column;
    const float *sums;          /* [rows][TILE_COLUMNS] */
    const float *column_scales; /* of the panel, where it has such */
    size_t tail;                /* but for SUM_FLOAT: as tail_of takes it */
} finish_job;

OSPREY__INLINE vec scale_and_add(vec sum, const row_tail *tail, vec column_scale, vec bias,
                                 const sum_kind kind)
{
    if (kind == SUM_FLOAT) return sum + bias;
    integers whole = (integers)sum;
    if (kind == SUM_INTEGER_LATE) whole += tail->begin;
    if (kind != SUM_HALF) sum = integers_to_vec(whole);
    return vec_fma(sum, vec_set(tail->scale) * column_scale, bias);
}

OSPREY__INLINE void store_result(void *c, size_t at, size_t count, vec x, const bool rounded)
{
    if (rounded)
        vec_store_bf16((uint16_t *)c + at, count, x);
    else if (count >= VEC_FLOATS)
        vec_store((float *)c + at, x);
    else
        vec_store_first((float *)c + at, count, x);
}

/* Columns of the panel in its vector i, as far as it has them. */
OSPREY__INLINE size_t count_columns(const osprey__gemm_args *args, const finish_job *job, size_t i)
{
    size_t first = job->column + i * VEC_FLOATS;
    if (first >= args->n) return 0;
    return args->n - first < VEC_FLOATS ? args->n - first : VEC_FLOATS;
}

/* kind and whole, that no column is missing, are constants at every call, and activation and
 * rounded where it is. */
OSPREY__INLINE void finish_as(const osprey__gemm_args *args, const finish_job *job,
                              const sum_kind kind, const osprey_activation activation,
                              const bool rounded, const bool whole)
{
    enum { VECS = TILE_COLUMNS / VEC_FLOATS };
    _Static_assert(VECS % 2 == 0, "a panel's rounded results are stored as pairs");
    vec bias[VECS], column_scales[VECS], results[VECS];
    size_t counts[VECS], at = job->first * args->ldc + job->column, ldc = args->ldc;
    OSPREY__UNROLL
    for (size_t i = 0; i < VECS; i++) {
        counts[i] = whole ? VEC_FLOATS : count_columns(args, job, i);
        bias[i] = column_scales[i] = vec_set(0.0f);
        if (args->bias && counts[i])
            bias[i] = load_channels(args->bias + job->column + i * VEC_FLOATS, counts[i]);
        if (has_column_scales(kind))
            column_scales[i] = vec_load(job->column_scales + i * VEC_FLOATS);
    }
    const float *sums = job->sums, *residual = args->residual;
    const osprey__dtype residual_type = args->rounded_residual ? OSPREY__BF16 : OSPREY__F32;
    const char *tail =
        kind == SUM_FLOAT ? NULL : (const char *)tail_of(args, job->first, job->tail);
    void *c = args->c;
    for (size_t rows = job->rows; rows > 0; rows--, at += ldc, sums += TILE_COLUMNS) {
        OSPREY__UNROLL
        for (size_t i = 0; i < VECS; i++) {
            if (!counts[i]) continue;
            vec x = vec_load(sums + i * VEC_FLOATS);
            x = scale_and_add(x, (const row_tail *)tail, column_scales[i], bias[i], kind);
            if (residual) {
                const size_t first = at + i * VEC_FLOATS;
                x += load_row(residual, residual_type, first, first + counts[i]);
            }
            results[i] = vec_activate(activation, x, rounded);
            size_t to = at + i * VEC_FLOATS;
            if (!rounded || !whole)
                store_result(c, to, counts[i], results[i], rounded);
            else if (i % 2 == 1)
                vec_store_bf16_pair((uint16_t *)c + to - VEC_FLOATS, results[i - 1], results[i]);
        }
        if (kind != SUM_FLOAT) tail += args->a_stride;
    }
}

OSPREY__INLINE void finish_with(const osprey__gemm_args *args, const finish_job *job,
                                const sum_kind kind, const osprey_activation activation)
{
    if (args->rounded)
        finish_as(args, job, kind, activation, true, true);
    else
        finish_as(args, job, kind, activation, false, true);
}

/* The epilogue. */
OSPREY__INLINE void finish_sums(const osprey__gemm_args *args, const finish_job *job,
                                const sum_kind kind)
{
    /* One form for all, as only the last panel of a product can lack columns. */
    if (args->n - job->column < TILE_COLUMNS) {
        finish_as(args, job, kind, args->activation, args->rounded, false);
        return;
    }
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

#endif
