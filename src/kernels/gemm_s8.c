/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8: packing for every instruction set, and the portable product. A weight is a signed byte
 * times its output channel's scale, an activation one times its row's; sums are exact integers, so
 * all instruction sets agree bit for bit up to the activation function.
 *
 * A panel is [k / depth][columns][depth] bytes, then (on a 64-byte boundary) [columns] scales. A
 * byte is a weight plus OSPREY__INT8_OFFSET.
 */
#include "base/memory.h"
#include "kernels/gemm_portable.h"

static size_t weight_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    size_t depths = (k + kernel->depth - 1) / kernel->depth;
    return osprey__round_up(depths * kernel->depth * kernel->columns, OSPREY__ALIGNMENT);
}

size_t osprey__gemm_s8_panel_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    return weight_bytes(kernel, k) +
           osprey__round_up(kernel->columns * sizeof(float), OSPREY__ALIGNMENT);
}

/* column: its first byte; bytes that are neighbours along k lie as the panel has them. */
static float pack_column(const osprey__gemm_kernel *kernel, size_t k, const float *weight,
                         size_t stride, uint8_t *column)
{
    size_t depth = kernel->depth;
    int offset = OSPREY__INT8_OFFSET(depth);
    float largest = 0;
    for (size_t i = 0; i < k; i++) largest = fmaxf(largest, fabsf(weight[i * stride]));
    float inverse = largest > 0 ? 127 / largest : 0;
    for (size_t i = 0; i < k; i++) {
        long q = lrintf(weight[i * stride] * inverse);
        column[i / depth * depth * kernel->columns + i % depth] = (uint8_t)(q + offset);
    }
    return largest / 127;
}

void osprey__gemm_s8_pack(const osprey__gemm_kernel *kernel, size_t n, size_t k,
                          const float *weight, size_t stride_n, size_t stride_k, void *packed)
{
    uint8_t *panel = packed;
    for (size_t first = 0; first < n; first += kernel->columns) {
        float *scales = (float *)(panel + weight_bytes(kernel, k));
        memset(panel, 0, kernel->panel_bytes(kernel, k));
        for (size_t i = 0; i < kernel->columns && first + i < n; i++)
            scales[i] = pack_column(kernel, k, weight + (first + i) * stride_n, stride_k,
                                    panel + i * kernel->depth);
        panel += kernel->panel_bytes(kernel, k);
    }
}

/* A prepared row: k bytes, then (on a boundary of 4) their scale. */
static size_t scale_offset(size_t k)
{
    return osprey__round_up(k, sizeof(float));
}

size_t osprey__gemm_s8_row_bytes__portable(size_t k)
{
    return osprey__round_up(scale_offset(k) + sizeof(float), OSPREY__ALIGNMENT);
}

void osprey__gemm_s8_prepare__portable(const osprey__gemm_input *input, void *rows)
{
    char *out = rows;
    for (size_t row = 0; row < input->m; row++) {
        float scale = quantize_row(input, row, (int8_t *)out);
        memcpy(out + scale_offset(input->k), &scale, sizeof scale);
        out += osprey__gemm_s8_row_bytes__portable(input->k);
    }
}

void osprey__gemm_s8__portable(const osprey__gemm_args *args)
{
    size_t k = args->k, panel_weights = osprey__round_up(k * PORTABLE_COLUMNS, OSPREY__ALIGNMENT);
    const int8_t *panel = args->packed;
    for (size_t first = 0; first < args->n; first += PORTABLE_COLUMNS) {
        size_t columns = args->n - first < PORTABLE_COLUMNS ? args->n - first : PORTABLE_COLUMNS;
        const float *column_scales = (const float *)(panel + panel_weights);
        for (size_t row = 0; row < args->m; row++) {
            const int8_t *a = row_of(args, row);
            float scale;
            memcpy(&scale, a + scale_offset(k), sizeof scale);
            int32_t integers[PORTABLE_COLUMNS] = {0};
            for (size_t i = 0; i < k; i++)
                for (size_t column = 0; column < PORTABLE_COLUMNS; column++)
                    integers[column] += a[i] * panel[i * PORTABLE_COLUMNS + column];
            finish_integers(args, row, first, columns, integers, scale, column_scales);
        }
        panel +=
            panel_weights + osprey__round_up(PORTABLE_COLUMNS * sizeof(float), OSPREY__ALIGNMENT);
    }
}
