/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tuner.h"

#include "backend/cpu_backend.h"
#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Runs that a budget has to last for, else nothing is tried. */
#define RUNS_LEAST 12

/* The part of the budget that the contest may take; the rest is for the confirmation. */
#define CONTEST_SHARE 0.7

/* What a winner gains at least over the default, in the contest and when it is confirmed. */
#define GAIN_LEAST 0.01

#define SAMPLES_MAX 15
#define PAIRS_LEAST 3

typedef struct contestant {
    osprey_task_split split;
    double samples[SAMPLES_MAX]; /* microseconds of all products of the kind */
    size_t sample_count;
    bool is_out;
} contestant;

typedef struct contest {
    osprey_product_choice *choice; /* the kind, and what the plan runs with */
    const osprey__gemm_kernel *gemm;
    contestant *contestants; /* [count]; the first is the default */
    size_t count;
    size_t winner;
    double run_us; /* of the last run */
} contest;

typedef struct tournament {
    const osprey__tuner *tuner;
    osprey__tuning found; /* a choice a contest */
    contest *contests;
    size_t *contest_of; /* [steps]; SIZE_MAX: not tuned */
    double *step_us;    /* [steps] */
    double spent_us, longest_us;
    osprey_error *error;
} tournament;

static size_t passes_of(osprey_tuning_effort effort)
{
    return effort == OSPREY_TUNE_FULL ? SAMPLES_MAX : 7;
}

/* How much slower than the best a contestant may be after so many passes. */
static double slack_after(size_t passes)
{
    return passes == 1 ? 1.10 : passes == 2 ? 1.06 : 1.03;
}

static bool same_tasks(const osprey__product_tasks *a, const osprey__product_tasks *b)
{
    return a->row_blocks == b->row_blocks && a->panels == b->panels &&
           (a->columns_first == b->columns_first || a->row_blocks == 1 || a->column_blocks == 1);
}

typedef struct split_list {
    const osprey__gemm_kernel *gemm;
    size_t m, n, threads;
    osprey_task_split *splits;
    osprey__product_tasks tasks[OSPREY__CONTESTANTS_MAX];
    size_t count;
} split_list;

static void add_split(split_list *list, osprey_task_split split)
{
    const osprey__product_tasks tasks =
        osprey__cpu_product_tasks(list->gemm, list->m, list->n, list->threads, split);
    for (size_t i = 0; i < list->count; i++)
        if (same_tasks(&list->tasks[i], &tasks)) return;
    if (list->count == OSPREY__CONTESTANTS_MAX) return;
    list->tasks[list->count] = tasks;
    list->splits[list->count++] = split;
}

/* With so many rows a task: panels by powers of two, and a task a thread. */
static void add_columns(split_list *list, size_t rows, bool columns_first)
{
    const size_t columns = list->gemm->columns;
    add_split(list, (osprey_task_split){rows, 0, columns_first});
    for (size_t panels = 1; panels <= 8; panels *= 2)
        add_split(list, (osprey_task_split){rows, panels * columns, columns_first});
    const size_t panels = (list->n + columns - 1) / columns;
    const size_t share = (panels + list->threads - 1) / list->threads;
    add_split(list, (osprey_task_split){rows, share * columns, columns_first});
    add_split(list, (osprey_task_split){rows, panels * columns, columns_first});
}

size_t osprey__tuner_splits(osprey_tuning_effort effort, const osprey__gemm_kernel *gemm, size_t m,
                            size_t n, size_t threads, osprey_task_split *splits)
{
    split_list list = {.gemm = gemm, .m = m, .n = n, .threads = threads, .splits = splits};
    add_columns(&list, 0, false);
    if (effort == OSPREY_TUNE_FULL) {
        add_columns(&list, 0, true);
        static const size_t tiles[] = {3, 12, 24};
        for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
            add_columns(&list, tiles[i] * gemm->rows, false);
            add_columns(&list, tiles[i] * gemm->rows, true);
        }
    } else {
        add_split(&list, (osprey_task_split){0, 2 * gemm->columns, true});
        add_split(&list, (osprey_task_split){0, 8 * gemm->columns, true});
    }
    return list.count;
}

/* Products whose tasks the choices decide: not convolutions that gather for each task anew. */
static bool is_tuned(const osprey__step *step)
{
    return step->gemm &&
           (step->node->op == OSPREY__OP_LINEAR || osprey__conv_is_pointwise(&step->conv) ||
            osprey__conv_is_patches(&step->conv));
}

static osprey_product_choice choice_of(const osprey__tuner *tuner, const osprey__step *step)
{
    const osprey__value *out = &tuner->plan->graph->values[step->node->output];
    osprey_product_choice choice = osprey__step_kind(tuner->plan, step);
    choice.m = osprey__value_elements(out, tuner->sequences, tuner->tokens) / step->out_channels;
    return choice;
}

static int by_kind_and_m(const void *a, const void *b)
{
    return osprey__compare_choices(a, b);
}

/* Fills t->found with the tower's kinds, none twice. */
static osprey_status find_kinds(tournament *t)
{
    const osprey__plan *plan = t->tuner->plan;
    osprey_product_choice *choices = osprey__calloc(plan->step_count, sizeof *choices);
    if (!choices) return osprey__fail_memory(t->error, plan->step_count * sizeof *choices);
    t->found = (osprey__tuning){.threads = t->tuner->threads, .choices = choices};
    size_t count = 0;
    for (size_t s = 0; s < plan->step_count; s++)
        if (is_tuned(&plan->steps[s])) choices[count++] = choice_of(t->tuner, &plan->steps[s]);
    if (count) qsort(choices, count, sizeof *choices, by_kind_and_m);
    for (size_t i = 0; i < count; i++) {
        osprey_product_choice *last = &choices[t->found.count - (t->found.count > 0)];
        if (t->found.count && osprey__compare_choices(last, &choices[i]) == 0)
            last->products++;
        else
            choices[t->found.count++] = choices[i];
    }
    return OSPREY_OK;
}

static osprey_status enter_contestants(tournament *t, contest *c)
{
    osprey_task_split splits[OSPREY__CONTESTANTS_MAX];
    c->count = osprey__tuner_splits(t->tuner->effort, c->gemm, c->choice->m, c->choice->n,
                                    t->tuner->threads, splits);
    c->contestants = osprey__calloc(c->count, sizeof *c->contestants);
    if (!c->contestants) return osprey__fail_memory(t->error, c->count * sizeof *c->contestants);
    for (size_t i = 0; i < c->count; i++) c->contestants[i].split = splits[i];
    return OSPREY_OK;
}

static osprey_status begin(tournament *t)
{
    const osprey__plan *plan = t->tuner->plan;
    t->contests = osprey__calloc(t->found.count, sizeof *t->contests);
    t->contest_of = osprey__calloc(plan->step_count, sizeof *t->contest_of);
    t->step_us = osprey__calloc(plan->step_count, sizeof *t->step_us);
    if (!t->contests || !t->contest_of || !t->step_us)
        return osprey__fail_memory(t->error, plan->step_count * sizeof *t->step_us);
    for (size_t s = 0; s < plan->step_count; s++) {
        t->contest_of[s] = SIZE_MAX;
        if (!is_tuned(&plan->steps[s])) continue;
        const osprey_product_choice kind = choice_of(t->tuner, &plan->steps[s]);
        for (size_t i = 0; i < t->found.count; i++)
            if (osprey__compare_choices(&t->found.choices[i], &kind) == 0) t->contest_of[s] = i;
        t->contests[t->contest_of[s]].gemm = plan->steps[s].gemm;
    }
    for (size_t i = 0; i < t->found.count; i++) {
        t->contests[i].choice = &t->found.choices[i];
        OSPREY_TRY(enter_contestants(t, &t->contests[i]));
    }
    osprey__plan_use_tuning(t->tuner->plan, &t->found);
    return OSPREY_OK;
}

static void end(tournament *t)
{
    osprey__plan_use_tuning(t->tuner->plan, &(osprey__tuning){0});
    for (size_t i = 0; t->contests && i < t->found.count; i++)
        osprey__free(t->contests[i].contestants);
    osprey__free(t->contests);
    osprey__free(t->contest_of);
    osprey__free(t->step_us);
    osprey__tuning_free(&t->found);
}

/* A run with the choices as they are; each contest gets what its products took. */
static osprey_status run_tower(tournament *t)
{
    const osprey__tuner *tuner = t->tuner;
    double run_us = 0;
    OSPREY_TRY(tuner->time_steps(tuner->context, t->step_us, t->error));
    for (size_t i = 0; i < t->found.count; i++) t->contests[i].run_us = 0;
    for (size_t s = 0; s < tuner->plan->step_count; s++) {
        run_us += t->step_us[s];
        if (t->contest_of[s] != SIZE_MAX) t->contests[t->contest_of[s]].run_us += t->step_us[s];
    }
    t->spent_us += run_us;
    t->longest_us = fmax(t->longest_us, run_us);
    if (tuner->progress)
        tuner->progress(tuner->progress_context, fmin(1, t->spent_us / tuner->budget_us));
    return OSPREY_OK;
}

static bool has_time(const tournament *t, double share)
{
    return t->spent_us + t->longest_us <= share * t->tuner->budget_us;
}

/* Runs with a contestant of each contest, and notes their times. */
static osprey_status run_with(tournament *t, size_t (*pick)(const contest *c, size_t turn),
                              size_t turn)
{
    for (size_t i = 0; i < t->found.count; i++)
        t->contests[i].choice->split =
            t->contests[i].contestants[pick(&t->contests[i], turn)].split;
    OSPREY_TRY(run_tower(t));
    for (size_t i = 0; i < t->found.count; i++) {
        contestant *on = &t->contests[i].contestants[pick(&t->contests[i], turn)];
        if (on->sample_count < SAMPLES_MAX) on->samples[on->sample_count++] = t->contests[i].run_us;
    }
    return OSPREY_OK;
}

static size_t count_alive(const contest *c)
{
    size_t alive = 0;
    for (size_t i = 0; i < c->count; i++) alive += !c->contestants[i].is_out;
    return alive;
}

/* The contestants that are left take turns. */
static size_t pick_alive(const contest *c, size_t turn)
{
    size_t wanted = turn % count_alive(c), i = 0;
    while (c->contestants[i].is_out || wanted-- > 0) i++;
    return i;
}

static size_t pick_default(const contest *c, size_t turn)
{
    (void)c;
    (void)turn;
    return 0;
}

static size_t pick_winner(const contest *c, size_t turn)
{
    (void)turn;
    return c->winner;
}

static double median(const contestant *of)
{
    double sorted[SAMPLES_MAX];
    if (!of->sample_count) return INFINITY;
    for (size_t i = 0; i < of->sample_count; i++) {
        size_t at = i;
        for (; at && sorted[at - 1] > of->samples[i]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = of->samples[i];
    }
    return sorted[of->sample_count / 2];
}

/* Finds the fastest, and lets go of those that are clearly slower; the default stays. */
static void judge(contest *c, double slack)
{
    c->winner = 0;
    for (size_t i = 1; i < c->count; i++)
        if (!c->contestants[i].is_out &&
            median(&c->contestants[i]) < median(&c->contestants[c->winner]))
            c->winner = i;
    const double best = median(&c->contestants[c->winner]);
    for (size_t i = 1; i < c->count; i++)
        if (median(&c->contestants[i]) > best * slack) c->contestants[i].is_out = true;
}

static osprey_status hold_contest(tournament *t)
{
    for (size_t pass = 0; pass < passes_of(t->tuner->effort); pass++) {
        size_t turns = 0;
        for (size_t i = 0; i < t->found.count; i++)
            if (count_alive(&t->contests[i]) > turns) turns = count_alive(&t->contests[i]);
        if (turns < 2) break;
        for (size_t turn = 0; turn < turns && has_time(t, CONTEST_SHARE); turn++)
            OSPREY_TRY(run_with(t, pick_alive, turn));
        for (size_t i = 0; i < t->found.count; i++) judge(&t->contests[i], slack_after(pass + 1));
    }
    return OSPREY_OK;
}

static bool wins(const contest *c)
{
    return median(&c->contestants[c->winner]) < (1 - GAIN_LEAST) * median(&c->contestants[0]);
}

/* Default and winners in turn, by new times alone. */
static osprey_status confirm(tournament *t)
{
    bool any = false;
    for (size_t i = 0; i < t->found.count; i++) {
        contest *c = &t->contests[i];
        if (!wins(c)) c->winner = 0;
        any = any || c->winner;
        c->contestants[c->winner].sample_count = c->contestants[0].sample_count = 0;
    }
    for (size_t pair = 0; pair < (any ? SAMPLES_MAX / 2 : 1); pair++) {
        if (pair >= PAIRS_LEAST && !has_time(t, 1)) break;
        OSPREY_TRY(run_with(t, pick_default, pair));
        if (any) OSPREY_TRY(run_with(t, pick_winner, pair));
    }
    for (size_t i = 0; i < t->found.count; i++)
        if (!wins(&t->contests[i])) t->contests[i].winner = 0;
    return OSPREY_OK;
}

/* Adds what was found to the choices of other runs, in order. */
static osprey_status add_choices(tournament *t, osprey__tuning *tuning)
{
    const size_t most = tuning->count + t->found.count;
    osprey_product_choice *grown = osprey__realloc(tuning->choices, most, sizeof *grown);
    if (!grown) return osprey__fail_memory(t->error, most * sizeof *grown);
    tuning->choices = grown;
    tuning->threads = t->tuner->threads;
    const size_t before = tuning->count;
    for (size_t i = 0; i < t->found.count; i++) {
        const contest *c = &t->contests[i];
        const contestant *winner = &c->contestants[c->winner];
        osprey_product_choice choice = *c->choice;
        choice.split = winner->split;
        choice.default_us = (float)median(&c->contestants[0]);
        choice.us = (float)median(winner);
        bool known = false;
        for (size_t j = 0; j < before && !known; j++)
            known = osprey__compare_choices(&grown[j], &choice) == 0;
        if (!known) grown[tuning->count++] = choice;
    }
    qsort(grown, tuning->count, sizeof *grown, by_kind_and_m);
    return OSPREY_OK;
}

osprey_status osprey__tune(const osprey__tuner *tuner, osprey__tuning *tuning, double *spent_us,
                           osprey_error *error)
{
    tournament t = {.tuner = tuner, .error = error};
    osprey_status status;
    OSPREY_TRY_GOTO(find_kinds(&t));
    if (!t.found.count) goto fail;
    OSPREY_TRY_GOTO(begin(&t));
    OSPREY_TRY_GOTO(run_tower(&t)); /* cold caches and pages: counts for nothing but its time */
    if (RUNS_LEAST * t.longest_us <= tuner->budget_us) {
        t.longest_us = 0;
        OSPREY_TRY_GOTO(hold_contest(&t));
        OSPREY_TRY_GOTO(confirm(&t));
        OSPREY_TRY_GOTO(add_choices(&t, tuning));
    }
fail:
    *spent_us = t.spent_us;
    end(&t);
    return status;
}
