/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds what a run reads of an engine against its checksums: the weights of each step just after
 * it, when they are still in the cores' caches, and the tables before the first. So an altered file
 * is found by the first run, before its result is given, and no byte comes from memory twice.
 *
 * One thread at a time. Allocates nothing.
 */
#ifndef OSPREY_BACKEND_WEIGHT_CHECK_H
#define OSPREY_BACKEND_WEIGHT_CHECK_H

#include "backend/weight_stream.h"
#include "base/thread_pool.h"
#include "format/engine_file.h"
#include "plan/plan.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct osprey__weight_check {
    const osprey__plan *plan;
    const osprey__engine_section *weights, *constants; /* NULL: the plan reads none */
    size_t places, pieces;                             /* of the weights: gone through so far */
    _Atomic uint64_t checksum;                         /* of these pieces */
} osprey__weight_check;

/* The sections are those of the engine that the plan is of; all have to outlive the check. */
void osprey__weight_check_init(osprey__weight_check *check, const osprey__plan *plan,
                               const osprey__engine_section *weights,
                               const osprey__engine_section *constants);

/* Before a run: reads the tables. Errors: OSPREY_FORMAT, with path as the subject. */
osprey_status osprey__weight_check_begin(osprey__weight_check *check, osprey__thread_pool *pool,
                                         const char *path, osprey_error *error);

/* After each step of it; stream may be NULL. */
void osprey__weight_check_follow(osprey__weight_check *check, osprey__thread_pool *pool,
                                 osprey__weight_stream *stream, size_t step);

/* After the last. Errors: as osprey__weight_check_begin. */
osprey_status osprey__weight_check_end(osprey__weight_check *check, const char *path,
                                       osprey_error *error);

#endif
