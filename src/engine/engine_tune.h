/* SPDX-License-Identifier: Apache-2.0 */
/* Tunes the towers of a model for the batches of an engine, on this machine. */
#ifndef OSPREY_ENGINE_ENGINE_TUNE_H
#define OSPREY_ENGINE_ENGINE_TUNE_H

#include "model/engine_tuning.h"
#include "model/model_data.h"
#include "passes/reductions.h"

/*
 * As options->tuning says, for the towers and batches of options, of which both are given. The
 * weights are packed in memory meanwhile. Fills *image and *text, which the caller frees, also on
 * failure. Errors: as osprey_session_create.
 */
osprey_status osprey__engine_tune(const osprey_model *model, const osprey_engine_options *options,
                                  const osprey__reductions *reductions, osprey__tuning *image,
                                  osprey__tuning *text, osprey_error *error);

#endif
