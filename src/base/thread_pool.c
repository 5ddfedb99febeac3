/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run is published by one store to `claim`: the run's number in the upper half, how many tasks
 * nobody has taken yet in the lower. Whoever lowers that by compare-and-swap owns a task. A swap
 * succeeds only while its run has tasks left, and until then the run's fields do not change: a
 * worker that wakes late takes nothing and holds up nobody. The caller waits for `remaining`, the
 * tasks not yet finished.
 */
#include "base/thread_pool.h"

#include "base/cpu/usable_cores.h"
#include "base/memory.h"
#include "base/status.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    MAX_THREADS = 256,
    /* 20 to 70 us by processor: operators of one model follow each other sooner than that. */
    SPIN_ROUNDS = 1500,
};

typedef struct worker {
    osprey__thread_pool *pool;
    size_t thread;
    pthread_t handle;
} worker;

struct osprey__thread_pool {
    _Alignas(OSPREY__ALIGNMENT) _Atomic uint64_t claim;
    /* The run's; written between runs. Atomic since a late worker may look. */
    _Atomic(osprey__task_function *) function;
    _Atomic(void *) context;
    atomic_size_t tasks;
    _Alignas(OSPREY__ALIGNMENT) atomic_size_t remaining;
    atomic_size_t sleeping_workers;
    atomic_bool caller_sleeps;
    atomic_bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t work_arrived;
    pthread_cond_t work_done;
    size_t threads;
    size_t started_workers;
    int spin_rounds;
    worker workers[];
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t run_of(uint64_t claim)
{
    return claim >> 32;
}

static size_t unclaimed_of(uint64_t claim)
{
    return (uint32_t)claim;
}

static void finish_task(osprey__thread_pool *pool)
{
    if (atomic_fetch_sub(&pool->remaining, 1) != 1) return;
    if (!atomic_load(&pool->caller_sleeps)) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->work_done);
    pthread_mutex_unlock(&pool->mutex);
}

/* Works until the current run has no unclaimed task; returns that run's number. */
static uint64_t work(osprey__thread_pool *pool, size_t thread)
{
    uint64_t claim = atomic_load(&pool->claim);
    while (unclaimed_of(claim) > 0) {
        osprey__task_function *function =
            atomic_load_explicit(&pool->function, memory_order_relaxed);
        void *context = atomic_load_explicit(&pool->context, memory_order_relaxed);
        size_t tasks = atomic_load_explicit(&pool->tasks, memory_order_relaxed);
        if (!atomic_compare_exchange_weak(&pool->claim, &claim, claim - 1)) continue;
        function(context, tasks - unclaimed_of(claim), thread);
        finish_task(pool);
        claim = atomic_load(&pool->claim);
    }
    return run_of(claim);
}

static bool worker_has_news(osprey__thread_pool *pool, uint64_t run)
{
    return run_of(atomic_load(&pool->claim)) != run || atomic_load(&pool->stop);
}

static void wait_for_work(osprey__thread_pool *pool, uint64_t run)
{
    for (int i = 0; i < pool->spin_rounds; i++) {
        if (worker_has_news(pool, run)) return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleeping_workers, 1);
    while (!worker_has_news(pool, run)) pthread_cond_wait(&pool->work_arrived, &pool->mutex);
    atomic_fetch_sub(&pool->sleeping_workers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    uint64_t run = 0;
    while (!atomic_load(&self->pool->stop)) {
        wait_for_work(self->pool, run);
        run = work(self->pool, self->thread);
    }
    return NULL;
}

static void wake_workers(osprey__thread_pool *pool)
{
    if (atomic_load(&pool->sleeping_workers) == 0) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work_arrived);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_until_done(osprey__thread_pool *pool)
{
    for (int i = 0; i < pool->spin_rounds; i++) {
        if (atomic_load(&pool->remaining) == 0) return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while (atomic_load(&pool->remaining) != 0) pthread_cond_wait(&pool->work_done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->mutex);
}

/* Signals are the program's business: workers start with all of them blocked. */
static int start_workers(osprey__thread_pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    for (size_t i = 0; i + 1 < pool->threads && failure == 0; i++) {
        worker *self = &pool->workers[i];
        self->pool = pool;
        self->thread = i + 1;
        failure = pthread_create(&self->handle, NULL, worker_main, self);
        if (failure == 0) pool->started_workers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

osprey_status osprey__thread_pool_create(size_t threads, osprey__thread_pool **pool,
                                         osprey_error *error)
{
    *pool = NULL;
    if (threads < 1 || threads > MAX_THREADS)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "threads",
                            "%zu threads asked for; 1 to %d are possible", threads, MAX_THREADS);
    size_t bytes = sizeof(osprey__thread_pool) + (threads - 1) * sizeof(worker);
    osprey__thread_pool *created = osprey__aligned_alloc(bytes);
    if (!created) return osprey__fail_memory(error, bytes);
    memset(created, 0, bytes);
    pthread_mutex_init(&created->mutex, NULL);
    pthread_cond_init(&created->work_arrived, NULL);
    pthread_cond_init(&created->work_done, NULL);
    created->threads = threads;
    created->spin_rounds = threads > osprey__usable_cores() ? 0 : SPIN_ROUNDS;
    int failure = start_workers(created);
    if (failure != 0) {
        osprey_status status =
            osprey__fail(error, OSPREY_LIMIT, "threads",
                         "only %zu of %zu threads could be started (%s); ask for fewer",
                         created->started_workers + 1, threads, strerror(failure));
        osprey__thread_pool_free(created);
        return status;
    }
    *pool = created;
    return OSPREY_OK;
}

size_t osprey__thread_pool_threads(const osprey__thread_pool *pool)
{
    return pool->threads;
}

void osprey__thread_pool_run(osprey__thread_pool *pool, size_t tasks,
                             osprey__task_function *function, void *context)
{
    if (pool->threads == 1 || tasks < 2) {
        for (size_t task = 0; task < tasks; task++) function(context, task, 0);
        return;
    }
    assert(tasks <= UINT32_MAX);
    atomic_store_explicit(&pool->function, function, memory_order_relaxed);
    atomic_store_explicit(&pool->context, context, memory_order_relaxed);
    atomic_store_explicit(&pool->tasks, tasks, memory_order_relaxed);
    atomic_store(&pool->remaining, tasks);
    uint64_t run = (run_of(atomic_load(&pool->claim)) + 1) & UINT32_MAX;
    atomic_store(&pool->claim, run << 32 | tasks);
    wake_workers(pool);
    work(pool, 0);
    wait_until_done(pool);
}

void osprey__thread_pool_free(osprey__thread_pool *pool)
{
    if (!pool) return;
    atomic_store(&pool->stop, true);
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work_arrived);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->started_workers; i++) pthread_join(pool->workers[i].handle, NULL);
    pthread_cond_destroy(&pool->work_done);
    pthread_cond_destroy(&pool->work_arrived);
    pthread_mutex_destroy(&pool->mutex);
    osprey__aligned_free(pool);
}
