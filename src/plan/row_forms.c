/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/row_forms.h"

/* The kernel of the products that read value, if all that read it are such and have the same. */
static const osprey__gemm_kernel *only_reader(const osprey__plan *plan, osprey__value_id value)
{
    const osprey__gemm_kernel *kernel = NULL;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        for (size_t i = 0; i < OSPREY__MAX_INPUTS; i++) {
            if (step->node->inputs[i] != value) continue;
            bool fits = step->node->op == OSPREY__OP_LINEAR && i == 0;
            if (!fits || (kernel && kernel != step->gemm)) return NULL;
            kernel = step->gemm;
        }
    }
    return kernel;
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
        const osprey__node *node = plan->steps[s].node;
        osprey__row_form *form = &plan->placements[node->output].form;
        const osprey__gemm_kernel *reader = only_reader(plan, node->output);
        if (node->op != OSPREY__OP_LAYER_NORM || node->output == graph->output || !reader ||
            osprey__gemm_takes(reader, form->dtype, form->stride, form->width))
            continue;
        form->prepared_for = reader;
        form->stride = reader->row_bytes(form->width);
    }
}

static void need_room(osprey__plan *plan, osprey__value_id value, const osprey__step *step)
{
    osprey__value_id root = plan->placements[value].root;
    size_t bytes = step->gemm->row_bytes(step->in_channels);
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
        if (!step->gemm) continue;
        osprey__value_id x = step->node->inputs[0];
        const osprey__row_form *form = &plan->placements[x].form;
        if (step->node->op == OSPREY__OP_CONV2D && !osprey__conv_is_pointwise(&step->conv)) {
            if (osprey__conv_is_patches(&step->conv)) need_room(plan, step->node->output, step);
        } else if (form->prepared_for != step->gemm &&
                   plan->graph->values[plan->placements[x].root].kind == OSPREY__COMPUTED &&
                   !osprey__gemm_takes(step->gemm, form->dtype, form->stride, form->width)) {
            need_room(plan, x, step);
        }
    }
}
