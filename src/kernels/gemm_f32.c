/* SPDX-License-Identifier: Apache-2.0 */
/* Packing for every instruction set, and the portable product. */
#include "base/memory.h"
#include "kernels/gemm.h"
#include "kernels/kernel_list.h"

#include <string.h>

enum { ROWS = OSPREY__ROWS_gemm_f32_portable, COLUMNS = OSPREY__COLUMNS_gemm_f32_portable };

size_t osprey__gemm_f32_panel_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    return osprey__round_up(kernel->columns * k * sizeof(float), OSPREY__ALIGNMENT);
}

void osprey__gemm_f32_pack(const osprey__gemm_kernel *kernel, size_t n, size_t k,
                           const float *weight, size_t stride_n, size_t stride_k, void *packed)
{
    size_t columns = kernel->columns, panel_bytes = kernel->panel_bytes(kernel, k);
    for (size_t first = 0; first < n; first += columns) {
        float *panel = (float *)((char *)packed + first / columns * panel_bytes);
        size_t used = n - first < columns ? n - first : columns;
        memset(panel, 0, panel_bytes);
        /* Rows of the weight are read front to back: a panel fits the cache, a matrix may not. */
        for (size_t column = 0; column < used; column++) {
            const float *source = weight + (first + column) * stride_n;
            for (size_t i = 0; i < k; i++) panel[i * columns + column] = source[i * stride_k];
        }
    }
}

/* The fixed bounds let the compiler keep sums in registers; rows past the end repeat the last. */
static void tile(size_t k, const float *const a[ROWS], const float *panel,
                 float sums[ROWS][COLUMNS])
{
    memset(sums, 0, ROWS * COLUMNS * sizeof(float));
    for (size_t i = 0; i < k; i++, panel += COLUMNS)
        for (size_t row = 0; row < ROWS; row++)
            for (size_t column = 0; column < COLUMNS; column++)
                sums[row][column] += a[row][i] * panel[column];
}

static void finish_row(const osprey__gemm_args *args, size_t row, size_t first, size_t columns,
                       const float *sums)
{
    float *c = args->c + row * args->ldc + first;
    float values[COLUMNS];
    for (size_t i = 0; i < columns; i++)
        values[i] = args->bias ? sums[i] + args->bias[first + i] : sums[i];
    if (args->residual) {
        const float *residual = args->residual + row * args->ldc + first;
        for (size_t i = 0; i < columns; i++) values[i] += residual[i];
    }
    osprey__activation_f32__portable(args->activation, columns, values, values);
    memcpy(c, values, columns * sizeof *c);
}

size_t osprey__gemm_f32_scratch_bytes__portable(size_t m, size_t k)
{
    (void)m;
    (void)k;
    return 0;
}

void osprey__gemm_f32__portable(const osprey__gemm_args *args)
{
    size_t panel_floats = osprey__round_up(COLUMNS * args->k, OSPREY__ALIGNMENT / sizeof(float));
    const float *panel = args->packed;
    for (size_t first = 0; first < args->n; first += COLUMNS, panel += panel_floats) {
        size_t columns = args->n - first < COLUMNS ? args->n - first : COLUMNS;
        for (size_t row = 0; row < args->m; row += ROWS) {
            size_t rows = args->m - row < ROWS ? args->m - row : ROWS;
            const float *a[ROWS];
            for (size_t i = 0; i < ROWS; i++)
                a[i] = args->a + (row + (i < rows ? i : rows - 1)) * args->lda;
            float sums[ROWS][COLUMNS];
            tile(args->k, a, panel, sums);
            for (size_t i = 0; i < rows; i++) finish_row(args, row + i, first, columns, sums[i]);
        }
    }
}
