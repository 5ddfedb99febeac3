/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/row_forms.h"

#include "base/memory.h"
#include "plan/strassen_rows.h"

/* How values that are read by products alone are read. */
typedef struct readers {
    bool products;                     /* linears, as their x, and nothing else */
    bool round;                        /* all of these to bfloat16s or less */
    const osprey__gemm_kernel *kernel; /* that all have; or NULL */
} readers;

static bool rounds(const osprey__step *step)
{
    osprey_precision precision = step->node->attributes.precision;
    return precision == OSPREY_PRECISION_BF16 || precision == OSPREY_PRECISION_INT8 ||
           precision == OSPREY_PRECISION_INT4;
}

static readers readers_of(const osprey__plan *plan, osprey__value_id value)
{
    readers r = {.products = value != plan->graph->output, .round = true};
    bool differ = false;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
            if (step->node->inputs[i] != value) continue;
            if (step->node->op != OSPREY__OP_LINEAR || i != 0) return (readers){0};
            /* A group's share of a row is prepared by itself. */
            differ = differ || step->groups > 1 || (r.kernel && r.kernel != step->gemm);
            r.kernel = step->gemm;
            r.round = r.round && rounds(step);
        }
    }
    if (differ || !r.products) r.kernel = NULL;
    return r;
}

/* The node is the only one that reads value. */
static bool reads_alone(const osprey__plan *plan, const osprey__node *node, osprey__value_id value)
{
    for (size_t s = 0; s < plan->step_count; s++)
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
            if (plan->steps[s].node->inputs[i] == value && plan->steps[s].node != node)
                return false;
    return value != plan->graph->output;
}

/* The value comes from a linear that rounds what it reads itself. */
static bool comes_rounded(const osprey__plan *plan, osprey__value_id value)
{
    size_t producer = osprey__graph_producer(plan->graph, value);
    if (producer == SIZE_MAX) return false;
    const osprey__step *step = &plan->steps[producer];
    return step->node->op == OSPREY__OP_LINEAR && rounds(step);
}

/*
 * Attention runs over bfloat16s where the products around it do: those of q, k and v, and those
 * that read its result. Not that of texts, whose share is small and whose rows are gathered, nor
 * that of a query which is a constant.
 */
static bool attends_in_bf16(const osprey__plan *plan, const osprey__node *node)
{
    const osprey__attributes *a = &node->attributes;
    if (node->op != OSPREY__OP_ATTENTION || a->causal || a->head_dim % 2 ||
        plan->graph->values[node->inputs[1]].shape.extent != OSPREY__PER_SEQUENCE)
        return false;
    for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
        if ((i == 3 || i == 4) && node->inputs[i] != OSPREY__NO_VALUE) return false;
        if (i < 3 && (a->columns[i] % 2 || !comes_rounded(plan, node->inputs[i]) ||
                      !reads_alone(plan, node, node->inputs[i])))
            return false;
    }
    readers r = readers_of(plan, node->output);
    return r.products && r.round;
}

/*
 * And rounds the values to 8 bits, as the products around it round what they read, where the
 * machine is faster at it. A query alone takes less time than rounding all values.
 */
static bool attends_in_s8(const osprey__plan *plan, const osprey__node *node)
{
    const osprey__shape *q = &plan->graph->values[node->inputs[0]].shape;
    const osprey__shape *k = &plan->graph->values[node->inputs[1]].shape;
    if (!plan->kernels->attention_s8.run || q->dims[0] != k->dims[0] ||
        k->dims[0] > OSPREY__ATTENTION_S8_MOST_KEYS)
        return false;
    for (size_t i = 0; i < 3; i++) {
        size_t producer = osprey__graph_producer(plan->graph, node->inputs[i]);
        if (plan->steps[producer].node->attributes.precision != OSPREY_PRECISION_INT8) return false;
    }
    return true;
}

/* An odd number of cache lines, so that rows do not share cache sets. */
static void make_bf16(osprey__row_form *form)
{
    form->dtype = OSPREY__BF16;
    form->stride =
        osprey__round_up(form->width * sizeof(uint16_t), 2 * OSPREY__ALIGNMENT) + OSPREY__ALIGNMENT;
}

static void choose_form(osprey__plan *plan, osprey__step *step)
{
    const osprey__node *node = step->node;
    osprey__row_form *form = &plan->placements[node->output].form;
    step->attends_s8 = false;
    if (attends_in_bf16(plan, node)) {
        step->attends_s8 = attends_in_s8(plan, node);
        for (size_t i = 0; i < 3; i++) make_bf16(&plan->placements[node->inputs[i]].form);
        make_bf16(form);
        return;
    }
    /* A product's rows are as far apart as those that it adds, which others than products read. */
    if (node->op == OSPREY__OP_LINEAR && node->inputs[3] != OSPREY__NO_VALUE) return;
    readers r = readers_of(plan, node->output);
    if (node->op == OSPREY__OP_LINEAR && r.products && r.round) make_bf16(form);
    /* Rows that products of floats would read where they lie, were they not so far apart. */
    if ((node->op == OSPREY__OP_LINEAR || node->op == OSPREY__OP_ATTENTION) && r.kernel &&
        r.kernel->takes == OSPREY__F32 && form->stride % OSPREY__WAY_BYTES == 0)
        form->stride += OSPREY__ALIGNMENT;
    if ((node->op == OSPREY__OP_LAYER_NORM || node->op == OSPREY__OP_TRANSPOSE) && r.kernel) {
        form->prepared_for = r.kernel;
        form->stride = r.kernel->row_bytes(form->width);
    }
}

static bool quantizes(const osprey__step *step)
{
    const osprey_precision precision = step->node->attributes.precision;
    return step->node->op == OSPREY__OP_CONV2D &&
           (precision == OSPREY_PRECISION_INT8 || precision == OSPREY_PRECISION_INT4);
}

/* Whether the step can read its input i as bfloat16s, and loses little by it. */
static bool reads_rounded_map(const osprey__step *step, size_t i)
{
    if (step->node->op == OSPREY__OP_AVERAGE_POOL) return true;
    if (!quantizes(step) || step->winograd) return false;
    return i == 3 || (i == 0 && osprey__conv_is_pointwise(&step->conv));
}

/*
 * The maps of a ResNet's first stages are larger than the caches. Between products of integers,
 * which round to 8 bits anyhow, they are kept as bfloat16s, half as large.
 */
static bool is_rounded_map(const osprey__plan *plan, const osprey__step *step)
{
    const osprey__value_id map = step->node->output;
    if (!quantizes(step) || step->winograd || map == plan->graph->output) return false;
    for (size_t s = 0; s < plan->step_count; s++)
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++)
            if (plan->steps[s].node->inputs[i] == map && !reads_rounded_map(&plan->steps[s], i))
                return false;
    return true;
}

void osprey__choose_row_forms(osprey__plan *plan)
{
    const osprey__graph *graph = plan->graph;
    for (osprey__value_id v = 0; v < graph->value_count; v++) {
        const osprey__shape *shape = &graph->values[v].shape;
        size_t width = shape->rank ? shape->dims[shape->rank - 1] : 1;
        plan->placements[v].form =
            (osprey__row_form){.width = width, .stride = width * sizeof(float)};
    }
    for (size_t s = 0; s < plan->step_count; s++) {
        osprey__row_form *form = &plan->placements[plan->steps[s].node->output].form;
        choose_form(plan, &plan->steps[s]);
        if (!is_rounded_map(plan, &plan->steps[s])) continue;
        form->dtype = OSPREY__BF16;
        form->stride = form->width * sizeof(uint16_t);
    }
}

static void need_room(osprey__plan *plan, osprey__value_id value, const osprey__step *step)
{
    osprey__value_id root = plan->placements[value].root;
    size_t bytes = step->strassen_rows ? osprey__strassen_row_bytes(step)
                                       : step->gemm->row_bytes(step->in_channels);
    /* Of another width, as behind a reshape, it would have another number of rows. */
    if (plan->placements[root].form.width == plan->placements[value].form.width &&
        plan->placements[root].prepared_row_bytes < bytes)
        plan->placements[root].prepared_row_bytes = bytes;
}

void osprey__find_prepared_rows(osprey__plan *plan)
{
    for (osprey__value_id v = 0; v < plan->graph->value_count; v++)
        plan->placements[v].prepared_row_bytes = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        if (!step->gemm || step->winograd || step->groups > 1) continue;
        osprey__value_id x = step->node->inputs[0];
        const osprey__row_form *form = &plan->placements[x].form;
        if (step->node->op == OSPREY__OP_CONV2D && !osprey__conv_is_pointwise(&step->conv)) {
            need_room(plan, step->node->output, step);
        } else if (plan->graph->values[plan->placements[x].root].kind == OSPREY__COMPUTED &&
                   (step->strassen_rows ||
                    (form->prepared_for != step->gemm &&
                     !osprey__gemm_takes(step->gemm, form->dtype, form->stride, form->width)))) {
            need_room(plan, x, step);
        }
    }
}
