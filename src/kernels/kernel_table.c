/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/kernel_table.h"

#include "kernels/kernel_list.h"

static const osprey__kernels tables[OSPREY__CPU_LEVELS] = {
#define OSPREY__LEVEL(level, suffix) [OSPREY__CPU_##level].instruction_set = #suffix,
#define OSPREY__GEMM(format, op, level, suffix, tile_rows, tile_columns, tile_depth)               \
    [OSPREY__CPU_##level].gemm[OSPREY__WEIGHT_##format] = {                                        \
        .run = osprey__##op##__##suffix,                                                           \
        .rows = tile_rows,                                                                         \
        .columns = tile_columns,                                                                   \
        .depth = tile_depth,                                                                       \
        .scratch_bytes = osprey__##op##_scratch_bytes__##suffix,                                   \
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

const osprey__kernels *osprey__kernels_for(osprey__cpu_level level)
{
    /* A level without a table of its own (on another architecture) takes the one below. */
    while (level > OSPREY__CPU_PORTABLE && !tables[level].attention_f32.run) level--;
    return &tables[level];
}
