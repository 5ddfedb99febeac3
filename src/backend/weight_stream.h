/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a plan whose weights are mapped from a file in less memory than they take. They are cut into
 * parts in the order of the steps. Some stay in memory; each of the others is read in by a thread
 * of its own while the steps before it compute, and given back after its last step.
 *
 * Every run passes all weights once, in the same order. What was used last is then needed last of
 * all, so that keeping the most recent parts would keep none in time: the parts that stay are
 * chosen once instead, spread over the whole so that reading and computing go side by side.
 *
 * One thread at a time. Results do not depend on it: a part that is not there is read where it is
 * touched.
 */
#ifndef OSPREY_BACKEND_WEIGHT_STREAM_H
#define OSPREY_BACKEND_WEIGHT_STREAM_H

#include "plan/plan.h"

#include <stdint.h>

typedef struct osprey__weight_stream osprey__weight_stream;

/*
 * plan has mapped weights and outlives the stream. The caller frees *stream with
 * osprey__weight_stream_free.
 */
osprey_status osprey__weight_stream_create(const osprey__plan *plan, osprey__weight_stream **stream,
                                           osprey_error *error);

/* The least that osprey__weight_stream_start takes. */
size_t osprey__weight_stream_least(const osprey__weight_stream *stream);

/*
 * To be called once, before the first run. bytes: what may be in memory of the weights at once.
 * Errors: OSPREY_LIMIT (no thread to be had).
 */
osprey_status osprey__weight_stream_start(osprey__weight_stream *stream, size_t bytes,
                                          osprey_error *error);

/*
 * Waits until the step's weights are there, and gives back what the steps before it have used. To
 * be called before each step of a run in turn, and last with the number of steps.
 */
void osprey__weight_stream_enter(osprey__weight_stream *stream, size_t step);

/*
 * Gives back what lies from there up to the weights of the step that is on: for who has read them
 * once more.
 */
void osprey__weight_stream_trim(osprey__weight_stream *stream, const void *begin);

/* Gives back all that is in memory, until the next run. Not while one is on. Takes NULL. */
void osprey__weight_stream_rest(osprey__weight_stream *stream);

/* What was read into memory so far, also what stays there. Takes NULL: none. */
uint64_t osprey__weight_stream_read_bytes(osprey__weight_stream *stream);

/*
 * What of the tables that gathers pick from is in memory at once, at most, when as many rows are
 * picked.
 */
size_t osprey__weight_stream_table_bytes(const osprey__plan *plan, size_t rows);

/* Takes NULL. */
void osprey__weight_stream_free(osprey__weight_stream *stream);

#endif
