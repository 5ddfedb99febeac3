/* SPDX-License-Identifier: Apache-2.0 */
/* What a compilation leaves out of its towers. */
#ifndef OSPREY_ENGINE_ENGINE_REDUCTIONS_H
#define OSPREY_ENGINE_ENGINE_REDUCTIONS_H

#include "engine/layer_activity.h"
#include "model/engine_manifest.h"
#include "model/model_data.h"
#include "passes/reductions.h"

#include <osprey/engine.h>

typedef struct osprey__engine_reductions {
    osprey__reductions how;
    osprey__activities activities; /* that how points to */
} osprey__engine_reductions;

/*
 * Where the options both prune and calibrate, this runs the model. The caller frees with
 * osprey__engine_reductions_free, also on failure. Errors: OSPREY_INVALID_ARGUMENT (a fraction;
 * tokens to be merged by what is no ViT), and those of osprey__activities_measure.
 */
osprey_status osprey__engine_reductions_init(const osprey_model *model,
                                             const osprey_engine_options *options,
                                             osprey__engine_reductions *reductions,
                                             osprey_error *error);

/* Takes what was zero-initialised only. */
void osprey__engine_reductions_free(osprey__engine_reductions *reductions);

/*
 * Says in the manifest what was left out of the tower, and what that cost: on the options' samples,
 * on some of its images that
 * calibrate, or on prompts. Where nothing was left out it says nothing.
 */
osprey_status
osprey__engine_reductions_report(const osprey_model *model, const osprey_engine_options *options,
                                 osprey_tower tower, const osprey__reductions *reductions,
                                 const osprey__reduced *reduced, osprey__engine_manifest *manifest,
                                 osprey_error *error);

/* After all towers. Errors: OSPREY_INVALID_ARGUMENT (nothing could be removed from any). */
osprey_status osprey__engine_reductions_check(const osprey__reductions *reductions,
                                              const osprey__engine_manifest *manifest,
                                              osprey_error *error);

#endif
