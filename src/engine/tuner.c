/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tuner.h"

#include "backend/cpu_backend.h"
#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The part of the budget that the contest may take; the rest is for the confirmation. */
#define CONTEST_SHARE 0.7

/* What a winner gains at least over the default, in the contest and when it is confirmed. */
#define GAIN_LEAST 0.01

/* Times of a contestant: below that many they say nothing, and more are not kept. */
#define SAMPLES_LEAST 2
#define SAMPLES_MAX   32

#define CONFIRM_RUNS_LEAST (2 * SAMPLES_LEAST)
#define CONFIRM_RUNS       16

typedef struct contestant {
    osprey_task_split split;
    double samples[SAMPLES_MAX]; /* microseconds of one product */
    size_t sample_count;
    bool is_out;
} contestant;

typedef struct contest {
    osprey_product_choice *choice; /* the kind */
    const osprey__step *step;      /* one of the kind */
    contestant *contestants;       /* [count]; the first is the default */
    size_t count;
    size_t winner;
    size_t products; /* that have their contestant for the next run */
} contest;

typedef struct tournament {
    const osprey__tuner *tuner;
    osprey__tuning found; /* a choice a contest */
    contest *contests;
    size_t *contest_of;             /* [steps]; SIZE_MAX: not tuned */
    size_t *playing;                /* [steps] the contestant */
    osprey_product_choice *choices; /* [steps] what the plan runs with */
    double *step_us;                /* [steps] */
    double spent_us, longest_us;
    osprey_error *error;
} tournament;

/* How many times of each that is left are enough. */
static size_t enough_samples(osprey_tuning_effort effort)
{
    return effort == OSPREY_TUNE_FULL ? SAMPLES_MAX : 12;
}

/* How much slower than the best a contestant may be, by as many times of each. */
static double slack_of(size_t samples)
{
    return samples < 6 ? 1.10 : samples < 12 ? 1.05 : 1.03;
}

static bool same_tasks(const osprey__product_tasks *a, const osprey__product_tasks *b)
{
    return a->row_blocks == b->row_blocks && a->panels == b->panels &&
           (a->columns_first == b->columns_first || a->row_blocks == 1 || a->column_blocks == 1);
}

typedef struct split_list {
    const osprey__step *step;
    size_t m, threads;
    osprey_task_split *splits;
    osprey__product_tasks tasks[OSPREY__CONTESTANTS_MAX];
    size_t count;
} split_list;

static void add_split(split_list *list, osprey_task_split split)
{
    const osprey__product_tasks tasks =
        osprey__cpu_step_tasks(list->step, list->m, list->threads, split);
    for (size_t i = 0; i < list->count; i++)
        if (same_tasks(&list->tasks[i], &tasks)) return;
    if (list->count == OSPREY__CONTESTANTS_MAX) return;
    list->tasks[list->count] = tasks;
    list->splits[list->count++] = split;
}

/* With so many rows a task: panels by powers of two, and a task a thread. */
static void add_columns(split_list *list, size_t rows, bool columns_first)
{
    const size_t columns = list->step->gemm->columns;
    if (rows > OSPREY__TASK_ROWS_MAX) return;
    add_split(list, (osprey_task_split){rows, 0, columns_first});
    for (size_t panels = 1; panels <= 8; panels *= 2)
        add_split(list, (osprey_task_split){rows, panels * columns, columns_first});
    const osprey_task_split all = {.columns = list->step->out_channels};
    const size_t panels = osprey__cpu_step_tasks(list->step, list->m, list->threads, all).panels;
    const size_t share = (panels + list->threads - 1) / list->threads;
    add_split(list, (osprey_task_split){rows, share * columns, columns_first});
    add_split(list, (osprey_task_split){rows, panels * columns, columns_first});
}

size_t osprey__tuner_splits(osprey_tuning_effort effort, const osprey__step *step, size_t m,
                            size_t threads, osprey_task_split *splits)
{
    const osprey__gemm_kernel *gemm = step->gemm;
    split_list list = {.step = step, .m = m, .threads = threads, .splits = splits};
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

/* Products whose tasks the choices decide: not convolutions that gather for each task anew,
 * nor linears in groups, each of which is a task. */
static bool is_tuned(const osprey__step *step)
{
    return step->gemm && step->groups == 1 &&
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
    c->count =
        osprey__tuner_splits(t->tuner->effort, c->step, c->choice->m, t->tuner->threads, splits);
    c->contestants = osprey__calloc(c->count, sizeof *c->contestants);
    if (!c->contestants) return osprey__fail_memory(t->error, c->count * sizeof *c->contestants);
    for (size_t i = 0; i < c->count; i++) c->contestants[i].split = splits[i];
    return OSPREY_OK;
}

static void enter_step(tournament *t, size_t s)
{
    osprey__step *step = &t->tuner->plan->steps[s];
    t->contest_of[s] = SIZE_MAX;
    if (!is_tuned(step)) return;
    const osprey_product_choice kind = choice_of(t->tuner, step);
    for (size_t i = 0; i < t->found.count; i++)
        if (osprey__compare_choices(&t->found.choices[i], &kind) == 0) t->contest_of[s] = i;
    t->contests[t->contest_of[s]].step = step;
    step->choices = &t->choices[s];
    step->choice_count = 1;
}

static osprey_status begin(tournament *t)
{
    osprey__plan *plan = t->tuner->plan;
    t->contests = osprey__calloc(t->found.count, sizeof *t->contests);
    t->contest_of = osprey__calloc(plan->step_count, sizeof *t->contest_of);
    t->playing = osprey__calloc(plan->step_count, sizeof *t->playing);
    t->choices = osprey__calloc(plan->step_count, sizeof *t->choices);
    t->step_us = osprey__calloc(plan->step_count, sizeof *t->step_us);
    if (!t->contests || !t->contest_of || !t->playing || !t->choices || !t->step_us)
        return osprey__fail_memory(t->error, plan->step_count * sizeof *t->choices);
    for (size_t s = 0; s < plan->step_count; s++) enter_step(t, s);
    plan->tuned_threads = t->tuner->threads;
    for (size_t i = 0; i < t->found.count; i++) {
        t->contests[i].choice = &t->found.choices[i];
        OSPREY_TRY(enter_contestants(t, &t->contests[i]));
    }
    return OSPREY_OK;
}

static void end(tournament *t)
{
    osprey__plan_use_tuning(t->tuner->plan, &(osprey__tuning){0});
    for (size_t i = 0; t->contests && i < t->found.count; i++)
        osprey__free(t->contests[i].contestants);
    osprey__free(t->contests);
    osprey__free(t->contest_of);
    osprey__free(t->playing);
    osprey__free(t->choices);
    osprey__free(t->step_us);
    osprey__tuning_free(&t->found);
}

/* Runs the tower with the choices as they are. */
static osprey_status run_tower(tournament *t)
{
    const osprey__tuner *tuner = t->tuner;
    double run_us = 0;
    OSPREY_TRY(tuner->time_steps(tuner->context, t->step_us, t->error));
    for (size_t s = 0; s < tuner->plan->step_count; s++) run_us += t->step_us[s];
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

/*
 * A run in which each product takes the contestant that pick names, and their times. Turns go on
 * from product to product of a kind, and from run to run: no layer always has the same.
 */
static osprey_status run_with(tournament *t, size_t (*pick)(const contest *c, size_t turn),
                              size_t run)
{
    const size_t steps = t->tuner->plan->step_count;
    for (size_t i = 0; i < t->found.count; i++) t->contests[i].products = 0;
    for (size_t s = 0; s < steps; s++) {
        if (t->contest_of[s] == SIZE_MAX) continue;
        contest *c = &t->contests[t->contest_of[s]];
        t->playing[s] = pick(c, run + c->products++);
        t->choices[s].split = c->contestants[t->playing[s]].split;
    }
    OSPREY_TRY(run_tower(t));
    for (size_t s = 0; s < steps; s++) {
        if (t->contest_of[s] == SIZE_MAX) continue;
        contestant *on = &t->contests[t->contest_of[s]].contestants[t->playing[s]];
        if (on->sample_count < SAMPLES_MAX) on->samples[on->sample_count++] = t->step_us[s];
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

static size_t pick_default_or_winner(const contest *c, size_t turn)
{
    return turn % 2 ? c->winner : 0;
}

/* Its times, the shortest first. */
static void sort_times(const contestant *of, double sorted[SAMPLES_MAX])
{
    for (size_t i = 0; i < of->sample_count; i++) {
        size_t at = i;
        for (; at && sorted[at - 1] > of->samples[i]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = of->samples[i];
    }
}

/* Infinite where there are too few times. */
static double median(const contestant *of)
{
    double sorted[SAMPLES_MAX];
    if (of->sample_count < SAMPLES_LEAST) return INFINITY;
    sort_times(of, sorted);
    return sorted[of->sample_count / 2];
}

typedef struct time_range {
    double least, most;
} time_range;

/* Where the median is with some 95 % certainty, as far as these times tell: a square root of their
 * number beside the middle (the binomial interval of a quantile). */
static time_range median_range(const contestant *of)
{
    double sorted[SAMPLES_MAX];
    const size_t count = of->sample_count, middle = count / 2, reach = (size_t)sqrt((double)count);
    if (count < SAMPLES_LEAST) return (time_range){0, INFINITY};
    sort_times(of, sorted);
    return (time_range){sorted[middle - reach], sorted[osprey__smaller(middle + reach, count - 1)]};
}

/* The fewest times that a contestant has which is left. */
static size_t fewest_samples(const contest *c)
{
    size_t fewest = SAMPLES_MAX;
    for (size_t i = 0; i < c->count; i++)
        if (!c->contestants[i].is_out && c->contestants[i].sample_count < fewest)
            fewest = c->contestants[i].sample_count;
    return fewest;
}

static void find_winner(contest *c)
{
    c->winner = 0;
    for (size_t i = 1; i < c->count; i++)
        if (!c->contestants[i].is_out &&
            median(&c->contestants[i]) < median(&c->contestants[c->winner]))
            c->winner = i;
}

/* Lets go of those that are clearly slower than the best; the default stays. */
static void judge(contest *c)
{
    const size_t samples = fewest_samples(c);
    find_winner(c);
    if (samples <= SAMPLES_LEAST) return;
    const double limit = median(&c->contestants[c->winner]) * slack_of(samples);
    for (size_t i = 1; i < c->count; i++)
        if (median(&c->contestants[i]) > limit) c->contestants[i].is_out = true;
}

static bool is_decided(const tournament *t)
{
    for (size_t i = 0; i < t->found.count; i++)
        if (count_alive(&t->contests[i]) > 1 &&
            fewest_samples(&t->contests[i]) < enough_samples(t->tuner->effort))
            return false;
    return true;
}

static osprey_status hold_contest(tournament *t)
{
    for (size_t run = 0; !is_decided(t) && has_time(t, CONTEST_SHARE); run++) {
        OSPREY_TRY(run_with(t, pick_alive, run));
        for (size_t i = 0; i < t->found.count; i++) judge(&t->contests[i]);
    }
    return OSPREY_OK;
}

static bool wins(const contest *c)
{
    return median(&c->contestants[c->winner]) < (1 - GAIN_LEAST) * median(&c->contestants[0]);
}

/* Whether it wins by more than the times of each vary. */
static bool wins_beyond_noise(const contest *c)
{
    return wins(c) &&
           median_range(&c->contestants[c->winner]).most < median_range(&c->contestants[0]).least;
}

/* Default and winner in turn, by new times alone. */
static osprey_status confirm(tournament *t)
{
    for (size_t i = 0; i < t->found.count; i++) {
        contest *c = &t->contests[i];
        if (!wins(c)) c->winner = 0;
        c->contestants[c->winner].sample_count = c->contestants[0].sample_count = 0;
    }
    for (size_t run = 0; run < CONFIRM_RUNS; run++) {
        if (run >= CONFIRM_RUNS_LEAST && !has_time(t, 1)) break;
        OSPREY_TRY(run_with(t, pick_default_or_winner, run));
    }
    for (size_t i = 0; i < t->found.count; i++)
        if (!wins_beyond_noise(&t->contests[i])) t->contests[i].winner = 0;
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
        choice.default_us = (float)(median(&c->contestants[0]) * (double)choice.products);
        choice.us = (float)(median(winner) * (double)choice.products);
        bool known = false;
        for (size_t j = 0; j < before && !known; j++)
            known = osprey__compare_choices(&grown[j], &choice) == 0;
        if (!known) grown[tuning->count++] = choice;
    }
    qsort(grown, tuning->count, sizeof *grown, by_kind_and_m);
    return OSPREY_OK;
}

osprey_status osprey__tune(const osprey__tuner *tuner, osprey__tuning *tuning,
                           osprey__tuner_cost *cost, osprey_error *error)
{
    tournament t = {.tuner = tuner, .error = error};
    osprey_status status;
    *cost = (osprey__tuner_cost){0};
    OSPREY_TRY_GOTO(find_kinds(&t));
    if (!t.found.count) goto fail;
    OSPREY_TRY_GOTO(begin(&t));
    /* The first run finds cold caches and pages: it may say too much. */
    for (size_t run = 0; run < 2; run++) {
        t.longest_us = 0;
        OSPREY_TRY_GOTO(run_tower(&t));
        if (OSPREY__TUNER_RUNS_LEAST * t.longest_us > tuner->budget_us) continue;
        t.longest_us = 0;
        OSPREY_TRY_GOTO(hold_contest(&t));
        OSPREY_TRY_GOTO(confirm(&t));
        OSPREY_TRY_GOTO(add_choices(&t, tuning));
        break;
    }
fail:
    *cost = (osprey__tuner_cost){t.spent_us, t.longest_us};
    end(&t);
    return status;
}
