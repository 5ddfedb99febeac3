/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tower of a model in several precisions. Sessions of the same model run the same steps, so a
 * step of one, with its kernel and its packed weight, can take its counterpart's place in another:
 * any mixture of precisions runs without packing weights anew.
 */
#ifndef OSPREY_ENGINE_MIXED_TOWER_H
#define OSPREY_ENGINE_MIXED_TOWER_H

#include "engine/engine_reductions.h"
#include "session/session_data.h"

#include <osprey/engine.h>

/* What a step can be run as, from the cheapest to the most exact. */
typedef enum osprey__form {
    OSPREY__AS_ASKED,
    OSPREY__AS_BF16,
    OSPREY__AS_FP32,
    OSPREY__FORMS,
} osprey__form;

typedef struct osprey__mixed_model {
    const osprey_model *model;
    const osprey_engine_options *options;
    osprey__engine_reductions reductions; /* the same in all sessions */
    osprey_session *session;              /* made as asked, of all towers */
} osprey__mixed_model;

/* The caller closes, also on failure. Errors: as osprey_session_create. */
osprey_status osprey__mixed_model_open(osprey__mixed_model *mixed, const osprey_model *model,
                                       const osprey_engine_options *options, osprey_error *error);
void osprey__mixed_model_close(osprey__mixed_model *mixed);

/* Only one tower at a time has its weights in memory in more precisions. */
typedef struct osprey__mixed_tower {
    const osprey__mixed_model *model;
    osprey_tower which;
    osprey_session *session;                 /* the model's, which runs the mixture */
    osprey_session *sessions[OSPREY__FORMS]; /* of this tower alone; none as asked, and that of
                                                bf16 when it is needed */
    size_t step_count;
    osprey__step *asked; /* [step_count] its own steps */
    osprey__form *forms; /* [step_count] the mixture: at first as asked; ours to change */
} osprey__mixed_tower;

/* One at a time. The caller closes, before the model, also on failure. */
osprey_status osprey__mixed_tower_open(osprey__mixed_tower *tower, const osprey__mixed_model *model,
                                       osprey_tower which, osprey_error *error);
void osprey__mixed_tower_close(osprey__mixed_tower *tower);

/* Makes the session of bf16 unless it is there. */
osprey_status osprey__mixed_tower_need_bf16(osprey__mixed_tower *tower, osprey_error *error);

/* The step in that form. Of bf16 only after osprey__mixed_tower_need_bf16. */
const osprey__step *osprey__mixed_step(const osprey__mixed_tower *tower, size_t step,
                                       osprey__form form);

/* Makes tower->session run tower->forms. */
void osprey__mixed_tower_apply(osprey__mixed_tower *tower);

/*
 * Finds the static ranges of the layers that are as asked, and makes tower->session run by them
 * for good. *calibrated: how many there are. Errors: as osprey_engine_compile, of a calibration.
 */
osprey_status osprey__mixed_tower_calibrate(osprey__mixed_tower *tower, size_t *calibrated,
                                            osprey_error *error);

/* Of a step that is a product: the precision in that form, and the name of its weight. */
osprey_precision osprey__mixed_precision(const osprey__mixed_tower *tower, size_t step,
                                         osprey__form form);
const char *osprey__mixed_name(const osprey__mixed_tower *tower, size_t step);

bool osprey__step_is_product(const osprey__step *step);

#endif
