/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for the cheapest way to split products, by costs that the test makes up. OSPREY_CPU,
 * set by CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "base/status.h"
#include "cmocka_all.h"
#include "engine/tuner.h"
#include "memory_hooks.h"
#include "open_model.h"
#include "session/session_data.h"
#include "test_cpu.h"

/* Has products of several panels of every kernel. */
#define MODEL "hf-vit-p14-f16-config-dict"

enum { THREADS = 3 };

static void test_splits_are_different_and_begin_with_the_default(void **state)
{
    (void)state;
    osprey__step step = {
        .gemm = &osprey__kernels_for(OSPREY__CPU_PORTABLE)->gemm[OSPREY_PRECISION_FP32],
        .out_channels = 768};
    osprey_task_split quick[OSPREY__CONTESTANTS_MAX], full[OSPREY__CONTESTANTS_MAX];
    size_t few = osprey__tuner_splits(OSPREY_TUNE_QUICK, &step, 400, 2, quick);
    size_t many = osprey__tuner_splits(OSPREY_TUNE_FULL, &step, 400, 2, full);
    assert_true(few > 3 && few <= 12 && many > 2 * few && many <= OSPREY__CONTESTANTS_MAX);
    assert_true(!full[0].rows && !full[0].columns && !full[0].columns_first);
    for (size_t i = 0; i < many; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(full[i].rows != full[j].rows || full[i].columns != full[j].columns ||
                        full[i].columns_first != full[j].columns_first);
    /* One tile and one panel cannot be split. */
    step.out_channels = 1;
    assert_int_equal(osprey__tuner_splits(OSPREY_TUNE_FULL, &step, 1, 2, full), 1);
}

/* Costs that the test makes up: the image tower's products, by how they are split. */
typedef struct cost cost;
typedef double product_cost(cost *cost, size_t step, const osprey__product_tasks *tasks);

struct cost {
    osprey_session *session;
    product_cost *of_product;
    size_t sequences, runs;
    size_t cheap, dear; /* products that were timed */
    size_t lucky[64];   /* runs of a step that were */
    double last_done;
    bool fails;
};

static osprey__product_tasks tasks_of(const cost *c, const osprey__plan *plan,
                                      const osprey__step *step)
{
    const osprey__value *out = &plan->graph->values[step->node->output];
    const size_t m = osprey__value_elements(out, c->sequences, 0) / step->out_channels;
    return osprey__cpu_step_tasks(step, m, THREADS, osprey__step_split(plan, step, m, THREADS));
}

static osprey_status made_up(void *context, double *step_us, osprey_error *error)
{
    cost *c = context;
    const osprey__plan *plan = c->session->image.plan;
    c->runs++;
    if (c->fails && c->runs == 5) return osprey__fail(error, OSPREY_IO, "test", "failed");
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        step_us[s] = 10;
        if (!step->gemm) continue;
        const osprey__product_tasks tasks = tasks_of(c, plan, step);
        step_us[s] = c->of_product(c, s, &tasks);
    }
    return OSPREY_OK;
}

static void note_progress(void *context, double done)
{
    cost *c = context;
    assert_true(done >= c->last_done && done <= 1);
    c->last_done = done;
}

static double whole_rows_are_cheap(cost *c, size_t step, const osprey__product_tasks *tasks)
{
    (void)step;
    const bool cheap = tasks->column_blocks == 1 && !tasks->columns_first;
    *(cheap ? &c->cheap : &c->dear) += 1;
    return cheap ? 80 : 100;
}

/* All columns at once are fast as often as the contest asks, and never again. */
static double luck(cost *c, size_t step, const osprey__product_tasks *tasks)
{
    if (tasks->column_blocks > 1) return 100;
    assert_true(step < sizeof c->lucky / sizeof *c->lucky);
    return c->lucky[step]++ < 12 ? 50 : 101;
}

/* All columns at once are a little faster, and times vary by more, as on a machine in use. */
static double noise(cost *c, size_t step, const osprey__product_tasks *tasks)
{
    static const double varied[] = {-8, 0, 8};
    assert_true(step < sizeof c->lucky / sizeof *c->lucky);
    return (tasks->column_blocks > 1 ? 100 : 98) + varied[c->lucky[step]++ % 3];
}

/* A search by made-up costs, and what it comes to. */
typedef struct search {
    osprey_model *model;
    cost cost;
    osprey__tuning tuning;
    osprey__tuner_cost used;
    osprey_error error;
} search;

static void search_open(search *s, product_cost *of_product)
{
    *s = (search){.model = open_model(golden_model(MODEL))};
    s->cost =
        (cost){.session = session_on(s->model, THREADS), .of_product = of_product, .sequences = 2};
}

static void search_close(search *s)
{
    osprey__tuning_free(&s->tuning);
    osprey_session_free(s->cost.session);
    osprey_model_free(s->model);
}

/* With at most that time, if it were real. */
static osprey_status search_run(search *s, osprey_tuning_effort effort, double budget_us)
{
    const osprey__tuner tuner = {.plan = s->cost.session->image.plan,
                                 .threads = THREADS,
                                 .sequences = s->cost.sequences,
                                 .effort = effort,
                                 .budget_us = budget_us,
                                 .time_steps = made_up,
                                 .context = &s->cost,
                                 .progress = note_progress,
                                 .progress_context = &s->cost};
    s->cost.runs = 0;
    s->cost.last_done = 0;
    return osprey__tune(&tuner, &s->tuning, &s->used, &s->error);
}

static void test_the_cheapest_is_found(void **state)
{
    (void)state;
    search s;
    search_open(&s, whole_rows_are_cheap);
    assert_int_equal(search_run(&s, OSPREY_TUNE_QUICK, 1e9), OSPREY_OK);
    assert_int_equal(s.tuning.threads, THREADS);
    size_t changed = 0, products = 0;
    for (size_t i = 0; i < s.tuning.count; i++) {
        const osprey_product_choice *choice = &s.tuning.choices[i];
        const bool other = choice->split.columns;
        products += choice->products;
        changed += other;
        if (i) assert_true(osprey__compare_choices(choice - 1, choice) < 0);
        assert_float_equal(choice->us, 80 * choice->products, 0.01);
        assert_float_equal(choice->default_us, (other ? 100 : 80) * choice->products, 0.01);
    }
    assert_true(changed && products >= s.tuning.count);
    /* The plan is as it was. */
    const osprey__plan *plan = s.cost.session->image.plan;
    for (size_t i = 0; i < plan->step_count; i++) assert_int_equal(plan->steps[i].choice_count, 0);
    /* The same size once more adds nothing; another does. */
    const size_t before = s.tuning.count;
    assert_int_equal(search_run(&s, OSPREY_TUNE_QUICK, 1e9), OSPREY_OK);
    assert_int_equal(s.tuning.count, before);
    s.cost.sequences = 3;
    assert_int_equal(search_run(&s, OSPREY_TUNE_QUICK, 1e9), OSPREY_OK);
    assert_int_equal(s.tuning.count, 2 * before);
    search_close(&s);
}

static void test_luck_and_noise_are_not_speed(void **state)
{
    (void)state;
    product_cost *const costs[] = {luck, noise};
    for (size_t c = 0; c < 2; c++) {
        search s;
        search_open(&s, costs[c]);
        assert_int_equal(search_run(&s, OSPREY_TUNE_QUICK, 1e9), OSPREY_OK);
        assert_true(s.cost.runs > 12 && s.tuning.count);
        for (size_t i = 0; i < s.tuning.count; i++) {
            assert_int_equal(s.tuning.choices[i].split.columns, 0);
            assert_float_equal(s.tuning.choices[i].us, s.tuning.choices[i].default_us, 0);
        }
        search_close(&s);
    }
}

static void test_losers_leave_and_the_budget_is_kept(void **state)
{
    (void)state;
    search s;
    search_open(&s, whole_rows_are_cheap);
    assert_int_equal(search_run(&s, OSPREY_TUNE_FULL, 1e12), OSPREY_OK);
    assert_true(s.cost.runs > 12 && s.cost.dear < 5 * s.cost.cheap);
    const double run_us = s.used.spent_us / (double)s.cost.runs;
    osprey__tuning_free(&s.tuning);

    assert_int_equal(search_run(&s, OSPREY_TUNE_FULL, 40 * run_us), OSPREY_OK);
    assert_true(s.cost.runs > 8 && s.used.spent_us <= 1.1 * 40 * run_us + 6 * run_us);
    assert_true(s.tuning.count);
    osprey__tuning_free(&s.tuning);

    assert_int_equal(search_run(&s, OSPREY_TUNE_FULL, 5 * run_us), OSPREY_OK);
    assert_int_equal(s.cost.runs, 2);
    assert_int_equal(s.tuning.count, 0);
    search_close(&s);
}

static void test_failures_come_through(void **state)
{
    (void)state;
    search s;
    search_open(&s, whole_rows_are_cheap);
    s.cost.fails = true;
    assert_int_equal(search_run(&s, OSPREY_TUNE_QUICK, 1e9), OSPREY_IO);
    s.cost.fails = false;
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t n = 0; status != OSPREY_OK; n++) {
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        status = search_run(&s, OSPREY_TUNE_QUICK, 1e9);
        osprey__set_memory_hook(NULL, NULL);
        assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
        osprey__tuning_free(&s.tuning);
    }
    search_close(&s);
}

static void test_the_next_larger_is_taken(void **state)
{
    (void)state;
    osprey_product_choice choices[] = {{.m = 50, .split = {.columns = 1}},
                                       {.m = 400, .split = {.columns = 2}}};
    const osprey__step step = {.choices = choices, .choice_count = 2}, untuned = {0};
    const osprey__plan plan = {.tuned_threads = 2};
    assert_int_equal(osprey__step_split(&plan, &step, 9, 2).columns, 1);
    assert_int_equal(osprey__step_split(&plan, &step, 50, 2).columns, 1);
    assert_int_equal(osprey__step_split(&plan, &step, 51, 2).columns, 2);
    assert_int_equal(osprey__step_split(&plan, &step, 900, 2).columns, 2);
    assert_int_equal(osprey__step_split(&plan, &step, 50, 4).columns, 0);
    assert_int_equal(osprey__step_split(&plan, &untuned, 50, 2).columns, 0);
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits_are_different_and_begin_with_the_default),
        cmocka_unit_test(test_the_cheapest_is_found),
        cmocka_unit_test(test_luck_and_noise_are_not_speed),
        cmocka_unit_test(test_losers_leave_and_the_budget_is_kept),
        cmocka_unit_test(test_failures_come_through),
        cmocka_unit_test(test_the_next_larger_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
