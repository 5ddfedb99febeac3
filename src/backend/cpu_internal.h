/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the CPU backend. */
#ifndef OSPREY_BACKEND_CPU_INTERNAL_H
#define OSPREY_BACKEND_CPU_INTERNAL_H

#include "backend/cpu_backend.h"
#include "base/memory.h"

/* Rows that a thread takes at once, a register tile's at least: their inputs stay in its cache
 * while all weights pass by. */
#define OSPREY__BLOCK_ROWS 96

/* Input i of the step, where the plan has it as floats; NULL where it is absent. */
const float *osprey__step_input(const osprey__run *run, const osprey__step *step, size_t i);
/* Where the output goes, in the form that the plan gives it. */
void *osprey__step_output(const osprey__run *run, const osprey__step *step);
const osprey__shape *osprey__step_shape(const osprey__run *run, osprey__value_id id);

/* Rows and columns of a sequence's patches. */
typedef struct osprey__patch_grid {
    size_t rows, columns;
} osprey__patch_grid;

/* That of the sequence, from a value with the role of a grid; at least one of each and not more
 * than `most` patches, whatever numbers there are. */
osprey__patch_grid osprey__cpu_grid(const osprey__run *run, osprey__value_id id, size_t sequence,
                                    size_t most);

/* Of the keys of an attention over fixed-length sequences, those that are no padding. */
size_t osprey__cpu_keys(const osprey__run *run, const osprey__step *step, size_t sequence);

/* Room for the rows of a product that the plan keeps with this value; NULL where there is none. */
char *osprey__prepared_rows(const osprey__run *run, osprey__value_id id);

void osprey__cpu_linear(const osprey__run *run, const osprey__step *step);
void osprey__cpu_strassen(const osprey__run *run, const osprey__step *step, size_t m);
void osprey__cpu_conv2d(const osprey__run *run, const osprey__step *step);
void osprey__cpu_winograd(const osprey__run *run, const osprey__step *step);
void osprey__cpu_attention(const osprey__run *run, const osprey__step *step);
void osprey__cpu_attention_bf16(const osprey__run *run, const osprey__step *step);
void osprey__cpu_layer_norm(const osprey__run *run, const osprey__step *step);
void osprey__cpu_activation(const osprey__run *run, const osprey__step *step);
void osprey__cpu_add(const osprey__run *run, const osprey__step *step);
void osprey__cpu_multiply(const osprey__run *run, const osprey__step *step);
void osprey__cpu_average_pool(const osprey__run *run, const osprey__step *step);
void osprey__cpu_max_pool(const osprey__run *run, const osprey__step *step);
void osprey__cpu_group_norm(const osprey__run *run, const osprey__step *step);
void osprey__cpu_depthwise(const osprey__run *run, const osprey__step *step);
void osprey__cpu_gate(const osprey__run *run, const osprey__step *step);
void osprey__cpu_mean(const osprey__run *run, const osprey__step *step);
void osprey__cpu_concat(const osprey__run *run, const osprey__step *step);
void osprey__cpu_slice(const osprey__run *run, const osprey__step *step);
void osprey__cpu_gather(const osprey__run *run, const osprey__step *step);
void osprey__cpu_transpose(const osprey__run *run, const osprey__step *step);
void osprey__cpu_grid_positions(const osprey__run *run, const osprey__step *step);
void osprey__cpu_token_match(const osprey__run *run, const osprey__step *step);
void osprey__cpu_token_merge(const osprey__run *run, const osprey__step *step);
void osprey__cpu_token_sizes(const osprey__run *run, const osprey__step *step);

/* Floats of scratch, in whole cache lines, for keys and values of a text that shares rows. */
static inline size_t osprey__gathered_floats(size_t key_rows, size_t head_dim)
{
    return osprey__round_up(2 * key_rows * head_dim, OSPREY__ALIGNMENT / sizeof(float));
}

/* The step's product of m rows that has yet to be told where they are. */
osprey__gemm_args osprey__cpu_product_args(const osprey__run *run, const osprey__step *step,
                                           size_t m);

/* The tasks of a product of [m, k] and [k, n] that is split so. */
osprey__product_tasks osprey__cpu_product_tasks(const osprey__gemm_kernel *gemm, size_t m, size_t n,
                                                size_t threads, osprey_task_split how);

/* The same where the rows are in so many blocks. */
osprey__product_tasks osprey__cpu_column_tasks(const osprey__gemm_kernel *gemm, size_t row_blocks,
                                               size_t n, size_t threads, osprey_task_split how);

/* osprey__cpu_step_tasks of a step that runs by kernels/strassen.h. */
osprey__product_tasks osprey__cpu_strassen_tasks(const osprey__step *step, size_t m, size_t threads,
                                                 osprey_task_split how);

/* The row block and the column block of a task. */
typedef struct osprey__task_place {
    size_t row_block, column_block;
} osprey__task_place;

osprey__task_place osprey__cpu_task_place(const osprey__product_tasks *tasks, size_t task);

/* Floats of scratch that a task of osprey__cpu_linear or osprey__cpu_conv2d takes. */
size_t osprey__cpu_product_scratch_floats(const osprey__plan *plan);

/* The same of osprey__cpu_strassen in bytes, for a step that is split into so many rows a task at
 * most. */
size_t osprey__cpu_strassen_scratch_bytes(const osprey__step *step, size_t rows);

/* The same of osprey__cpu_winograd. */
size_t osprey__cpu_winograd_scratch_floats(const osprey__plan *plan);

/* The same of osprey__cpu_layer_norm. */
size_t osprey__cpu_layer_norm_scratch_floats(const osprey__plan *plan);

/* The same of osprey__cpu_transpose. */
size_t osprey__cpu_transpose_scratch_floats(const osprey__plan *plan);

/* The same of osprey__cpu_group_norm. */
size_t osprey__cpu_group_norm_scratch_floats(const osprey__plan *plan);

/* The same of osprey__cpu_token_match and osprey__cpu_token_merge. */
size_t osprey__cpu_token_scratch_floats(const osprey__plan *plan);

/* The same of osprey__cpu_grid_positions. */
size_t osprey__cpu_grid_scratch_floats(const osprey__plan *plan);

/* Before the kernel's own scratch, the turned queries and keys, and the values, of one head. */
size_t osprey__cpu_turned_floats(const osprey__plan *plan);

/* The same, the biases of as many keys. */
static inline size_t osprey__cpu_key_bias_floats(size_t keys)
{
    return osprey__divide_up(keys, 16) * 16;
}

#endif
