/* SPDX-License-Identifier: Apache-2.0 */
/* Every task once, whatever the numbers of tasks and threads; built for ThreadSanitizer too. */
#include "base/memory.h"
#include "base/thread_pool.h"
#include "cmocka_all.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { MOST_TASKS = 1000, MOST_THREADS = 16 };

typedef struct job {
    size_t threads;
    int calls[MOST_TASKS];           /* plain: a task called twice is a race that TSan sees */
    size_t per_thread[MOST_THREADS]; /* plain: a thread's number is one thread's at a time */
    atomic_int wrong_thread;
} job;

static void count_call(void *context, size_t task, size_t thread)
{
    job *counted = context;
    if (thread >= counted->threads) {
        atomic_fetch_add(&counted->wrong_thread, 1);
        return;
    }
    counted->calls[task]++;
    counted->per_thread[thread]++;
}

static void check_run(osprey__thread_pool *pool, job *counted, size_t tasks)
{
    memset(counted, 0, sizeof *counted);
    counted->threads = osprey__thread_pool_threads(pool);
    osprey__thread_pool_run(pool, tasks, count_call, counted);
    size_t sum = 0;
    for (size_t i = 0; i < MOST_TASKS; i++) assert_int_equal(counted->calls[i], i < tasks);
    for (size_t i = 0; i < counted->threads; i++) sum += counted->per_thread[i];
    assert_int_equal(sum, tasks);
    assert_int_equal(atomic_load(&counted->wrong_thread), 0);
}

static void test_every_task_runs_once(void **state)
{
    (void)state;
    static job counted;
    const size_t tasks[] = {0, 1, 2, 3, 7, 64, MOST_TASKS};
    for (size_t threads = 1; threads <= MOST_THREADS; threads *= 2) {
        osprey__thread_pool *pool;
        osprey_error error;
        assert_int_equal(osprey__thread_pool_create(threads, &pool, &error), OSPREY_OK);
        assert_int_equal(osprey__thread_pool_threads(pool), threads);
        for (size_t repeat = 0; repeat < 20; repeat++)
            for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
                check_run(pool, &counted, tasks[i]);
        osprey__thread_pool_free(pool);
    }
}

static void test_many_short_runs(void **state)
{
    (void)state;
    static job counted;
    osprey__thread_pool *pool;
    assert_int_equal(osprey__thread_pool_create(3, &pool, NULL), OSPREY_OK);
    memset(&counted, 0, sizeof counted);
    counted.threads = 3;
    for (size_t i = 0; i < 20000; i++) osprey__thread_pool_run(pool, 2, count_call, &counted);
    assert_int_equal(counted.calls[0], 20000);
    assert_int_equal(counted.calls[1], 20000);
    osprey__thread_pool_free(pool);
}

typedef struct meeting {
    atomic_int present;
    atomic_bool all_met;
} meeting;

/* Ends only when as many threads as there are tasks are inside at once. */
static void meet(void *context, size_t task, size_t thread)
{
    (void)task;
    (void)thread;
    meeting *place = context;
    if (atomic_fetch_add(&place->present, 1) == 3) atomic_store(&place->all_met, true);
    while (!atomic_load(&place->all_met)) continue;
}

static void test_threads_work_at_the_same_time(void **state)
{
    (void)state;
    osprey__thread_pool *pool;
    assert_int_equal(osprey__thread_pool_create(4, &pool, NULL), OSPREY_OK);
    meeting place = {0};
    osprey__thread_pool_run(pool, 4, meet, &place);
    assert_int_equal(atomic_load(&place.present), 4);
    osprey__thread_pool_free(pool);
}

static void add_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    atomic_fetch_add((atomic_size_t *)context, task);
}

typedef struct order {
    size_t thread_of[MOST_TASKS];
} order;

static void note_thread(void *context, size_t task, size_t thread)
{
    ((order *)context)->thread_of[task] = thread;
    /* All threads have begun before one has finished its share. */
    for (volatile int i = 0; i < 2000; i++) continue;
}

/* Shares are contiguous: who takes part has neighbours, but where others helped with the end. */
static void test_neighbouring_tasks_stay_together(void **state)
{
    (void)state;
    static order seen;
    osprey__thread_pool *pool;
    assert_int_equal(osprey__thread_pool_create(2, &pool, NULL), OSPREY_OK);
    for (size_t repeat = 0; repeat < 50; repeat++) {
        osprey__thread_pool_run(pool, MOST_TASKS, note_thread, &seen);
        size_t changes = 0;
        for (size_t i = 1; i < MOST_TASKS; i++)
            changes += seen.thread_of[i] != seen.thread_of[i - 1];
        assert_true(changes <= 2);
    }
    osprey__thread_pool_free(pool);
}

static void test_more_tasks_than_a_claim_counts(void **state)
{
    (void)state;
    atomic_size_t sum = 0;
    osprey__thread_pool *pool;
    assert_int_equal(osprey__thread_pool_create(2, &pool, NULL), OSPREY_OK);
    const size_t tasks = 1000003;
    osprey__thread_pool_run(pool, tasks, add_task, &sum);
    assert_int_equal(atomic_load(&sum), tasks * (tasks - 1) / 2);
    osprey__thread_pool_free(pool);
}

static bool refuse(size_t bytes, void *context)
{
    (void)bytes;
    (void)context;
    return false;
}

static void test_a_run_allocates_nothing(void **state)
{
    (void)state;
    static job counted;
    osprey__thread_pool *pool;
    assert_int_equal(osprey__thread_pool_create(2, &pool, NULL), OSPREY_OK);
    osprey__set_memory_hook(refuse, NULL);
    check_run(pool, &counted, 100);
    osprey__set_memory_hook(NULL, NULL);
    osprey__thread_pool_free(pool);
}

typedef struct mask_survey {
    meeting place;
    sigset_t masks[4];
} mask_survey;

static void note_mask(void *context, size_t task, size_t thread)
{
    mask_survey *survey = context;
    pthread_sigmask(SIG_SETMASK, NULL, &survey->masks[thread]);
    meet(&survey->place, task, thread);
}

static void test_workers_leave_signals_to_the_program(void **state)
{
    (void)state;
    mask_survey survey = {0};
    osprey__thread_pool *pool;
    assert_int_equal(osprey__thread_pool_create(4, &pool, NULL), OSPREY_OK);
    osprey__thread_pool_run(pool, 4, note_mask, &survey);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sigismember(&survey.masks[i], SIGINT), i == 0 ? 0 : 1);
    osprey__thread_pool_free(pool);
}

static void test_impossible_pools_are_refused(void **state)
{
    (void)state;
    osprey_error error;
    osprey__thread_pool *pool;
    assert_int_equal(osprey__thread_pool_create(0, &pool, &error), OSPREY_INVALID_ARGUMENT);
    assert_null(pool);
    assert_int_equal(osprey__thread_pool_create(257, &pool, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "256"));
    osprey__set_memory_hook(refuse, NULL);
    assert_int_equal(osprey__thread_pool_create(2, &pool, &error), OSPREY_OUT_OF_MEMORY);
    osprey__set_memory_hook(NULL, NULL);
    osprey__thread_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_runs_once),
        cmocka_unit_test(test_many_short_runs),
        cmocka_unit_test(test_threads_work_at_the_same_time),
        cmocka_unit_test(test_neighbouring_tasks_stay_together),
        cmocka_unit_test(test_more_tasks_than_a_claim_counts),
        cmocka_unit_test(test_a_run_allocates_nothing),
        cmocka_unit_test(test_workers_leave_signals_to_the_program),
        cmocka_unit_test(test_impossible_pools_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
