/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights that the configuration leaves out: a tower of two layers built as one of one layer runs
 * and gives other embeddings. Only buffers that no result depends on may be left over.
 */
#ifndef OSPREY_MODEL_UNUSED_WEIGHTS_H
#define OSPREY_MODEL_UNUSED_WEIGHTS_H

#include "graph/graph.h"
#include "model/model_data.h"

#include <stdbool.h>

/* Sets used[i] for every tensor i of osprey__weights_tensors that is a constant of the graph. */
void osprey__mark_used_weights(const osprey_model *model, const osprey__graph *graph, bool *used);

/* Errors: OSPREY_FORMAT (a tensor of a tower that is not used: tensor and files are named). */
osprey_status osprey__check_unused_weights(const osprey_model *model, const bool *used,
                                           osprey_error *error);

#endif
