/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

osprey_product_choice osprey__step_kind(const osprey__plan *plan, const osprey__step *step)
{
    const osprey__node *node = step->node;
    return (osprey_product_choice){
        .n = step->out_channels,
        .k = step->in_channels,
        .precision = node->attributes.precision,
        .activation = node->attributes.activation,
        .convolution = node->op == OSPREY__OP_CONV2D,
        .residual = node->inputs[3] != OSPREY__NO_VALUE,
        .rounded = plan->placements[node->output].form.dtype == OSPREY__BF16,
        .products = 1,
    };
}

void osprey__plan_use_tuning(osprey__plan *plan, const osprey__tuning *tuning)
{
    plan->tuned_threads = tuning->threads;
    for (size_t s = 0; s < plan->step_count; s++) {
        osprey__step *step = &plan->steps[s];
        step->choice_count = 0;
        if (!step->gemm) continue;
        const osprey_product_choice kind = osprey__step_kind(plan, step);
        for (size_t i = 0; i < tuning->count; i++) {
            if (osprey__compare_kinds(&tuning->choices[i], &kind) != 0) continue;
            if (!step->choice_count++) step->choices = &tuning->choices[i];
        }
    }
}

osprey_task_split osprey__step_split(const osprey__plan *plan, const osprey__step *step, size_t m,
                                     size_t threads)
{
    if (!step->choice_count || plan->tuned_threads != threads) return (osprey_task_split){0};
    size_t i = 0;
    while (i + 1 < step->choice_count && step->choices[i].m < m) i++;
    return step->choices[i].split;
}
