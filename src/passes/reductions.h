/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be left out of a tower although it changes the result a little: attention heads and
 * hidden channels of the MLPs that matter least, and image tokens that are like others. passes.def
 * says when.
 *
 * Which heads and channels matter least is found by magnitude, or by what the layers did on
 * samples: an osprey__activity has the moments of the rows that a linear read, and the pass then
 * weighs what its result loses, and puts the mean of what is removed into its bias.
 */
#ifndef OSPREY_PASSES_REDUCTIONS_H
#define OSPREY_PASSES_REDUCTIONS_H

#include "graph/graph.h"

/* Of the rows that a linear read, in groups of columns that stay or go together. */
typedef struct osprey__activity {
    const char *weight; /* the name of the linear's: passes keep it */
    size_t groups, width;
    size_t rows;
    double *sums;     /* [groups * width] over the rows */
    double *products; /* [groups][width][width] of columns of one group, summed over the rows */
} osprey__activity;

/* What was removed. */
typedef struct osprey__reduced {
    size_t heads, channels; /* of each layer */
    size_t parameters;      /* of all */
    size_t tokens;          /* of a sequence, by all layers */
} osprey__reduced;

/* Zero-initialised: nothing is left out. */
typedef struct osprey__reductions {
    float heads, channels; /* the fraction of each layer's that goes, below 1; 0: none */
    size_t merged_tokens;  /* of each sequence, by each layer, fewer where not so many are left */
    const osprey__activity *activities; /* NULL: by magnitude */
    size_t activity_count;
    osprey__reduced *reduced; /* added to; or NULL */
} osprey__reductions;

/*
 * A graph that has nothing of the kind stays as it is. Errors: OSPREY_INVALID_ARGUMENT (the
 * fraction is not even one), OSPREY_OUT_OF_MEMORY.
 */
typedef osprey_status osprey__reduction(osprey__graph *graph, const osprey__reductions *how,
                                        osprey_error *error);

#endif
