/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mixed_tower.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/engine_calibrate.h"

#include <assert.h>
#include <string.h>

osprey_status osprey__mixed_model_open(osprey__mixed_model *mixed, const osprey_model *model,
                                       const osprey_engine_options *options, osprey_error *error)
{
    *mixed = (osprey__mixed_model){.model = model, .options = options};
    const osprey_session_options asked = {
        .towers = options->towers,
        .precision = options->precision,
        .keep = options->keep,
        .keep_count = options->keep_count,
    };
    const osprey__reductions *how = &mixed->reductions.how;
    OSPREY_TRY(osprey__engine_reductions_init(model, options, &mixed->reductions, error));
    return osprey__session_create(model, &asked, how, &mixed->session, error);
}

void osprey__mixed_model_close(osprey__mixed_model *mixed)
{
    osprey_session_free(mixed->session);
    osprey__engine_reductions_free(&mixed->reductions);
    *mixed = (osprey__mixed_model){0};
}

static osprey__plan *plan_of(const osprey__mixed_tower *tower, osprey__form form)
{
    const osprey_session *session =
        form == OSPREY__AS_ASKED ? tower->session : tower->sessions[form];
    return tower->which == OSPREY_TOWER_IMAGE ? session->image.plan : session->text.plan;
}

/* The session of that tower in that precision, unless it is there. */
static osprey_status need_session(osprey__mixed_tower *tower, osprey__form form,
                                  osprey_precision precision, osprey_error *error)
{
    const osprey__mixed_model *model = tower->model;
    const osprey_session_options how = {.towers = tower->which, .precision = precision};
    if (tower->sessions[form]) return OSPREY_OK;
    return osprey__session_create(model->model, &how, &model->reductions.how,
                                  &tower->sessions[form], error);
}

osprey_status osprey__mixed_tower_need_bf16(osprey__mixed_tower *tower, osprey_error *error)
{
    return need_session(tower, OSPREY__AS_BF16, OSPREY_PRECISION_BF16, error);
}

osprey_status osprey__mixed_tower_open(osprey__mixed_tower *tower, const osprey__mixed_model *model,
                                       osprey_tower which, osprey_error *error)
{
    *tower = (osprey__mixed_tower){.model = model, .which = which, .session = model->session};
    const osprey__plan *plan = plan_of(tower, OSPREY__AS_ASKED);
    tower->step_count = plan->step_count;
    OSPREY_TRY(need_session(tower, OSPREY__AS_FP32, OSPREY_PRECISION_FP32, error));
    assert(plan_of(tower, OSPREY__AS_FP32)->step_count == plan->step_count);
    tower->asked = osprey__calloc(plan->step_count, sizeof *tower->asked);
    tower->forms = osprey__calloc(plan->step_count, sizeof *tower->forms);
    if (!tower->asked || !tower->forms)
        return osprey__fail_memory(error, plan->step_count * sizeof *tower->asked);
    memcpy(tower->asked, plan->steps, plan->step_count * sizeof *tower->asked);
    return OSPREY_OK;
}

void osprey__mixed_tower_close(osprey__mixed_tower *tower)
{
    for (size_t f = 0; f < OSPREY__FORMS; f++) osprey_session_free(tower->sessions[f]);
    osprey__free(tower->asked);
    osprey__free(tower->forms);
    *tower = (osprey__mixed_tower){0};
}

const osprey__step *osprey__mixed_step(const osprey__mixed_tower *tower, size_t step,
                                       osprey__form form)
{
    if (form == OSPREY__AS_ASKED) return &tower->asked[step];
    return &plan_of(tower, form)->steps[step];
}

void osprey__mixed_tower_apply(osprey__mixed_tower *tower)
{
    osprey__plan *plan = plan_of(tower, OSPREY__AS_ASKED);
    for (size_t s = 0; s < tower->step_count; s++)
        plan->steps[s] = *osprey__mixed_step(tower, s, tower->forms[s]);
    osprey__plan_arrange(plan);
}

osprey_status osprey__mixed_tower_calibrate(osprey__mixed_tower *tower, size_t *calibrated,
                                            osprey_error *error)
{
    const osprey_engine_options *options = tower->model->options;
    osprey__plan *plan = plan_of(tower, OSPREY__AS_ASKED);
    *calibrated = 0;
    OSPREY_TRY(osprey__calibrate_graph(tower->sessions[OSPREY__AS_FP32], tower->which,
                                       &options->calibration, plan->graph, calibrated, error));
    osprey__mixed_tower_apply(tower);
    osprey__plan_use_ranges(plan);
    return OSPREY_OK;
}

osprey_precision osprey__mixed_precision(const osprey__mixed_tower *tower, size_t step,
                                         osprey__form form)
{
    return osprey__mixed_step(tower, step, form)->node->attributes.precision;
}

const char *osprey__mixed_name(const osprey__mixed_tower *tower, size_t step)
{
    const osprey__graph *graph = plan_of(tower, OSPREY__AS_ASKED)->graph;
    return graph->values[tower->asked[step].node->inputs[1]].name;
}

bool osprey__step_is_product(const osprey__step *step)
{
    return step->gemm != NULL;
}
