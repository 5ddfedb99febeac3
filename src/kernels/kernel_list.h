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

#define OSPREY__LEVEL(level, suffix)
#define OSPREY__GEMM(op, level, suffix, rows, columns)                                             \
    enum {                                                                                         \
        OSPREY__ROWS_##op##_##suffix = rows,                                                       \
        OSPREY__COLUMNS_##op##_##suffix = columns,                                                 \
    };                                                                                             \
    osprey__##op##_function osprey__##op##__##suffix;                                              \
    size_t osprey__##op##_scratch_floats__##suffix(size_t m, size_t k);
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

#endif
