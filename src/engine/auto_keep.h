/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which layers of a tower have to be kept in a better precision for its embeddings to be as near
 * to fp32's as they should.
 *
 * A layer's cost is what the embedding loses where that layer alone is as asked and all others are
 * fp32. The costliest are kept: the shortest prefix of that order that is enough, found by
 * bisection, and of these only those without which it is not. All on a few samples, those that
 * were farthest off.
 */
#ifndef OSPREY_ENGINE_AUTO_KEEP_H
#define OSPREY_ENGINE_AUTO_KEEP_H

#include "engine/mixed_tower.h"
#include "engine/precision_samples.h"

typedef struct osprey__layer_cost {
    size_t step;
    double cost; /* 1 - the least cosine */
} osprey__layer_cost;

/* Zero-initialise, fill the first three, close with osprey__keep_search_close. */
typedef struct osprey__keep_search {
    osprey__mixed_tower *tower;
    const osprey__samples *samples;
    double limit;              /* the cosine to be reached */
    size_t *worst;             /* [worst_count] the samples that are run, */
    float *wanted;             /* [worst_count][D] fp32's embeddings of them, */
    size_t worst_count;        /* which osprey__keep_search_add notes */
    osprey__layer_cost *costs; /* [cost_count] the highest first; NULL until they are measured */
    size_t cost_count;
} osprey__keep_search;

/*
 * Adds those of the samples whose cosine is below the limit, the worst first, at most as many as
 * one step of the search takes. cosines: one for each sample.
 */
osprey_status osprey__keep_search_add(osprey__keep_search *search, const double *cosines,
                                      osprey_error *error);

/* Measures the costs of these steps, which are products. */
osprey_status osprey__keep_search_measure(osprey__keep_search *search, const size_t *steps,
                                          size_t count, osprey_error *error);

/* Sets tower->forms so that the samples that were added reach the limit. Costs are measured, of
 * all products, unless they are there. */
osprey_status osprey__keep_search_run(osprey__keep_search *search, osprey_error *error);

void osprey__keep_search_close(osprey__keep_search *search);

#endif
