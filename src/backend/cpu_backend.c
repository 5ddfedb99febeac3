/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/cpu_internal.h"

#include <string.h>

size_t osprey__cpu_scratch_floats(const osprey__plan *plan, size_t longest_text)
{
    size_t floats = osprey__cpu_product_scratch_floats(plan);
    size_t winograd = osprey__cpu_winograd_scratch_floats(plan);
    if (winograd > floats) floats = winograd;
    size_t norm = osprey__cpu_layer_norm_scratch_floats(plan);
    if (norm > floats) floats = norm;
    size_t tokens = osprey__cpu_token_scratch_floats(plan);
    if (tokens > floats) floats = tokens;
    size_t grid = osprey__cpu_grid_scratch_floats(plan);
    if (grid > floats) floats = grid;
    size_t transposed = osprey__cpu_transpose_scratch_floats(plan);
    if (transposed > floats) floats = transposed;
    size_t groups = osprey__cpu_group_norm_scratch_floats(plan);
    if (groups > floats) floats = groups;
    if (plan->largest_head_dim) {
        const osprey__kernels *kernels = plan->kernels;
        size_t rows = plan->largest_sequence > longest_text ? plan->largest_sequence : longest_text;
        size_t attention =
            kernels->attention_f32.scratch_floats(rows, rows, plan->largest_head_dim) +
            osprey__gathered_floats(longest_text, plan->largest_head_dim) +
            osprey__cpu_key_bias_floats(rows) + osprey__cpu_turned_floats(plan);
        if (attention > floats) floats = attention;
        rows = plan->largest_sequence;
        attention = kernels->attention_bf16.scratch_floats(rows, rows, plan->largest_head_dim);
        if (attention > floats) floats = attention;
        if (kernels->attention_s8.run) {
            attention = kernels->attention_s8.scratch_floats(rows, rows, plan->largest_head_dim);
            if (attention > floats) floats = attention;
        }
    }
    return osprey__divide_up(floats, 16) * 16; /* so that every share is aligned */
}

const void *osprey__run_value(const osprey__run *run, osprey__value_id id)
{
    const osprey__value *value = &run->plan->graph->values[id];
    const osprey__placement *placement = &run->plan->placements[id];
    switch (value->kind) {
    case OSPREY__CONSTANT:
        return placement->constant;
    case OSPREY__INPUT:
        return run->inputs[id];
    case OSPREY__COMPUTED:
        break;
    }
    osprey__value_id root = placement->root;
    /* A reshaped input has no memory of its own. */
    if (run->plan->graph->values[root].kind == OSPREY__INPUT) return run->inputs[root];
    return run->arena + run->offsets[root];
}

osprey__run_rows osprey__run_get_rows(const osprey__run *run, osprey__value_id id)
{
    const osprey__value *value = &run->plan->graph->values[id];
    const osprey__row_form *form = &run->plan->placements[id].form;
    return (osprey__run_rows){
        .first = osprey__run_value(run, id),
        .count = osprey__value_elements(value, run->sequences, run->tokens) / form->width,
        .form = form,
    };
}

void osprey__run_get_floats(const osprey__run *run, osprey__value_id id, float *floats)
{
    osprey__run_rows rows = osprey__run_get_rows(run, id);
    for (size_t row = 0; row < rows.count; row++)
        osprey__to_f32(rows.form->dtype, rows.first + row * rows.form->stride, rows.form->width,
                       floats + row * rows.form->width);
}

void osprey__run_set_floats(const osprey__run *run, osprey__value_id id, const float *floats)
{
    const osprey__row_form *form = &run->plan->placements[id].form;
    char *rows = run->arena + run->offsets[run->plan->placements[id].root];
    size_t elements =
        osprey__value_elements(&run->plan->graph->values[id], run->sequences, run->tokens);
    for (size_t i = 0; i < elements; i += form->width, rows += form->stride)
        if (form->dtype == OSPREY__F32)
            memcpy(rows, floats + i, form->width * sizeof *floats);
        else
            osprey__from_f32(form->dtype, floats + i, form->width, (uint16_t *)(void *)rows);
}

const float *osprey__step_input(const osprey__run *run, const osprey__step *step, size_t i)
{
    osprey__value_id id = step->node->inputs[i];
    return id == OSPREY__NO_VALUE ? NULL : osprey__run_value(run, id);
}

void *osprey__step_output(const osprey__run *run, const osprey__step *step)
{
    return run->arena + run->offsets[run->plan->placements[step->node->output].root];
}

char *osprey__prepared_rows(const osprey__run *run, osprey__value_id id)
{
    const osprey__placement *placements = run->plan->placements;
    osprey__value_id root = placements[id].root;
    if (placements[id].form.width != placements[root].form.width ||
        !osprey__prepared_bytes(run->plan, root, run->sequences, run->tokens))
        return NULL;
    return run->arena + run->offsets[root] +
           osprey__value_bytes(run->plan, root, run->sequences, run->tokens);
}

const osprey__shape *osprey__step_shape(const osprey__run *run, osprey__value_id id)
{
    return &run->plan->graph->values[id].shape;
}

static void run_step(const osprey__run *run, const osprey__step *step)
{
    switch (step->node->op) {
    case OSPREY__OP_LINEAR:
        osprey__cpu_linear(run, step);
        break;
    case OSPREY__OP_CONV2D:
        if (step->winograd)
            osprey__cpu_winograd(run, step);
        else
            osprey__cpu_conv2d(run, step);
        break;
    case OSPREY__OP_DEPTHWISE:
        osprey__cpu_depthwise(run, step);
        break;
    case OSPREY__OP_GATE:
        osprey__cpu_gate(run, step);
        break;
    case OSPREY__OP_LAYER_NORM:
        osprey__cpu_layer_norm(run, step);
        break;
    case OSPREY__OP_ATTENTION:
        if (run->plan->placements[step->node->output].form.dtype == OSPREY__BF16)
            osprey__cpu_attention_bf16(run, step);
        else
            osprey__cpu_attention(run, step);
        break;
    case OSPREY__OP_ACTIVATION:
        osprey__cpu_activation(run, step);
        break;
    case OSPREY__OP_ADD:
        osprey__cpu_add(run, step);
        break;
    case OSPREY__OP_MULTIPLY:
        osprey__cpu_multiply(run, step);
        break;
    case OSPREY__OP_AVERAGE_POOL:
        osprey__cpu_average_pool(run, step);
        break;
    case OSPREY__OP_MAX_POOL:
        osprey__cpu_max_pool(run, step);
        break;
    case OSPREY__OP_GROUP_NORM:
        osprey__cpu_group_norm(run, step);
        break;
    case OSPREY__OP_MEAN:
        osprey__cpu_mean(run, step);
        break;
    case OSPREY__OP_CONCAT:
        osprey__cpu_concat(run, step);
        break;
    case OSPREY__OP_SLICE:
        osprey__cpu_slice(run, step);
        break;
    case OSPREY__OP_GATHER:
        osprey__cpu_gather(run, step);
        break;
    case OSPREY__OP_TRANSPOSE:
        osprey__cpu_transpose(run, step);
        break;
    case OSPREY__OP_GRID_POSITIONS:
        osprey__cpu_grid_positions(run, step);
        break;
    case OSPREY__OP_TOKEN_MATCH:
        osprey__cpu_token_match(run, step);
        break;
    case OSPREY__OP_TOKEN_MERGE:
        osprey__cpu_token_merge(run, step);
        break;
    case OSPREY__OP_TOKEN_SIZES:
        osprey__cpu_token_sizes(run, step);
        break;
    case OSPREY__OP_RESHAPE:
        break; /* shares its input's memory */
    case OSPREY__OP_BATCH_NORM:
        break; /* refused by osprey__plan_create */
    }
}

void osprey__cpu_run(const osprey__run *run)
{
    for (size_t s = 0; s < run->plan->step_count; s++) {
        if (run->stream) osprey__weight_stream_enter(run->stream, s);
        if (run->observer) run->observer(run->observer_context, run, s);
        run_step(run, &run->plan->steps[s]);
        if (run->check) osprey__weight_check_follow(run->check, run->pool, run->stream, s);
    }
    if (run->stream) osprey__weight_stream_enter(run->stream, run->plan->step_count);
    if (run->observer) run->observer(run->observer_context, run, run->plan->step_count);
}
