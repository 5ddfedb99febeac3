/* SPDX-License-Identifier: Apache-2.0 */
/* How far the outputs of a tower's products are from those of fp32, sample by sample. */
#ifndef OSPREY_ENGINE_LAYER_ERRORS_H
#define OSPREY_ENGINE_LAYER_ERRORS_H

#include "engine/mixed_tower.h"
#include "engine/precision_samples.h"

typedef struct osprey__layer_error {
    double cosine;     /* the least of any sample */
    double own_cosine; /* the same where the layer is given fp32's inputs */
    double largest;    /* difference of an element, of any sample */
} osprey__layer_error;

/*
 * Runs all samples through tower->forms and through fp32. layers: [tower->step_count], of which
 * those of products are filled. cosines: [samples->count], of the embeddings.
 */
osprey_status osprey__layer_errors_measure(osprey__mixed_tower *tower,
                                           const osprey__samples *samples,
                                           osprey__layer_error *layers, double *cosines,
                                           osprey_error *error);

/* 1 for two zero vectors, and -1, as far as can be, where an element is no finite number. */
double osprey__cosine(const float *a, const float *b, size_t count);

#endif
