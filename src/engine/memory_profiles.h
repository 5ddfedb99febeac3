/* SPDX-License-Identifier: Apache-2.0 */
/* The memory that runs of a tower take: of each batch of images, or of texts as long as may be. */
#ifndef OSPREY_ENGINE_MEMORY_PROFILES_H
#define OSPREY_ENGINE_MEMORY_PROFILES_H

#include "plan/plan.h"

#include <osprey/engine.h>

/* The options' batches, or those of an engine where none are asked for. Errors:
 * OSPREY_INVALID_ARGUMENT. */
osprey_status osprey__choose_batches(osprey_engine_options *options, osprey_error *error);

/* profiles: one for each of the options' batches. */
osprey_status osprey__memory_profiles(const osprey_model *model, osprey_tower tower,
                                      const osprey__plan *plan,
                                      const osprey_engine_options *options,
                                      osprey_engine_profile *profiles, osprey_error *error);

#endif
