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

#include "base/byte_sink.h"
#include "base/cpu/cpu_features.h"
#include "graph/graph.h"
#include "kernels/kernel_table.h"
#include "model/engine_tuning.h"

/* How the rows of a value lie, those of its last dimension. */
typedef struct osprey__row_form {
    size_t width;                            /* elements */
    size_t stride;                           /* bytes from one to the next */
    osprey__dtype dtype;                     /* OSPREY__F32 or OSPREY__BF16 */
    const osprey__gemm_kernel *prepared_for; /* as its prepare leaves them; NULL: plain */
    float range;                             /* that it is prepared with */
} osprey__row_form;

/* Where a value lies while the plan runs. */
typedef struct osprey__placement {
    osprey__value_id root; /* itself, or the value whose memory it shares */
    size_t first, last;    /* of a root: the steps between which its memory is in use */
    osprey__row_form form; /* plain floats side by side unless osprey__choose_row_forms says else */
    /* Of a root: bytes that a product which reads it (or a convolution that writes it) prepares a
     * row. Room for OSPREY__PREPARED_ROWS of them lies behind the value. */
    size_t prepared_row_bytes;
    const float *constant; /* constants as floats; NULL for gather tables, which stay as they are */
} osprey__placement;

typedef struct osprey__step {
    const osprey__node *node;
    const osprey__gemm_kernel *gemm; /* linear, conv2d: the kernel, */
    const void *packed;              /* and the weight in its format */
    bool attends_s8;                 /* attention: by the kernel of that name */
    bool winograd;                   /* conv2d: by kernels/winograd.h, 16 packed weights */
    size_t strassen_rows;            /* by kernels/strassen.h: rows of a sequence; 0: not so */
    osprey__conv_shape conv;         /* conv2d, depthwise, max_pool, average_pool */
    size_t groups;                   /* linear, conv2d: products side by side, mostly 1, */
    size_t out_channels;             /* and of each: linear, conv2d */
    size_t in_channels;              /* linear: of a row; conv2d: of a gathered row */
    float input_range;               /* int8, int4: as osprey__gemm_input has it */
    /* Products: tuned for the plan's tuned_threads, by rising m; osprey__step_split picks one. */
    const osprey_product_choice *choices;
    size_t choice_count;
} osprey__step;

/* The place of a packed weight, or of a constant as floats, in the block of weights. */
typedef struct osprey__weight_place {
    size_t step;            /* whose weight it is; SIZE_MAX: a constant */
    osprey__value_id value; /* in the graph */
    size_t offset, bytes;   /* offset: a multiple of OSPREY__ALIGNMENT */
} osprey__weight_place;

typedef struct osprey__plan {
    osprey__graph *graph; /* owned */
    const osprey__kernels *kernels;
    osprey__step *steps; /* one a node */
    size_t step_count;
    osprey__placement *placements; /* one a value */
    osprey__weight_place *weight_places;
    size_t weight_place_count;
    size_t weight_bytes;     /* of the block: all places with the gaps between */
    const void *block;       /* of weights, once they are packed or mapped */
    void *weights;           /* the same, where the plan packed it itself */
    size_t largest_sequence; /* rows of the longest fixed-length sequence that attention sees */
    size_t largest_head_dim; /* 0 without attention */
    size_t tuned_threads;    /* 0: no step has choices */
    bool sees_ahead; /* a text's result depends on more than what leads up to its pooled token:
                        attention that is not causal, or a mean of tokens */
} osprey__plan;

/*
 * Lays a plan out without its weights, of which nothing is read yet. Takes graph over, also on
 * failure. The caller frees *plan with osprey__plan_free, and calls one of the next three.
 */
osprey_status osprey__plan_create(osprey__graph *graph, osprey__cpu_level level,
                                  osprey__plan **plan, osprey_error *error);

/*
 * Packs the weights into memory, and frees the constants that the graph owns on the way. Gather
 * tables stay in the model's mapped file and are read while running.
 */
osprey_status osprey__plan_pack(osprey__plan *plan, osprey_error *error);

/* The same, but gives the block to a sink, one weight after the other: such a plan cannot run. */
osprey_status osprey__plan_pack_into(osprey__plan *plan, const osprey__byte_sink *sink,
                                     osprey_error *error);

/*
 * Takes a block of plan->weight_bytes that was packed for a plan of the same graph and kernels. It
 * begins on an OSPREY__ALIGNMENT boundary and has to outlive the plan.
 */
void osprey__plan_map(osprey__plan *plan, const void *weights);

/*
 * Decides in which form values lie, and which share memory. osprey__plan_create has done it; to be
 * called again when a step has got another kernel.
 */
void osprey__plan_arrange(osprey__plan *plan);

/* From now on the plan runs with the static ranges that its graph has, where it has them, until it
 * is arranged again. */
void osprey__plan_use_ranges(osprey__plan *plan);

/* Fills what a choice says of the product's kind: all but m, split and times. */
osprey_product_choice osprey__step_kind(const osprey__plan *plan, const osprey__step *step);

/* Gives each product the choices of its kind; tuning has to outlive the plan. */
void osprey__plan_use_tuning(osprey__plan *plan, const osprey__tuning *tuning);

/* How the product of m rows is split on so many threads. */
osprey_task_split osprey__step_split(const osprey__plan *plan, const osprey__step *step, size_t m,
                                     size_t threads);

/* Takes NULL. */
void osprey__plan_free(osprey__plan *plan);

/*
 * Byte offsets into an arena for every computed value (indexed by root) when as many sequences and
 * tokens run at once; lifetimes that do not meet share memory. offsets: one a value of the graph.
 * Returns the arena's size. Allocates nothing.
 */
size_t osprey__memory_plan(const osprey__plan *plan, size_t sequences, size_t tokens,
                           size_t *offsets);

/* Images and tokens that run at once; an engine's profiles may say otherwise of images. */
#define OSPREY__IMAGES_AT_ONCE 16
#define OSPREY__TOKENS_AT_ONCE 1024 /* a longer text than that runs alone */

/* Texts that are sorted together, to find what they share: more than run at once. */
#define OSPREY__TEXTS_SORTED 2048

/* Rows up to which products split columns too, so that tasks share rows prepared beforehand. */
#define OSPREY__PREPARED_ROWS 1024

/* Bytes of a value at that size, a multiple of OSPREY__ALIGNMENT; without the room behind it. */
size_t osprey__value_bytes(const osprey__plan *plan, osprey__value_id id, size_t sequences,
                           size_t tokens);

/* Bytes of the room behind a root; 0 where it has more than OSPREY__PREPARED_ROWS rows. */
size_t osprey__prepared_bytes(const osprey__plan *plan, osprey__value_id id, size_t sequences,
                              size_t tokens);

/* Elements of a value at that size. */
size_t osprey__value_elements(const osprey__value *value, size_t sequences, size_t tokens);

#endif
