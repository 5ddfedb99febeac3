/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites of a graph that keep what it computes and make it cheaper. passes.def lists them in the
 * order in which they run; the verifier looks at the graph after each.
 */
#ifndef OSPREY_PASSES_PASSES_H
#define OSPREY_PASSES_PASSES_H

#include "graph/graph.h"

typedef osprey_status osprey__pass(osprey__graph *graph, osprey_error *error);

#define OSPREY__PASS(function, text) osprey__pass function;
#include "passes/passes.def"
#undef OSPREY__PASS

/* Runs all of them. */
osprey_status osprey__passes_run(osprey__graph *graph, osprey_error *error);

#endif
