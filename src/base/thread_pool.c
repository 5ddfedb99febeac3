/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run's tasks are dealt out in contiguous shares, one a thread, so that a thread that works
 * through its share finds what it needs next behind what it had; who has finished takes from the
 * ends of the others' shares. A share's `claim` has the run's number in the upper half and, below,
 * the first and the end of what nobody has taken yet. Whoever changes that by compare-and-swap owns
 * the tasks that he took out. A swap succeeds only while its run has tasks left, and until these
 * are finished the run's fields do not change: a worker that wakes late takes nothing and holds up
 * nobody. The caller waits for `remaining`, the tasks not yet finished.
 */
#include "base/thread_pool.h"

#include "base/cpu/usable_cores.h"
#include "base/memory.h"
#include "base/status.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    MAX_THREADS = 256,
    /* Of a share: what a claim's sixteen bits count. */
    MAX_UNITS = UINT16_MAX,
    /* 20 to 70 us by processor: operators of one model follow each other sooner than that. */
    SPIN_ROUNDS = 1500,
};

typedef struct share {
    _Alignas(OSPREY__ALIGNMENT) _Atomic uint64_t claim;
} share;

typedef struct worker {
    osprey__thread_pool *pool;
    size_t thread;
    pthread_t handle;
} worker;

struct osprey__thread_pool {
    share shares[MAX_THREADS];
    /* The run's; written between runs, read by who owns tasks of it. */
    osprey__task_function *function;
    void *context;
    size_t tasks;
    size_t unit; /* tasks that are taken at once */
    uint64_t run;
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

static uint64_t claim_of(uint64_t run, size_t first, size_t end)
{
    return run << 32 | (uint64_t)first << 16 | end;
}

/* Takes a unit of the share, its owner the first, others the last. False: none is left. */
static bool take(share *from, bool is_owner, size_t *unit)
{
    uint64_t claim = atomic_load(&from->claim), rest;
    do {
        size_t first = (uint16_t)(claim >> 16), end = (uint16_t)claim;
        if (first == end) return false;
        *unit = is_owner ? first : end - 1;
        rest = is_owner ? claim_of(run_of(claim), first + 1, end)
                        : claim_of(run_of(claim), first, end - 1);
    } while (!atomic_compare_exchange_weak(&from->claim, &claim, rest));
    return true;
}

/* Where a share begins, in units. */
static size_t share_start(const osprey__thread_pool *pool, size_t thread)
{
    size_t units = pool->tasks / pool->unit + (pool->tasks % pool->unit != 0);
    return thread * units / pool->threads;
}

static size_t run_unit(const osprey__thread_pool *pool, size_t unit, size_t thread)
{
    size_t first = unit * pool->unit, rest = pool->tasks - first;
    size_t count = rest < pool->unit ? rest : pool->unit;
    for (size_t i = 0; i < count; i++) pool->function(pool->context, first + i, thread);
    return count;
}

static void finish_tasks(osprey__thread_pool *pool, size_t count)
{
    if (atomic_fetch_sub(&pool->remaining, count) != count) return;
    if (!atomic_load(&pool->caller_sleeps)) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->work_done);
    pthread_mutex_unlock(&pool->mutex);
}

/* Works until nobody's share has a task left. */
static void work(osprey__thread_pool *pool, size_t thread)
{
    size_t done = 0;
    for (size_t i = 0; i < pool->threads; i++) {
        size_t owner = (thread + i) % pool->threads, unit;
        while (take(&pool->shares[owner], i == 0, &unit))
            done += run_unit(pool, share_start(pool, owner) + unit, thread);
    }
    if (done) finish_tasks(pool, done);
}

static bool worker_has_news(worker *self, uint64_t run)
{
    osprey__thread_pool *pool = self->pool;
    return run_of(atomic_load(&pool->shares[self->thread].claim)) != run ||
           atomic_load(&pool->stop);
}

static void wait_for_work(worker *self, uint64_t run)
{
    osprey__thread_pool *pool = self->pool;
    for (int i = 0; i < pool->spin_rounds; i++) {
        if (worker_has_news(self, run)) return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleeping_workers, 1);
    while (!worker_has_news(self, run)) pthread_cond_wait(&pool->work_arrived, &pool->mutex);
    atomic_fetch_sub(&pool->sleeping_workers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    osprey__thread_pool *pool = self->pool;
    uint64_t run = 0;
    while (!atomic_load(&pool->stop)) {
        wait_for_work(self, run);
        run = run_of(atomic_load(&pool->shares[self->thread].claim));
        work(pool, self->thread);
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
    pool->function = function;
    pool->context = context;
    pool->tasks = tasks;
    pool->unit = tasks / (pool->threads * MAX_UNITS) + 1;
    pool->run = (pool->run + 1) & UINT32_MAX;
    atomic_store(&pool->remaining, tasks);
    for (size_t i = 0; i < pool->threads; i++) {
        size_t units = share_start(pool, i + 1) - share_start(pool, i);
        atomic_store(&pool->shares[i].claim, claim_of(pool->run, 0, units));
    }
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
