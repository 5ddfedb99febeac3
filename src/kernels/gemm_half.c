/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bf16 and fp16: packing for every instruction set, and the portable products. Weights are rounded
 * once, when they are packed. With bf16 weights the rows of a are rounded to bf16 too, which is
 * what vdpbf16ps takes; with fp16 weights they stay as they are. Sums are fp32.
 *
 * A panel is [k / depth][columns][depth] of two bytes. Kernels that multiply halves have pairs of
 * them (rows_f16.h): their columns are scaled by powers of two (half_scale.h), and behind the
 * weights, on a 64-byte boundary, lie the [columns] scales.
 */
#include "base/dtype.h"
#include "base/memory.h"
#include "kernels/gemm_portable.h"
#include "kernels/half_scale.h"

static size_t panel_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    size_t depths = (k + kernel->depth - 1) / kernel->depth;
    return osprey__round_up(depths * kernel->depth * kernel->columns * sizeof(uint16_t),
                            OSPREY__ALIGNMENT);
}

static void pack(const osprey__gemm_kernel *kernel, size_t n, size_t k, const float *weight,
                 size_t stride_n, size_t stride_k, void *packed, osprey__dtype dtype)
{
    size_t columns = kernel->columns, depth = kernel->depth;
    for (size_t first = 0; first < n; first += columns) {
        uint16_t *panel = (uint16_t *)((char *)packed + first / columns * panel_bytes(kernel, k));
        memset(panel, 0, panel_bytes(kernel, k));
        for (size_t column = 0; column < columns && first + column < n; column++) {
            const float *source = weight + (first + column) * stride_n;
            for (size_t i = 0; i < k; i++)
                osprey__from_f32(dtype, source + i * stride_k, 1,
                                 panel + (i / depth * columns + column) * depth + i % depth);
        }
    }
}

size_t osprey__gemm_bf16_panel_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    return panel_bytes(kernel, k);
}

void osprey__gemm_bf16_pack(const osprey__gemm_kernel *kernel, size_t n, size_t k,
                            const float *weight, size_t stride_n, size_t stride_k, void *packed)
{
    pack(kernel, n, k, weight, stride_n, stride_k, packed, OSPREY__BF16);
}

static bool multiplies_halves(const osprey__gemm_kernel *kernel)
{
    return kernel->depth == 2;
}

size_t osprey__gemm_f16_panel_bytes(const osprey__gemm_kernel *kernel, size_t k)
{
    size_t scales = multiplies_halves(kernel) ? kernel->columns * sizeof(float) : 0;
    return panel_bytes(kernel, k) + osprey__round_up(scales, OSPREY__ALIGNMENT);
}

/* column: its first element. Returns what its elements have to be multiplied by. */
static float pack_scaled_column(const osprey__gemm_kernel *kernel, size_t k, const float *weight,
                                size_t stride, uint16_t *column)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < k; i++) largest = larger_magnitude(largest, weight[i * stride]);
    osprey__half_scale scale = osprey__half_scale_of(largest);
    for (size_t i = 0; i < k; i++) {
        float x = weight[i * stride] * scale.inverse;
        osprey__from_f32(OSPREY__F16, &x, 1, column + i / 2 * 2 * kernel->columns + i % 2);
    }
    return scale.scale;
}

void osprey__gemm_f16_pack(const osprey__gemm_kernel *kernel, size_t n, size_t k,
                           const float *weight, size_t stride_n, size_t stride_k, void *packed)
{
    if (!multiplies_halves(kernel)) {
        pack(kernel, n, k, weight, stride_n, stride_k, packed, OSPREY__F16);
        return;
    }
    char *panel = packed;
    for (size_t first = 0; first < n; first += kernel->columns) {
        float *scales = (float *)(panel + panel_bytes(kernel, k));
        memset(panel, 0, kernel->panel_bytes(kernel, k));
        for (size_t i = 0; i < kernel->columns && first + i < n; i++)
            scales[i] = pack_scaled_column(kernel, k, weight + (first + i) * stride_n, stride_k,
                                           (uint16_t *)panel + 2 * i);
        panel += kernel->panel_bytes(kernel, k);
    }
}

static void multiply(const osprey__gemm_args *args, osprey__dtype dtype)
{
    size_t elements = args->k * PORTABLE_COLUMNS;
    size_t stride = osprey__round_up(elements * sizeof(uint16_t), OSPREY__ALIGNMENT);
    const char *packed = args->packed;
    for (size_t first = 0; first < args->n; first += PORTABLE_COLUMNS, packed += stride)
        multiply_floats(args, packed, dtype, first);
}

size_t osprey__gemm_f16_row_bytes__portable(size_t k)
{
    return osprey__gemm_f32_row_bytes__portable(k);
}

void osprey__gemm_f16_prepare__portable(const osprey__gemm_input *input, void *rows)
{
    osprey__gemm_f32_prepare__portable(input, rows);
}

void osprey__gemm_f16__portable(const osprey__gemm_args *args)
{
    multiply(args, OSPREY__F16);
}

size_t osprey__gemm_bf16_row_bytes__portable(size_t k)
{
    return osprey__gemm_f32_row_bytes__portable(k);
}

/* Rounded, but kept as floats. */
void osprey__gemm_bf16_prepare__portable(const osprey__gemm_input *input, void *rows)
{
    char *out = rows;
    for (size_t row = 0; row < input->m; row++) {
        for (size_t i = 0; i < input->k; i++) {
            uint16_t half;
            float x;
            read_row(input, row, i, 1, &x);
            osprey__from_f32(OSPREY__BF16, &x, 1, &half);
            osprey__to_f32(OSPREY__BF16, &half, 1, (float *)out + i);
        }
        out += osprey__gemm_bf16_row_bytes__portable(input->k);
    }
}

void osprey__gemm_bf16__portable(const osprey__gemm_args *args)
{
    multiply(args, OSPREY__BF16);
}
