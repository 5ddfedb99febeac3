/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the portable matrix products: a register tile's shape, and the epilogue. */
#ifndef OSPREY_KERNELS_GEMM_PORTABLE_H
#define OSPREY_KERNELS_GEMM_PORTABLE_H

#include "kernels/kernel_list.h"
#include "kernels/quantize.h"

#include <math.h>
#include <string.h>

enum {
    PORTABLE_ROWS = OSPREY__ROWS_gemm_f32_portable,
    PORTABLE_COLUMNS = OSPREY__COLUMNS_gemm_f32_portable,
};

/* columns sums of a row, of the output channels from first on */
static inline void finish_row(const osprey__gemm_args *args, size_t row, size_t first,
                              size_t columns, const float *sums)
{
    float *c = args->c + row * args->ldc + first;
    float values[PORTABLE_COLUMNS];
    for (size_t i = 0; i < columns; i++)
        values[i] = args->bias ? sums[i] + args->bias[first + i] : sums[i];
    if (args->residual) {
        const float *residual = args->residual + row * args->ldc + first;
        for (size_t i = 0; i < columns; i++) values[i] += residual[i];
    }
    osprey__activation_f32__portable(args->activation, columns, values, values);
    memcpy(c, values, columns * sizeof *c);
}

/*
 * All rows with one panel of floats, [k][PORTABLE_COLUMNS], of the output channels from first on.
 * The fixed bounds let the compiler keep sums in registers; rows past the end repeat the last.
 */
static inline void multiply_float_panel(const osprey__gemm_args *args, const float *a, size_t lda,
                                        const float *panel, size_t first)
{
    size_t columns = args->n - first < PORTABLE_COLUMNS ? args->n - first : PORTABLE_COLUMNS;
    for (size_t row = 0; row < args->m; row += PORTABLE_ROWS) {
        size_t rows = args->m - row < PORTABLE_ROWS ? args->m - row : PORTABLE_ROWS;
        const float *sources[PORTABLE_ROWS];
        for (size_t i = 0; i < PORTABLE_ROWS; i++)
            sources[i] = a + (row + (i < rows ? i : rows - 1)) * lda;
        float sums[PORTABLE_ROWS][PORTABLE_COLUMNS] = {0};
        for (size_t k = 0; k < args->k; k++)
            for (size_t r = 0; r < PORTABLE_ROWS; r++)
                for (size_t column = 0; column < PORTABLE_COLUMNS; column++)
                    sums[r][column] += sources[r][k] * panel[k * PORTABLE_COLUMNS + column];
        for (size_t i = 0; i < rows; i++) finish_row(args, row + i, first, columns, sums[i]);
    }
}

/* The scale of a row, from its own elements. */
static inline osprey__row_scale row_scale(const float *x, size_t k)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < k; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7fffffff;
        if (bits > largest) largest = bits;
    }
    return osprey__row_scale_of(largest);
}

/* A row of args->a as signed bytes; returns their scale: NaN where an element is not finite. */
static inline float quantize_row(const osprey__gemm_args *args, size_t row, int8_t *out)
{
    const float *x = args->a + row * args->lda;
    osprey__row_scale scale = args->input_range > 0 ? osprey__row_scale_of_range(args->input_range)
                                                    : row_scale(x, args->k);
    for (size_t i = 0; i < args->k; i++) {
        float scaled = fmaxf(fminf(x[i] * scale.inverse, 127), -127);
        out[i] = scale.inverse ? (int8_t)lrintf(scaled) : 0;
        scale.scale += x[i] - x[i]; /* 0, or NaN */
    }
    return scale.scale;
}

#endif
