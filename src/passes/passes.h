/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites of a graph that keep what it computes and make it cheaper; and reductions, which leave
 * something out where they are asked to. passes.def lists them in the order in which they run; the
 * verifier looks at the graph after each.
 */
#ifndef OSPREY_PASSES_PASSES_H
#define OSPREY_PASSES_PASSES_H

#include "graph/graph.h"
#include "passes/reductions.h"

typedef osprey_status osprey__pass(osprey__graph *graph, osprey_error *error);

#define OSPREY__PASS(name, text)              osprey__pass osprey__##name;
#define OSPREY__REDUCTION(name, member, text) osprey__reduction osprey__##name;
#include "passes/passes.def"
#undef OSPREY__PASS
#undef OSPREY__REDUCTION

/*
 * Sees the graph as it was built, under the name "built", and then after each pass, before the
 * verifier does. A status other than OSPREY_OK ends the run.
 */
typedef osprey_status osprey__pass_observer(void *context, const char *pass,
                                            const osprey__graph *graph, osprey_error *error);

/* Runs all of them, and the reductions asked for. how and observer may be NULL. */
osprey_status osprey__passes_run(osprey__graph *graph, const osprey__reductions *how,
                                 osprey__pass_observer *observer, void *context,
                                 osprey_error *error);

/* For the passes: the linear that computes value for one reader alone, and adds and applies nothing
 * behind its bias; or NULL. */
osprey__node *osprey__plain_writer(osprey__graph *graph, osprey__value_id value);

#endif
