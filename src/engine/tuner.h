/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for the fastest way to split the products of a tower into tasks.
 *
 * All kinds of product are tried at once, and a kind that several layers have tries as many ways in
 * one run of the tower: each of its products takes another contestant, by turns, and is timed where
 * it stands, with the caches as the steps before leave them and all the tower's weights passing by.
 * Contestants that are clearly slower leave. What wins is then held against the default by new
 * times, and taken only if it wins there too, by more than these vary, so that neither luck in one
 * of many timings nor what else the machine does is taken for speed.
 *
 * It knows no clock: whoever runs the tower says what its steps cost.
 */
#ifndef OSPREY_ENGINE_TUNER_H
#define OSPREY_ENGINE_TUNER_H

#include "plan/plan.h"

/* Runs the plan as it is now, and fills the microseconds of each of its steps. */
typedef osprey_status osprey__time_steps(void *context, double *step_us, osprey_error *error);

/* Runs that a budget has to last for, else nothing is tried. */
#define OSPREY__TUNER_RUNS_LEAST 6

typedef struct osprey__tuner {
    osprey__plan *plan; /* runs with the contestants' choices meanwhile, and has none afterwards */
    size_t threads;
    size_t sequences, tokens; /* of a run */
    osprey_tuning_effort effort;
    double budget_us; /* of steps; a little more may be spent */
    osprey__time_steps *time_steps;
    void *context;
    void (*progress)(void *context, double done); /* from 0 to 1; or NULL */
    void *progress_context;
} osprey__tuner;

typedef struct osprey__tuner_cost {
    double spent_us;
    double run_us; /* the longest run but the first, whose caches are cold */
} osprey__tuner_cost;

/*
 * Adds to *tuning, which the caller frees, a choice for each kind of product; none where the budget
 * is too small to say anything. *cost is of all steps that were timed. Errors: those of time_steps,
 * OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__tune(const osprey__tuner *tuner, osprey__tuning *tuning,
                           osprey__tuner_cost *cost, osprey_error *error);

/*
 * The ways to split the step's product of m rows that are tried, the default first, each with other
 * tasks than those before. splits: room for OSPREY__CONTESTANTS_MAX. Returns their number.
 */
#define OSPREY__CONTESTANTS_MAX 64
size_t osprey__tuner_splits(osprey_tuning_effort effort, const osprey__step *step, size_t m,
                            size_t threads, osprey_task_split *splits);

#endif
