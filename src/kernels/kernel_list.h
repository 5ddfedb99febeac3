/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declares every kernel of kernels.def, for the files that define them and for the table:
 * osprey__OPERATOR__SUFFIX, OSPREY__ROWS_OPERATOR_SUFFIX (of a register tile), and so on.
 */
#ifndef OSPREY_KERNELS_KERNEL_LIST_H
#define OSPREY_KERNELS_KERNEL_LIST_H

#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/image_ops.h"
#include "kernels/row_ops.h"
#include "kernels/strassen.h"
#include "kernels/token_merge.h"
#include "kernels/winograd.h"

#define OSPREY__LEVEL(level, suffix)
#define OSPREY__GEMM(format, op, level, suffix, tile_rows, tile_columns, depth, takes)             \
    enum {                                                                                         \
        OSPREY__ROWS_##op##_##suffix = tile_rows,                                                  \
        OSPREY__COLUMNS_##op##_##suffix = tile_columns,                                            \
    };                                                                                             \
    osprey__gemm_function osprey__##op##__##suffix;                                                \
    size_t osprey__##op##_row_bytes__##suffix(size_t k);                                           \
    void osprey__##op##_prepare__##suffix(const osprey__gemm_input *input, void *rows);
#define OSPREY__ATTENTION(op, level, suffix)                                                       \
    osprey__##op##_function osprey__##op##__##suffix;                                              \
    size_t osprey__##op##_scratch_floats__##suffix(size_t query_rows, size_t key_rows,             \
                                                   size_t head_dim);
#define OSPREY__KERNEL(op, level, suffix) osprey__##op##_function osprey__##op##__##suffix;
#include "kernels/kernels.def"
#undef OSPREY__LEVEL
#undef OSPREY__GEMM
#undef OSPREY__ATTENTION
#undef OSPREY__KERNEL

/* Packing of a format, for every instruction set. */
#define OSPREY__PACKING(op)                                                                        \
    size_t osprey__##op##_panel_bytes(const osprey__gemm_kernel *kernel, size_t k);                \
    void osprey__##op##_pack(const osprey__gemm_kernel *kernel, size_t n, size_t k,                \
                             const float *weight, size_t stride_n, size_t stride_k, void *packed);
OSPREY__PACKING(gemm_f32)
OSPREY__PACKING(gemm_bf16)
OSPREY__PACKING(gemm_f16)
OSPREY__PACKING(gemm_s8)
OSPREY__PACKING(gemm_s4)
#undef OSPREY__PACKING

#endif
