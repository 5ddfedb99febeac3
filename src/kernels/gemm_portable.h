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

static inline float bias_of(const osprey__gemm_args *args, size_t column)
{
    return args->bias ? args->bias[column] : 0;
}

/* What else becomes of values, to which their bias was added: columns of a row, of the output
 * channels from first on. */
static inline void finish_values(const osprey__gemm_args *args, size_t row, size_t first,
                                 size_t columns, float *values)
{
    size_t at = row * args->ldc + first;
    if (args->residual) {
        const osprey__dtype dtype = args->rounded_residual ? OSPREY__BF16 : OSPREY__F32;
        float residual[PORTABLE_COLUMNS];
        osprey__to_f32(dtype, (const char *)args->residual + at * osprey__dtype_bytes(dtype),
                       columns, residual);
        for (size_t i = 0; i < columns; i++) values[i] += residual[i];
    }
    osprey__activation_f32__portable(args->activation, columns, values, values);
    if (args->rounded)
        osprey__from_f32(OSPREY__BF16, values, columns, (uint16_t *)args->c + at);
    else
        memcpy((float *)args->c + at, values, columns * sizeof *values);
}

static inline void finish_row(const osprey__gemm_args *args, size_t row, size_t first,
                              size_t columns, const float *sums)
{
    float values[PORTABLE_COLUMNS];
    for (size_t i = 0; i < columns; i++) values[i] = sums[i] + bias_of(args, first + i);
    finish_values(args, row, first, columns, values);
}

/* Of integers, which are multiples of the row's scale times their columns'. */
static inline void finish_integers(const osprey__gemm_args *args, size_t row, size_t first,
                                   size_t columns, const int32_t *integers, float scale,
                                   const float *column_scales)
{
    float values[PORTABLE_COLUMNS];
    for (size_t i = 0; i < columns; i++)
        values[i] = fmaf((float)integers[i], scale * column_scales[i], bias_of(args, first + i));
    finish_values(args, row, first, columns, values);
}

/* Row `row` of a. */
static inline const void *row_of(const osprey__gemm_args *args, size_t row)
{
    return (const char *)args->a + row * args->a_stride;
}

/*
 * All rows, of floats, with one panel, [k][PORTABLE_COLUMNS] of dtype, of the output channels from
 * first on. The fixed bounds let the compiler keep sums in registers; rows past the end repeat the
 * last.
 */
static inline void multiply_floats(const osprey__gemm_args *args, const char *panel,
                                   osprey__dtype dtype, size_t first)
{
    enum { CHUNK = 64 };
    size_t columns = args->n - first < PORTABLE_COLUMNS ? args->n - first : PORTABLE_COLUMNS;
    size_t step_bytes = PORTABLE_COLUMNS * osprey__dtype_bytes(dtype);
    for (size_t row = 0; row < args->m; row += PORTABLE_ROWS) {
        size_t rows = args->m - row < PORTABLE_ROWS ? args->m - row : PORTABLE_ROWS;
        const float *sources[PORTABLE_ROWS];
        for (size_t i = 0; i < PORTABLE_ROWS; i++)
            sources[i] = row_of(args, row + (i < rows ? i : rows - 1));
        float sums[PORTABLE_ROWS][PORTABLE_COLUMNS] = {0};
        for (size_t begin = 0; begin < args->k; begin += CHUNK) {
            size_t steps = args->k - begin < CHUNK ? args->k - begin : CHUNK;
            float weights[CHUNK * PORTABLE_COLUMNS];
            osprey__to_f32(dtype, panel + begin * step_bytes, steps * PORTABLE_COLUMNS, weights);
            for (size_t k = 0; k < steps; k++)
                for (size_t r = 0; r < PORTABLE_ROWS; r++)
                    for (size_t column = 0; column < PORTABLE_COLUMNS; column++)
                        sums[r][column] +=
                            sources[r][begin + k] * weights[k * PORTABLE_COLUMNS + column];
        }
        for (size_t i = 0; i < rows; i++) finish_row(args, row + i, first, columns, sums[i]);
    }
}

/* Element i of the patch that is a row of the input. */
static inline float patch_element(const osprey__gemm_input *input, size_t row, size_t i)
{
    const osprey__conv_shape *shape = input->patches;
    const size_t position = input->first + row, pixel = i / shape->channels;
    const osprey__span rows = osprey__window_rows(shape, position);
    const osprey__span columns = osprey__window_columns(shape, position);
    const size_t y = pixel / shape->kernel_width, x = pixel % shape->kernel_width;
    if (y < rows.skipped || y >= rows.skipped + rows.count || x < columns.skipped ||
        x >= columns.skipped + columns.count)
        return 0;
    const size_t map_y = rows.start + y - rows.skipped, map_x = columns.start + x - columns.skipped;
    return ((const float *)
                input->x)[(map_y * shape->width + map_x) * shape->channels + i % shape->channels];
}

/* Elements first..first+count-1 of a row of the input. */
static inline void read_row(const osprey__gemm_input *input, size_t row, size_t first, size_t count,
                            float *out)
{
    if (input->patches) {
        for (size_t i = 0; i < count; i++) out[i] = patch_element(input, row, first + i);
        return;
    }
    const char *x = (const char *)input->x + row * input->stride;
    osprey__to_f32(input->dtype, x + first * osprey__dtype_bytes(input->dtype), count, out);
}

/* The larger of largest and x's magnitude, as bits. */
static inline uint32_t larger_magnitude(uint32_t largest, float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0x7fffffff;
    return bits > largest ? bits : largest;
}

/* The scale of a row, from its own elements; of a patch, from all rows of the map that it lies in.
 */
static inline osprey__row_scale row_scale(const osprey__gemm_input *input, size_t row)
{
    uint32_t largest = 0;
    if (input->patches) {
        const osprey__span rows = osprey__window_rows(input->patches, input->first + row);
        const size_t row_floats = input->patches->width * input->patches->channels;
        const float *map = (const float *)input->x + rows.start * row_floats;
        for (size_t i = 0; i < rows.count * row_floats; i++)
            largest = larger_magnitude(largest, map[i]);
        return osprey__row_scale_of(largest);
    }
    for (size_t i = 0; i < input->k; i++) {
        float x;
        read_row(input, row, i, 1, &x);
        largest = larger_magnitude(largest, x);
    }
    return osprey__row_scale_of(largest);
}

/* A row of the input as signed bytes; returns their scale: NaN where an element is not finite. */
static inline float quantize_row(const osprey__gemm_input *input, size_t row, int8_t *out)
{
    osprey__row_scale scale = row_scale(input, row);
    if (input->range > 0 && isfinite(scale.scale)) scale = osprey__row_scale_of_range(input->range);
    for (size_t i = 0; i < input->k; i++) {
        float x;
        read_row(input, row, i, 1, &x);
        float scaled = fmaxf(fminf(x * scale.inverse, 127), -127);
        out[i] = scale.inverse ? (int8_t)lrintf(scaled) : 0;
    }
    return scale.scale;
}

#endif
