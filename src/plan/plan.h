/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rewritten graph made ready to run: kernels chosen for an instruction set, weights packed in the
 * order in which those kernels read them, and a place in one arena for every value.
 *
 * A plan is not changed by running, so sessions of several threads could share one; the memory
 * plan for a batch size belongs to the session.
 */
#ifndef OSPREY_PLAN_PLAN_H
#define OSPREY_PLAN_PLAN_H

#include "base/cpu/cpu_features.h"
#include "graph/graph.h"
#include "kernels/kernel_table.h"

/* Where a value lies while the plan runs. */
typedef struct osprey__placement {
    osprey__value_id root; /* itself, or the value whose memory it shares */
    size_t first, last;    /* of a root: the steps between which its memory is in use */
    const float *constant; /* constants as floats; NULL for gather tables, which stay as they are */
} osprey__placement;

typedef struct osprey__step {
    const osprey__node *node;
    const osprey__gemm_kernel *gemm; /* linear, conv2d: the kernel, */
    const void *packed;              /* and the weight in its format */
    osprey__conv_shape conv;         /* conv2d, average_pool (height, width, channels) */
    size_t out_channels;             /* linear, conv2d */
    size_t in_channels;              /* linear: of a row; conv2d: of a gathered row */
} osprey__step;

typedef struct osprey__plan {
    osprey__graph *graph; /* owned */
    const osprey__kernels *kernels;
    osprey__step *steps; /* one a node */
    size_t step_count;
    osprey__placement *placements; /* one a value */
    void *weights;                 /* all packed weights and float constants, one block */
    size_t weight_bytes;
    size_t largest_sequence; /* rows of the longest fixed-length sequence that attention sees */
    size_t largest_head_dim; /* 0 without attention */
} osprey__plan;

/*
 * Takes graph over, also on failure, and frees the constants that it owns once they are packed. The
 * model's mapped tensors are read now and, for gather tables, while running. The caller frees *plan
 * with osprey__plan_free.
 */
osprey_status osprey__plan_create(osprey__graph *graph, osprey__cpu_level level,
                                  osprey__plan **plan, osprey_error *error);

/* Takes NULL. */
void osprey__plan_free(osprey__plan *plan);

/*
 * Byte offsets into an arena for every computed value (indexed by root) when as many sequences and
 * tokens run at once; lifetimes that do not meet share memory. offsets: one a value of the graph.
 * Returns the arena's size. Allocates nothing.
 */
size_t osprey__memory_plan(const osprey__plan *plan, size_t sequences, size_t tokens,
                           size_t *offsets);

/* Elements of a value at that size. */
size_t osprey__value_elements(const osprey__value *value, size_t sequences, size_t tokens);

#endif
