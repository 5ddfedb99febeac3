/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds what a run reads of an engine against its checksums: the weights of a product by the tasks
 * that read them, when they are still in a core's own cache, those of other steps just after the
 * step, and the tables before the first. So an altered file is found by the first run, before its
 * result is given, and few bytes come from memory twice.
 *
 * One thread at a time, but for osprey__weight_check_block. Allocates nothing.
 */
#ifndef OSPREY_BACKEND_WEIGHT_CHECK_H
#define OSPREY_BACKEND_WEIGHT_CHECK_H

#include "backend/weight_stream.h"
#include "base/thread_pool.h"
#include "format/engine_file.h"
#include "plan/plan.h"

#include <stdatomic.h>
#include <stdint.h>

/* Weights that tasks check, in blocks of so many bytes, the last of what is left. */
typedef struct osprey__weight_blocks {
    size_t offset, bytes; /* in the section */
    size_t block_bytes;   /* 0: there are none */
    size_t first, end;    /* pieces that may be among them */
} osprey__weight_blocks;

typedef struct osprey__weight_check {
    const osprey__plan *plan;
    const osprey__engine_section *weights, *constants; /* NULL: the plan reads none */
    size_t places, pieces;                             /* of the weights: gone through so far */
    _Atomic uint64_t checksum;                         /* of these pieces */
    osprey__weight_blocks blocks;                      /* of the step that is being run */
} osprey__weight_check;

/* The sections are those of the engine that the plan is of; all have to outlive the check. */
void osprey__weight_check_init(osprey__weight_check *check, const osprey__plan *plan,
                               const osprey__engine_section *weights,
                               const osprey__engine_section *constants);

/* Before a run: reads the tables. Errors: OSPREY_FORMAT, with path as the subject. */
osprey_status osprey__weight_check_begin(osprey__weight_check *check, osprey__thread_pool *pool,
                                         const char *path, osprey_error *error);

/* How many bytes of weights a task reads at most, unless a panel is longer, so that its core's
 * cache still has them. */
#define OSPREY__WEIGHT_CHECK_BLOCK_BYTES ((size_t)512 << 10)

/* Before a step's tasks: they check its weights, a block each; all do it, and none twice. */
void osprey__weight_check_split(osprey__weight_check *check, size_t step, const void *weights,
                                size_t bytes, size_t block_bytes);

/* By the task that has read this block: whole pieces of it, the others are left to
 * osprey__weight_check_follow. Any thread. */
void osprey__weight_check_block(osprey__weight_check *check, size_t block);

/* After each step of a run; stream may be NULL. */
void osprey__weight_check_follow(osprey__weight_check *check, osprey__thread_pool *pool,
                                 osprey__weight_stream *stream, size_t step);

/* After the last. Errors: as osprey__weight_check_begin. */
osprey_status osprey__weight_check_end(osprey__weight_check *check, const char *path,
                                       osprey_error *error);

#endif
