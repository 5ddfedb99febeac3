/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes a plan on the cores of this machine: operators one after the other, each split into
 * tasks that the threads of a pool share. How it is split never changes a result. Allocates
 * nothing.
 */
#ifndef OSPREY_BACKEND_CPU_BACKEND_H
#define OSPREY_BACKEND_CPU_BACKEND_H

#include "backend/weight_check.h"
#include "backend/weight_stream.h"
#include "base/thread_pool.h"
#include "plan/plan.h"

typedef struct osprey__run osprey__run;

/*
 * Sees a run's values. Called before each step, whose inputs are in place, with the step's index;
 * what the step before wrote is in place too. Called last with plan->step_count.
 */
typedef void osprey__step_observer(void *context, const osprey__run *run, size_t step);

/*
 * How the rows of texts hang together. Texts may share rows that they begin with: text t is the
 * lengths[t] rows that end at row starts[t + 1] - 1, of which only starts[t] and on are its own and
 * contiguous. Those before are found through parents.
 */
typedef struct osprey__text_rows {
    const size_t *starts;   /* [sequences + 1] */
    const size_t *lengths;  /* [sequences] */
    const int32_t *parents; /* [tokens] the row before; NULL where no text shares rows */
    const float *key_bias;  /* [tokens] added to the scores of a row as a key; or NULL */
} osprey__text_rows;

struct osprey__run {
    const osprey__plan *plan;
    osprey__thread_pool *pool;
    size_t sequences;
    size_t tokens;                  /* rows of all texts; 0 for images */
    const osprey__text_rows *texts; /* NULL for images */
    const void *const *inputs;      /* one a value of the graph; only those of inputs are read */
    char *arena;
    const size_t *offsets;           /* of osprey__memory_plan for at least this size */
    float *scratch;                  /* a share for each thread of the pool, one after the other */
    size_t scratch_floats;           /* of one share: osprey__cpu_scratch_floats or more */
    osprey__weight_stream *stream;   /* of the plan's weights; NULL: they are left to the system */
    osprey__weight_check *check;     /* that has begun; or NULL */
    osprey__step_observer *observer; /* or NULL */
    void *observer_context;
};

/* Row block r and column block c of a product are one task. */
typedef struct osprey__product_tasks {
    size_t row_blocks, column_blocks;
    size_t panels; /* of the kernel, in a column block; the last may have fewer */
    bool columns_first;
} osprey__product_tasks;

/* The tasks of the step's product of m rows that is split so. */
osprey__product_tasks osprey__cpu_step_tasks(const osprey__step *step, size_t m, size_t threads,
                                             osprey_task_split how);

/* Scratch that one thread needs when no text is longer than longest_text tokens. */
size_t osprey__cpu_scratch_floats(const osprey__plan *plan, size_t longest_text);

/* The graph's output afterwards lies at the arena's offset of its root: rows of floats. */
void osprey__cpu_run(const osprey__run *run);

/* Where the value lies during this run, in the form that the plan gives it. */
const void *osprey__run_value(const osprey__run *run, osprey__value_id id);

/* A computed value's rows during this run, which observers walk. */
typedef struct osprey__run_rows {
    const char *first;
    size_t count;
    const osprey__row_form *form;
} osprey__run_rows;

osprey__run_rows osprey__run_get_rows(const osprey__run *run, osprey__value_id id);

/* A computed value's elements as floats, and others into their place: for observers. The value is
 * not prepared for a product; what a product computes never is. */
void osprey__run_get_floats(const osprey__run *run, osprey__value_id id, float *floats);
void osprey__run_set_floats(const osprey__run *run, osprey__value_id id, const float *floats);

#endif
