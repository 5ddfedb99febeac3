/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CPU executes: one function pointer an operator, chosen once for an instruction set.
 *
 * The portable C version is the reference; kernels.def lists it and the faster ones. Kernels work
 * on one thread's share, allocate nothing, and may be called from any number of threads on separate
 * outputs. A row of a result never depends on the other rows of the call, nor on how many there
 * are; strassen_f32's on the row that it is paired with.
 */
#ifndef OSPREY_KERNELS_KERNEL_TABLE_H
#define OSPREY_KERNELS_KERNEL_TABLE_H

#include "base/cpu/cpu_features.h"
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/image_ops.h"
#include "kernels/row_ops.h"
#include "kernels/strassen.h"
#include "kernels/token_merge.h"
#include "kernels/winograd.h"

typedef struct osprey__kernels {
    const char *instruction_set; /* as osprey__cpu_level_name says it */
    osprey__gemm_kernel gemm[OSPREY_PRECISIONS];
    osprey__attention_f32_kernel attention_f32;
    osprey__attention_bf16_kernel attention_bf16;
    osprey__attention_bf16_kernel attention_s8; /* run is NULL: this level has none */
    osprey__layer_norm_f32_function *layer_norm_f32;
    osprey__activation_f32_function *activation_f32;
    osprey__add_f32_function *add_f32;
    osprey__multiply_f32_function *multiply_f32;
    osprey__turn_pairs_f32_function *turn_pairs_f32;
    osprey__average_pool_f32_function *average_pool_f32;
    osprey__max_pool_f32_function *max_pool_f32;
    osprey__group_norm_f32_function *group_norm_f32;
    osprey__winograd_input_f32_function *winograd_input_f32;
    osprey__winograd_output_f32_function *winograd_output_f32;
    osprey__strassen_prepare_f32_function *strassen_prepare_f32; /* NULL: this level has none */
    osprey__strassen_f32_function *strassen_f32;                 /* the same */
    osprey__depthwise_f32_function *depthwise_f32;
    osprey__gate_f32_function *gate_f32;
    osprey__transpose_f32_function *transpose_f32;
    osprey__token_match_f32_function *token_match_f32;
} osprey__kernels;

/* The table for a level that the machine supports. Static storage. */
const osprey__kernels *osprey__kernels_for(osprey__cpu_level level);

/* What both factors of a product in this precision are: fp32 for fp16 whose weights are widened. */
osprey_precision osprey__kernels_factors(const osprey__kernels *kernels,
                                         osprey_precision precision);

/* The form in which these kernels read packed weights, as text: columns x depth of each format
 * ("32x1 64x4"). */
void osprey__kernels_packing(const osprey__kernels *kernels, char *text, size_t capacity);

#endif
