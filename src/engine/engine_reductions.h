/* SPDX-License-Identifier: Apache-2.0 */
/* What a compilation leaves out of its towers, and what that costs. */
#ifndef OSPREY_ENGINE_ENGINE_REDUCTIONS_H
#define OSPREY_ENGINE_ENGINE_REDUCTIONS_H

#include "model/engine_manifest.h"
#include "passes/reductions.h"

#include <osprey/engine.h>

/* Errors: OSPREY_INVALID_ARGUMENT (a fraction). */
osprey_status osprey__engine_reductions_init(const osprey_engine_options *options,
                                             osprey__reductions *reductions, osprey_error *error);

/*
 * Says in the manifest what was removed from the tower, and what it cost: the embeddings of prompts
 * in fp32, beside those of the whole model.
 */
osprey_status osprey__engine_reductions_report(const osprey_model *model, osprey_tower tower,
                                               const osprey__reductions *reductions,
                                               const osprey__reduced *reduced,
                                               osprey__engine_manifest *manifest,
                                               osprey_error *error);

/* After all towers. Errors: OSPREY_INVALID_ARGUMENT (nothing could be removed from any). */
osprey_status osprey__engine_reductions_check(const osprey__reductions *reductions,
                                              const osprey__engine_manifest *manifest,
                                              osprey_error *error);

#endif
