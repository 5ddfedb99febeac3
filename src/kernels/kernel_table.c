/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_table.h"

#include "kernels/kernel_list.h"

#include <pthread.h>
#include <stdio.h>

static osprey__kernels tables[OSPREY__CPU_LEVELS] = {
#define OSPREY__LEVEL(level, suffix) [OSPREY__CPU_##level].instruction_set = #suffix,
#define OSPREY__GEMM(format, op, level, suffix, tile_rows, tile_columns, tile_depth, dtype)        \
    [OSPREY__CPU_##level].gemm[OSPREY_PRECISION_##format] = {                                      \
        .run = osprey__##op##__##suffix,                                                           \
        .rows = tile_rows,                                                                         \
        .columns = tile_columns,                                                                   \
        .depth = tile_depth,                                                                       \
        .takes_patches = OSPREY_PRECISION_##format != OSPREY_PRECISION_INT4,                       \
        .takes = OSPREY__##dtype,                                                                  \
        .row_bytes = osprey__##op##_row_bytes__##suffix,                                           \
        .prepare = osprey__##op##_prepare__##suffix,                                               \
        .panel_bytes = osprey__##op##_panel_bytes,                                                 \
        .pack = osprey__##op##_pack,                                                               \
    },
#define OSPREY__ATTENTION(op, level, suffix)                                                       \
    [OSPREY__CPU_##level].op = {.run = osprey__##op##__##suffix,                                   \
                                .scratch_floats = osprey__##op##_scratch_floats__##suffix},
#define OSPREY__KERNEL(op, level, suffix) [OSPREY__CPU_##level].op = osprey__##op##__##suffix,
#include "kernels/kernels.def"
#undef OSPREY__LEVEL
#undef OSPREY__GEMM
#undef OSPREY__ATTENTION
#undef OSPREY__KERNEL
};

/* What a level has no kernel of its own for it takes from the one below. */
static void inherit(osprey__kernels *table, const osprey__kernels *below)
{
#define INHERIT(field, is_there)                                                                   \
    if (!table->is_there) table->field = below->field
    for (size_t format = 0; format < OSPREY_PRECISIONS; format++)
        INHERIT(gemm[format], gemm[format].run);
    INHERIT(attention_f32, attention_f32.run);
    INHERIT(attention_bf16, attention_bf16.run);
    INHERIT(attention_s8, attention_s8.run);
    INHERIT(layer_norm_f32, layer_norm_f32);
    INHERIT(activation_f32, activation_f32);
    INHERIT(add_f32, add_f32);
    INHERIT(multiply_f32, multiply_f32);
    INHERIT(turn_pairs_f32, turn_pairs_f32);
    INHERIT(average_pool_f32, average_pool_f32);
    INHERIT(max_pool_f32, max_pool_f32);
    INHERIT(group_norm_f32, group_norm_f32);
    INHERIT(winograd_input_f32, winograd_input_f32);
    INHERIT(winograd_output_f32, winograd_output_f32);
    INHERIT(strassen_prepare_f32, strassen_prepare_f32);
    INHERIT(strassen_f32, strassen_f32);
    INHERIT(depthwise_f32, depthwise_f32);
    INHERIT(gate_f32, gate_f32);
    INHERIT(transpose_f32, transpose_f32);
    INHERIT(token_match_f32, token_match_f32);
    INHERIT(instruction_set, instruction_set);
#undef INHERIT
}

static void complete_tables(void)
{
    for (size_t level = 1; level < OSPREY__CPU_LEVELS; level++)
        inherit(&tables[level], &tables[level - 1]);
}

const osprey__kernels *osprey__kernels_for(osprey__cpu_level level)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, complete_tables);
    return &tables[level];
}

osprey_precision osprey__kernels_factors(const osprey__kernels *kernels, osprey_precision precision)
{
    if (precision == OSPREY_PRECISION_INT4) return OSPREY_PRECISION_INT8;
    return kernels->gemm[precision].takes == OSPREY__F32 ? OSPREY_PRECISION_FP32 : precision;
}

void osprey__kernels_packing(const osprey__kernels *kernels, char *text, size_t capacity)
{
    size_t used = 0;
    for (size_t format = 0; format < OSPREY_PRECISIONS && used < capacity; format++) {
        const osprey__gemm_kernel *gemm = &kernels->gemm[format];
        used += (size_t)snprintf(text + used, capacity - used, "%s%zux%zu", format ? " " : "",
                                 gemm->columns, gemm->depth);
    }
}
