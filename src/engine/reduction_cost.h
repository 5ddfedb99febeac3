/* SPDX-License-Identifier: Apache-2.0 */
/* What leaving something out of a tower costs, and what it gains. */
#ifndef OSPREY_ENGINE_REDUCTION_COST_H
#define OSPREY_ENGINE_REDUCTION_COST_H

#include "engine/precision_samples.h"
#include "passes/reductions.h"

#include <osprey/engine.h>

/*
 * Fills the cosines of *cost, of the samples' embeddings in fp32 with those of the whole model, and
 * for images the times, in the precision of options. Packs the tower's weights up to four times.
 */
osprey_status osprey__reduction_cost_measure(const osprey_model *model,
                                             const osprey_engine_options *options,
                                             const osprey__reductions *reductions,
                                             const osprey__samples *samples,
                                             osprey_engine_reduction *cost, osprey_error *error);

#endif
