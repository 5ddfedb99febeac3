/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a session over the images that calibrate, or over prompts, for an observer to look on. */
#ifndef OSPREY_ENGINE_CALIBRATION_RUN_H
#define OSPREY_ENGINE_CALIBRATION_RUN_H

#include <osprey/engine.h>

/* The session has the tower. Errors: as osprey_image_open, for an image; OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__calibration_run(const osprey_engine_calibration *how, osprey_session *session,
                                      osprey_tower tower, osprey_error *error);

/* The image at path, preprocessed. */
osprey_status osprey__calibration_read(const osprey_model *model, const char *path, float *pixels,
                                       osprey_error *error);

#endif
