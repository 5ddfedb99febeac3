/* SPDX-License-Identifier: Apache-2.0 */
/* What the heads and hidden channels of a model's layers do on the images that calibrate. */
#ifndef OSPREY_ENGINE_LAYER_ACTIVITY_H
#define OSPREY_ENGINE_LAYER_ACTIVITY_H

#include "passes/reductions.h"

#include <osprey/engine.h>

typedef struct osprey__activities {
    osprey__activity *items;
    size_t count, capacity;
} osprey__activities;

/*
 * Runs the towers in fp32, over the images and over prompts. The caller frees with
 * osprey__activities_free, also on failure.
 */
osprey_status osprey__activities_measure(const osprey_model *model, osprey_tower towers,
                                         const osprey_engine_calibration *how,
                                         osprey__activities *activities, osprey_error *error);

void osprey__activities_free(osprey__activities *activities);

#endif
