/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the static ranges of a tower: runs it in fp32 and looks at what its int8 and int4 layers
 * will read.
 */
#ifndef OSPREY_ENGINE_ENGINE_CALIBRATE_H
#define OSPREY_ENGINE_ENGINE_CALIBRATE_H

#include "session/session_data.h"

#include <osprey/engine.h>

/* What does not hang on a tower. Errors: OSPREY_INVALID_ARGUMENT. */
osprey_status osprey__calibration_check(const osprey_engine_options *options, osprey_error *error);

/*
 * Sets input_range of the graph's nodes in int8 or int4: the tower's graph after all passes, with
 * its precisions, made with these reductions. A layer that only ever reads zeros gets none.
 * *calibrated grows by their number. Errors: as osprey_engine_compile has them.
 */
osprey_status osprey__calibrate_tower(const osprey_model *model, osprey_tower tower,
                                      const osprey__reductions *reductions,
                                      const osprey_engine_calibration *how, osprey__graph *graph,
                                      size_t *calibrated, osprey_error *error);

/* The same with a session that there is already: in fp32, of a graph with the same nodes. */
osprey_status osprey__calibrate_graph(osprey_session *fp32, osprey_tower tower,
                                      const osprey_engine_calibration *how, osprey__graph *graph,
                                      size_t *calibrated, osprey_error *error);

#endif
