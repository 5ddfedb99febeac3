/* SPDX-License-Identifier: Apache-2.0 */
/* fp32: packing for every instruction set, and the portable product. */
#include "base/memory.h"
#include "kernels/gemm_portable.h"

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

size_t osprey__gemm_f32_row_bytes__portable(size_t k)
{
    return osprey__round_up(k * sizeof(float), OSPREY__ALIGNMENT);
}

void osprey__gemm_f32_prepare__portable(const osprey__gemm_input *input, void *rows)
{
    char *out = rows;
    for (size_t row = 0; row < input->m;
         row++, out += osprey__gemm_f32_row_bytes__portable(input->k))
        read_row(input, row, 0, input->k, (float *)out);
}

void osprey__gemm_f32__portable(const osprey__gemm_args *args)
{
    size_t panel_bytes =
        osprey__round_up(PORTABLE_COLUMNS * args->k * sizeof(float), OSPREY__ALIGNMENT);
    const char *panel = args->packed;
    for (size_t first = 0; first < args->n; first += PORTABLE_COLUMNS, panel += panel_bytes)
        multiply_floats(args, panel, OSPREY__F32, first);
}
