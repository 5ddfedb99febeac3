/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A graph as bytes, for an engine. docs/engine-format.md has the layout.
 *
 * Constants are described with the graph; the elements of those that are kept lie in a block of
 * their own, which is mapped and never copied. A reader trusts nothing: it builds the graph anew
 * with the calls that an importer uses, so that every shape is inferred, and holds each operator's
 * inputs against what running it takes for granted.
 */
#ifndef OSPREY_GRAPH_GRAPH_STORE_H
#define OSPREY_GRAPH_GRAPH_STORE_H

#include "base/buffer.h"
#include "base/byte_sink.h"
#include "graph/graph.h"

/* Whose elements are kept. */
typedef enum osprey__kept_constants {
    OSPREY__KEEP_TABLES, /* those that a gather reads while running */
    OSPREY__KEEP_ALL,
} osprey__kept_constants;

/* Of an input or a computed value, for one image or token: a reader's bound, which the writer
 * keeps. */
#define OSPREY__COMPUTED_ELEMENTS_MAX ((size_t)1 << 28)

/* Appends the graph, without elements. OSPREY_LIMIT: a value has more than a reader takes. */
osprey_status osprey__graph_store(const osprey__graph *graph, osprey__kept_constants keep,
                                  osprey__buffer *bytes, osprey_error *error);

/* The elements that are kept, one constant after the other, each on an OSPREY__ALIGNMENT boundary.
 */
osprey_status osprey__graph_store_constants(const osprey__graph *graph, osprey__kept_constants keep,
                                            const osprey__byte_sink *sink, osprey_error *error);

typedef struct osprey__stored_graph {
    const void *bytes;
    size_t length;
    const void *constants; /* has to outlive the graph */
    size_t constant_bytes;
} osprey__stored_graph;

/*
 * name: the graph's, static storage. file: what errors name. data of constants that were not kept
 * is NULL. The caller frees *graph with osprey__graph_free.
 * Errors: OSPREY_FORMAT, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__graph_load(const osprey__stored_graph *stored, const char *name,
                                 const char *file, osprey__graph **graph, osprey_error *error);

#endif
