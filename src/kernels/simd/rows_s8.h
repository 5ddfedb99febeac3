/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a product takes as integers: quantized, each by its own scale. */
#ifndef OSPREY_KERNELS_SIMD_ROWS_S8_H
#define OSPREY_KERNELS_SIMD_ROWS_S8_H

#include "kernels/quantize.h"
#include "kernels/simd/gemm_simd.h"
#include "kernels/simd/row_magnitude.h"

#include <stdbool.h>

/* An element of a quantized row: a lane holds LANE_DEPTH of them. */
enum { ELEMENT_BYTES = sizeof(lane) / LANE_DEPTH };

OSPREY__INLINE osprey__row_scale row_scale(const void *x, const osprey__dtype dtype, size_t k)
{
    return osprey__row_scale_of(row_magnitude(x, dtype, k));
}

/* Elements of x that become integers at out. */
typedef struct quantize_job {
    const void *x;
    size_t k, whole; /* whole: with the zeros behind the k-th; a multiple of VEC_FLOATS */
    float inverse;   /* of the scale */
    char *out;
} quantize_job;

typedef struct quantized_totals {
    integers sum;     /* of the integers */
    integers largest; /* of the magnitudes, with a fixed scale; a row's own is made of it */
} quantized_totals;

OSPREY__INLINE integers quantize_vec(vec x, float inverse, const bool fixed)
{
    vec scaled = x * vec_set(inverse);
    if (fixed) scaled = vec_max(vec_min(scaled, vec_set(127.0f)), vec_set(-127.0f));
    return integers_round(scaled);
}

/* The count vectors from element i on, whose elements before end are there; count is a constant at
 * every call. */
OSPREY__INLINE void quantize_vecs(const quantize_job *job, const osprey__dtype dtype,
                                  const bool fixed, size_t i, const size_t count, size_t end,
                                  quantized_totals *totals)
{
    integers quantized[4];
    OSPREY__UNROLL
    for (size_t v = 0; v < count; v++) {
        vec element = load_row(job->x, dtype, i + v * VEC_FLOATS, end);
        if (fixed) totals->largest = larger_magnitude(totals->largest, element);
        quantized[v] = quantize_vec(element, job->inverse, fixed);
        totals->sum += quantized[v];
    }
    char *out = job->out + i * ELEMENT_BYTES;
    if (ELEMENT_BYTES == 1 && count == 4) {
        integers_store_s8_quad(out, quantized);
        return;
    }
    OSPREY__UNROLL
    for (size_t v = 0; v < count; v++, out += VEC_FLOATS * ELEMENT_BYTES)
        if (ELEMENT_BYTES == 1)
            integers_store_s8(out, quantized[v]);
        else
            integers_store_s16(out, quantized[v]);
}

/* With a fixed scale what is beyond its range is cut off. */
OSPREY__INLINE quantized_totals quantize_elements(const quantize_job *job,
                                                  const osprey__dtype dtype, const bool fixed)
{
    enum { QUAD = 4 * VEC_FLOATS };
    quantized_totals totals = {{0}, {0}};
    if (job->inverse == 0) { /* times infinity it would be NaN */
        memset(job->out, 0, job->whole * ELEMENT_BYTES);
        return totals;
    }
    size_t i = 0;
    for (; i + QUAD <= job->k; i += QUAD) quantize_vecs(job, dtype, fixed, i, 4, i + QUAD, &totals);
    for (; i < job->whole; i += VEC_FLOATS) quantize_vecs(job, dtype, fixed, i, 1, job->k, &totals);
    return totals;
}

/* Where rows go that are quantized. */
typedef struct quantized_rows {
    char *rows;
    size_t stride, elements; /* bytes, of a row and of its elements, behind which is its tail */
    size_t whole;            /* elements, a multiple of VEC_FLOATS and LANE_DEPTH */
    int32_t offset;          /* of the weights */
} quantized_rows;

OSPREY__INLINE void quantize_row(const osprey__gemm_input *input, size_t row,
                                 const osprey__dtype dtype, const bool fixed,
                                 osprey__row_scale scale, const quantized_rows *to)
{
    const quantize_job job = {.x = (const char *)input->x + row * input->stride,
                              .k = input->k,
                              .whole = to->whole,
                              .inverse = scale.inverse,
                              .out = to->rows + row * to->stride};
    quantized_totals totals = quantize_elements(&job, dtype, fixed);
    row_tail *tail = (row_tail *)(job.out + to->elements);
    tail->begin = -to->offset * integers_sum(totals.sum);
    bool finite = !fixed || integers_largest(totals.largest) < 0x7f800000;
    tail->scale = finite ? scale.scale : NAN;
}

/* The scales of a few rows come first: so a row does not wait until its own is divided. */
OSPREY__INLINE void quantize_rows_of(const osprey__gemm_input *input, const osprey__dtype dtype,
                                     const bool fixed, const quantized_rows *to)
{
    osprey__row_scale scales[8];
    for (size_t first = 0, count; first < input->m; first += count) {
        count = osprey__smaller(input->m - first, sizeof scales / sizeof *scales);
        for (size_t i = 0; i < count; i++)
            scales[i] = fixed ? osprey__row_scale_of_range(input->range)
                              : row_scale((const char *)input->x + (first + i) * input->stride,
                                          dtype, input->k);
        for (size_t i = 0; i < count; i++)
            quantize_row(input, first + i, dtype, fixed, scales[i], to);
    }
}

OSPREY__INLINE void quantize_rows(const osprey__gemm_input *input, const quantized_rows *to)
{
    bool fixed = input->range > 0;
    if (input->dtype == OSPREY__F32 && fixed)
        quantize_rows_of(input, OSPREY__F32, true, to);
    else if (input->dtype == OSPREY__F32)
        quantize_rows_of(input, OSPREY__F32, false, to);
    else if (fixed)
        quantize_rows_of(input, OSPREY__BF16, true, to);
    else
        quantize_rows_of(input, OSPREY__BF16, false, to);
}

#endif
