/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a plan by itself, as a session would. */
#ifndef OSPREY_TESTS_BACKEND_RUN_PLAN_H
#define OSPREY_TESTS_BACKEND_RUN_PLAN_H

#include "kernels/guarded.h"
#include "plan/plan.h"

/* The output, of so many sequences, of a plan whose one input is x; the caller frees it. */
guarded run_plan(const osprey__plan *plan, const float *x, size_t sequences, size_t threads);

#endif
