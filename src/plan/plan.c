/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include "base/memory.h"
#include "base/status.h"
#include "kernels/quantize.h"
#include "plan/conv_weights.h"
#include "plan/row_forms.h"
#include "plan/strassen_rows.h"

#include <string.h>

static bool is_product(const osprey__node *node)
{
    return node->op == OSPREY__OP_LINEAR || node->op == OSPREY__OP_CONV2D;
}

/* Input i of the node is a weight that is packed, or a gather's table: not kept as floats. */
static bool is_weight_input(const osprey__node *node, size_t i)
{
    return (is_product(node) && i == 1) || (node->op == OSPREY__OP_GATHER && i == 0);
}

static void describe_step(osprey__plan *plan, const osprey__node *node, osprey__step *step)
{
    const osprey__value *values = plan->graph->values;
    const osprey__shape *x = &values[node->inputs[0]].shape;
    const osprey__attributes *a = &node->attributes;
    step->node = node;
    if (is_product(node)) step->gemm = &plan->kernels->gemm[a->precision];
    if (node->op == OSPREY__OP_LINEAR) {
        const osprey__shape *weight = &values[node->inputs[1]].shape;
        step->groups = osprey__linear_groups(node);
        step->out_channels = a->transposed ? weight->dims[1] : weight->dims[0] / step->groups;
        step->in_channels = a->transposed ? weight->dims[0] / step->groups : weight->dims[1];
    } else if (node->op == OSPREY__OP_CONV2D) {
        const osprey__shape *weight = &values[node->inputs[1]].shape;
        const osprey__shape *out = &values[node->output].shape;
        step->groups = 1;
        step->out_channels = weight->dims[0];
        step->in_channels = weight->dims[1] * weight->dims[2] * weight->dims[3];
        step->conv = (osprey__conv_shape){
            .height = x->dims[a->planar ? 1 : 0],
            .width = x->dims[a->planar ? 2 : 1],
            .channels = weight->dims[1],
            .planar = a->planar,
            .kernel_height = weight->dims[2],
            .kernel_width = weight->dims[3],
            .stride = a->stride,
            .padding = a->padding,
            .out_height = out->dims[0],
            .out_width = out->dims[1],
        };
        step->winograd = osprey__conv_takes_winograd(step);
    } else if (node->op == OSPREY__OP_DEPTHWISE) {
        const osprey__shape *filter = &values[node->inputs[1]].shape;
        const osprey__shape *out = &values[node->output].shape;
        step->conv = (osprey__conv_shape){.height = x->dims[0],
                                          .width = x->dims[1],
                                          .channels = x->dims[2],
                                          .kernel_height = filter->dims[1],
                                          .kernel_width = filter->dims[2],
                                          .stride = a->stride,
                                          .padding = a->padding,
                                          .out_height = out->dims[0],
                                          .out_width = out->dims[1]};
    } else if (node->op == OSPREY__OP_MAX_POOL || node->op == OSPREY__OP_AVERAGE_POOL) {
        const osprey__shape *out = &values[node->output].shape;
        step->conv = (osprey__conv_shape){.height = x->dims[0],
                                          .width = x->dims[1],
                                          .channels = x->dims[2],
                                          .kernel_height = a->size,
                                          .kernel_width = a->size,
                                          .stride = osprey__pool_stride(a),
                                          .padding = a->padding,
                                          .out_height = out->dims[0],
                                          .out_width = out->dims[1]};
    } else if (node->op == OSPREY__OP_ATTENTION) {
        const osprey__shape *k = &values[node->inputs[1]].shape;
        if (a->head_dim > plan->largest_head_dim) plan->largest_head_dim = a->head_dim;
        size_t rows = x->dims[0] > k->dims[0] ? x->dims[0] : k->dims[0];
        if (k->extent == OSPREY__PER_SEQUENCE && rows > plan->largest_sequence)
            plan->largest_sequence = rows;
        if (k->extent == OSPREY__PER_TOKEN && !a->causal) plan->sees_ahead = true;
    } else if (node->op == OSPREY__OP_MEAN) {
        if (x->extent == OSPREY__PER_TOKEN) plan->sees_ahead = true;
    }
    step->strassen_rows = osprey__strassen_pays() ? osprey__strassen_rows_of(plan, step) : 0;
}

/*
 * The constant's elements: its own where they are floats already, which saves copying a large
 * model once more, else those of *copy (freed with osprey__free). NULL without memory.
 */
static const float *read_floats(const osprey__value *value, float **copy)
{
    *copy = NULL;
    bool aligned = (uintptr_t)value->data % _Alignof(float) == 0;
    if (value->dtype == OSPREY__F32 && aligned) return value->data;
    return *copy = osprey__graph_constant_f32(value);
}

/* Packs the weight of a linear or conv2d at *place. */
static osprey_status pack_weight(const osprey__plan *plan, const osprey__step *step, void *place,
                                 osprey_error *error)
{
    const osprey__value *weight = &plan->graph->values[step->node->inputs[1]];
    size_t n = step->out_channels, k = step->in_channels;
    float *copy;
    const float *floats = read_floats(weight, &copy);
    if (!floats) return osprey__fail_memory(error, step->groups * n * k * sizeof *floats);
    const osprey__gemm_kernel *gemm = step->gemm;
    osprey_status status = OSPREY_OK;
    if (step->node->op == OSPREY__OP_LINEAR) {
        const bool transposed = step->node->attributes.transposed;
        const size_t group_bytes = osprey__gemm_packed_bytes(gemm, n, k);
        for (size_t group = 0; group < step->groups; group++)
            gemm->pack(gemm, n, k, floats + group * n * k, transposed ? 1 : k, transposed ? n : 1,
                       (char *)place + group * group_bytes);
    } else {
        status = osprey__pack_filters(step, floats, place, error);
    }
    osprey__free(copy);
    return status;
}

/* Whether the graph's own copy of the constant is read after place `index` is filled. */
static bool is_read_later(const osprey__plan *plan, osprey__value_id id, size_t index)
{
    for (size_t i = index + 1; i < plan->weight_place_count; i++)
        if (plan->weight_places[i].value == id) return true;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        if (node->op == OSPREY__OP_GATHER && node->inputs[0] == id) return true;
    }
    return false;
}

/* Appends a place; the list has room. */
static void add_place(osprey__plan *plan, size_t step, osprey__value_id value, size_t bytes)
{
    osprey__weight_place *place = &plan->weight_places[plan->weight_place_count++];
    *place = (osprey__weight_place){step, value, plan->weight_bytes, bytes};
    plan->weight_bytes += osprey__round_up(bytes, OSPREY__ALIGNMENT);
}

/* Gives every packed weight and every float constant its place, in the order of the steps. */
static osprey_status place_weights(osprey__plan *plan, osprey_error *error)
{
    const osprey__graph *graph = plan->graph;
    size_t most = plan->step_count * OSPREY__MAX_INPUTS;
    bool *placed = osprey__calloc(graph->value_count, sizeof *placed);
    plan->weight_places = osprey__calloc(most, sizeof *plan->weight_places);
    if (!placed || !plan->weight_places) {
        osprey__free(placed);
        return osprey__fail_memory(error, most * sizeof *plan->weight_places);
    }
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        const osprey__node *node = step->node;
        if (is_product(node)) add_place(plan, s, node->inputs[1], osprey__step_packed_bytes(step));
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
            osprey__value_id id = node->inputs[i];
            if (id == OSPREY__NO_VALUE || is_weight_input(node, i) || placed[id] ||
                graph->values[id].kind != OSPREY__CONSTANT)
                continue;
            add_place(plan, SIZE_MAX, id,
                      osprey__shape_elements(&graph->values[id].shape) * sizeof(float));
            placed[id] = true;
        }
    }
    osprey__free(placed);
    return OSPREY_OK;
}

/* Writes the place's weight or constant to `to`, and frees the graph's copy if it can. */
static osprey_status fill_place(osprey__plan *plan, size_t index, void *to, osprey_error *error)
{
    const osprey__weight_place *place = &plan->weight_places[index];
    const osprey__value *value = &plan->graph->values[place->value];
    if (place->step != SIZE_MAX)
        OSPREY_TRY(pack_weight(plan, &plan->steps[place->step], to, error));
    else
        osprey__to_f32(value->dtype, value->data, osprey__shape_elements(&value->shape), to);
    if (!is_read_later(plan, place->value, index)) osprey__graph_release(plan->graph, place->value);
    return OSPREY_OK;
}

void osprey__plan_map(osprey__plan *plan, const void *weights)
{
    plan->block = weights;
    for (size_t i = 0; i < plan->weight_place_count; i++) {
        const osprey__weight_place *place = &plan->weight_places[i];
        const void *at = (const char *)weights + place->offset;
        if (place->step != SIZE_MAX)
            plan->steps[place->step].packed = at;
        else
            plan->placements[place->value].constant = at;
    }
}

osprey_status osprey__plan_pack(osprey__plan *plan, osprey_error *error)
{
    plan->weights = osprey__aligned_alloc(plan->weight_bytes);
    if (!plan->weights) return osprey__fail_memory(error, plan->weight_bytes);
    for (size_t i = 0; i < plan->weight_place_count; i++) {
        char *to = (char *)plan->weights + plan->weight_places[i].offset;
        OSPREY_TRY(fill_place(plan, i, to, error));
    }
    osprey__plan_map(plan, plan->weights);
    return OSPREY_OK;
}

osprey_status osprey__plan_pack_into(osprey__plan *plan, const osprey__byte_sink *sink,
                                     osprey_error *error)
{
    size_t largest = 0;
    for (size_t i = 0; i < plan->weight_place_count; i++)
        if (plan->weight_places[i].bytes > largest) largest = plan->weight_places[i].bytes;
    largest = osprey__round_up(largest, OSPREY__ALIGNMENT);
    char *block = osprey__aligned_alloc(largest);
    if (!block) return osprey__fail_memory(error, largest);
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < plan->weight_place_count && status == OSPREY_OK; i++) {
        size_t bytes = plan->weight_places[i].bytes;
        size_t with_gap = osprey__round_up(bytes, OSPREY__ALIGNMENT);
        memset(block + bytes, 0, with_gap - bytes);
        status = fill_place(plan, i, block, error);
        if (status == OSPREY_OK) status = sink->write(sink->context, block, with_gap, error);
    }
    osprey__aligned_free(block);
    return status;
}

/*
 * The input whose memory the step may write its output over, where that input dies here: a kernel
 * that reads each element of it just before writing the same element. SIZE_MAX if there is none.
 */
static size_t overwritable_input(const osprey__node *node)
{
    switch (node->op) {
    case OSPREY__OP_LINEAR:
    case OSPREY__OP_CONV2D:
        return 3;
    case OSPREY__OP_TRANSPOSE:
        return 1;
    case OSPREY__OP_LAYER_NORM:
    case OSPREY__OP_ACTIVATION:
    case OSPREY__OP_ADD:
    case OSPREY__OP_MULTIPLY:
    case OSPREY__OP_GROUP_NORM:
    case OSPREY__OP_GATE:
        return 0;
    default:
        return SIZE_MAX;
    }
}

/* Gives every value its root and every root its lifetime. */
static void find_lifetimes(osprey__plan *plan)
{
    const osprey__graph *graph = plan->graph;
    osprey__placement *placements = plan->placements;
    for (osprey__value_id v = 0; v < graph->value_count; v++) placements[v].root = v;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        if (node->op == OSPREY__OP_RESHAPE)
            placements[node->output].root = placements[node->inputs[0]].root;
        placements[node->output].first = s;
    }
    for (size_t s = 0; s < plan->step_count; s++)
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
            if (plan->steps[s].node->inputs[i] != OSPREY__NO_VALUE)
                placements[placements[plan->steps[s].node->inputs[i]].root].last = s;
    placements[placements[graph->output].root].last = plan->step_count;

    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__node *node = plan->steps[s].node;
        size_t i = overwritable_input(node);
        if (i == SIZE_MAX || node->inputs[i] == OSPREY__NO_VALUE) continue;
        osprey__value_id old = placements[node->inputs[i]].root;
        osprey__value_id output = node->output;
        if (graph->values[old].kind != OSPREY__COMPUTED || placements[old].last != s ||
            placements[output].root != output ||
            graph->values[old].shape.extent != graph->values[output].shape.extent ||
            placements[old].form.stride != placements[output].form.stride ||
            placements[old].form.dtype != placements[output].form.dtype ||
            placements[output].form.prepared_for)
            continue;
        placements[old].last = placements[output].last;
        for (osprey__value_id v = 0; v < graph->value_count; v++)
            if (placements[v].root == output) placements[v].root = old;
    }
}

void osprey__plan_arrange(osprey__plan *plan)
{
    osprey__choose_row_forms(plan);
    find_lifetimes(plan);
    osprey__find_prepared_rows(plan);
}

osprey_status osprey__plan_create(osprey__graph *graph, osprey__cpu_level level,
                                  osprey__plan **plan, osprey_error *error)
{
    *plan = NULL;
    osprey__plan *made = osprey__calloc(1, sizeof *made);
    if (!made) {
        osprey__graph_free(graph);
        return osprey__fail_memory(error, sizeof *made);
    }
    osprey_status status;
    made->graph = graph;
    made->kernels = osprey__kernels_for(level);
    made->step_count = graph->node_count;
    made->steps = osprey__calloc(graph->node_count, sizeof *made->steps);
    made->placements = osprey__calloc(graph->value_count, sizeof *made->placements);
    if (!made->steps || !made->placements) {
        status = osprey__fail_memory(error, graph->value_count * sizeof *made->placements);
        goto fail;
    }
    for (size_t n = 0; n < graph->node_count; n++) {
        const osprey__node *node = &graph->nodes[n];
        if (node->op == OSPREY__OP_BATCH_NORM) {
            status = osprey__fail(error, OSPREY_UNSUPPORTED, graph->values[node->output].name,
                                  "a batch norm that no convolution precedes cannot be run");
            goto fail;
        }
        describe_step(made, node, &made->steps[n]);
        const osprey_precision precision = node->attributes.precision;
        if ((precision == OSPREY_PRECISION_INT8 || precision == OSPREY_PRECISION_INT4) &&
            made->steps[n].in_channels > OSPREY__INT8_MOST_K) {
            status = osprey__fail(error, OSPREY_UNSUPPORTED, graph->values[node->output].name,
                                  "rows of %zu elements are too long for %s, which takes %zu; "
                                  "keep this layer in bf16",
                                  made->steps[n].in_channels, osprey_precision_name(precision),
                                  OSPREY__INT8_MOST_K);
            goto fail;
        }
    }
    OSPREY_TRY_GOTO(place_weights(made, error));
    osprey__plan_arrange(made);
    *plan = made;
    return OSPREY_OK;
fail:
    osprey__plan_free(made);
    return status;
}

void osprey__plan_use_ranges(osprey__plan *plan)
{
    for (size_t s = 0; s < plan->step_count; s++) {
        osprey__step *step = &plan->steps[s];
        if (!step->gemm) continue;
        osprey__row_form *form = &plan->placements[step->node->inputs[0]].form;
        step->input_range = step->node->attributes.input_range;
        /* All that read it have the same range, found from the same values. */
        if (form->prepared_for == step->gemm) form->range = step->input_range;
    }
}

void osprey__plan_free(osprey__plan *plan)
{
    if (!plan) return;
    osprey__graph_free(plan->graph);
    osprey__free(plan->steps);
    osprey__free(plan->placements);
    osprey__free(plan->weight_places);
    osprey__aligned_free(plan->weights);
    osprey__free(plan);
}
