/* SPDX-License-Identifier: Apache-2.0 */
/* Small graphs for tests of passes: building, comparing as text, running before and after. */
#ifndef OSPREY_TESTS_PASSES_PASS_GRAPHS_H
#define OSPREY_TESTS_PASSES_PASS_GRAPHS_H

#include "graph/graph.h"
#include "passes/passes.h"

osprey__graph *new_graph(void);

/* first, first + 1, ... */
osprey__value_id ascending_constant(osprey__graph *graph, const char *name, size_t rank,
                                    const size_t *dims, float first);

/* Between -1 and 1, the same for the same name. */
osprey__value_id random_constant(osprey__graph *graph, const char *name, size_t rank,
                                 const size_t *dims);

void assert_dump(const osprey__graph *graph, const char *wanted);

/*
 * The graph's output for two sequences (texts of 3 and 4 tokens) of random inputs; inputs of
 * integers are the last row of each text. Frees the graph; the caller frees the result with free.
 */
float *run_graph(osprey__graph *graph, size_t *count);

/* Builds the graph twice and asserts that it computes the same with and without the pass. */
void assert_pass_keeps_function(osprey__graph *(*build)(void), osprey__pass *pass);

#endif
