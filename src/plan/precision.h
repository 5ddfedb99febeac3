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
    bool used[OSPREY_KEEP_MAX];       /* something of some graph fitted the pattern and knows that
                                         precision: a layer knows all, */
    bool fits_table[OSPREY_KEEP_MAX]; /* a table only fp32 and fp16, and this one fitted */
} osprey__precision_rules;

/* Errors: OSPREY_INVALID_ARGUMENT (a precision, or an exception that is no PATTERN=PRECISION). */
osprey_status osprey__precision_rules_init(osprey__precision_rules *rules,
                                           osprey_precision precision, const char *const *keep,
                                           size_t keep_count, osprey_error *error);

/*
 * Sets the precision of every product of a graph that has been through the passes; tables that rows
 * are looked up in become F16 where theirs is any but fp32. Unless an exception says otherwise,
 * int8 takes bf16 for a ResNet's first convolution, which sees the pixels, and int4 takes int8 for
 * the first convolution of any model, the last projection, and weights of at most 65,536 elements.
 * docs/compile.md has what is lost then.
 */
osprey_status osprey__precision_assign(osprey__precision_rules *rules, osprey__graph *graph,
                                       osprey_error *error);

/* After all graphs. Errors: OSPREY_INVALID_ARGUMENT (a pattern that nothing fitted, or only tables,
 * which do not know its precision, is named). */
osprey_status osprey__precision_rules_check(const osprey__precision_rules *rules,
                                            osprey_error *error);

#endif
