/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker threads that share the tasks of one operator at a time. The calling thread takes part,
 * so a pool of one thread has no workers. One caller at a time; no nesting.
 */
#ifndef OSPREY_BASE_THREAD_POOL_H
#define OSPREY_BASE_THREAD_POOL_H

#include <osprey/error.h>

#include <stddef.h>

typedef struct osprey__thread_pool osprey__thread_pool;

/* threads: 1 to 256, the caller included. */
osprey_status osprey__thread_pool_create(size_t threads, osprey__thread_pool **pool,
                                         osprey_error *error);

size_t osprey__thread_pool_threads(const osprey__thread_pool *pool);

/*
 * Calls function(context, task, thread) for every task in 0..tasks-1, each once; thread
 * (0..threads-1) numbers scratch space. A thread works through neighbouring tasks one after the
 * other, as far as that keeps all threads at work. Returns when all are done; what they wrote is
 * then visible to the caller. Allocates nothing.
 */
typedef void osprey__task_function(void *context, size_t task, size_t thread);
void osprey__thread_pool_run(osprey__thread_pool *pool, size_t tasks,
                             osprey__task_function *function, void *context);

/* Takes NULL. */
void osprey__thread_pool_free(osprey__thread_pool *pool);

#endif
