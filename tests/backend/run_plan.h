/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a plan by itself, as a session would. */
#ifndef OSPREY_TESTS_BACKEND_RUN_PLAN_H
#define OSPREY_TESTS_BACKEND_RUN_PLAN_H

#include "kernels/guarded.h"
#include "plan/plan.h"

/*
 * Fails unless the output, of sequences of x, the plan's one input, is what is expected within
 * tolerance, relative to the largest element, and has the same bits in any batch on any threads.
 * sequences: 3 at least.
 */
void assert_plan_computes(const osprey__plan *plan, const float *x, size_t sequences,
                          const guarded *expected, double tolerance);

/* Of the graph's constant of that name. */
const float *constant_data(const osprey__graph *graph, const char *name);

#endif
