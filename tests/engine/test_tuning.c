/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuning: no way to split a product changes a result, the search finds what is cheapest by a cost
 * that the test makes up, and an engine keeps what was found. OSPREY_CPU, set by CTest, chooses the
 * instruction set.
 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "engine/engine_seal.h"
#include "engine/tuner.h"
#include "format/engine_file.h"
#include "memory_hooks.h"
#include "session/session_data.h"
#include "test_cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL "hf-vit-p32-quickgelu"
#define WIDE  "hf-vit-p14-f16-config-dict" /* has products of several panels of every kernel */

enum { IMAGES = 9, TEXTS = 4, THREADS = 3 };

static const char *const names[] = {SMALL, WIDE, "openclip-rn"};
static const char *const texts[] = {"a photo of a cat", "", "two dogs at night", "12"};

static osprey_session *start(const osprey_model *model, osprey_precision precision, size_t threads)
{
    const osprey_session_options options = {.precision = precision, .threads = threads};
    return create_session(model, &options);
}

/* Embeddings of images and texts of its own. The caller frees. */
static float *embed(osprey_session *session, size_t *floats)
{
    osprey_error error;
    const osprey_model_info *info = osprey_model_get_info(osprey_session_get_model(session));
    const size_t width = info->embed_dim, count = 3 * info->image_height * info->image_width;
    float *pixels = calloc(IMAGES * count, sizeof *pixels);
    for (size_t i = 0; i < IMAGES * count; i++) pixels[i] = sinf((float)i * 0.37F);
    *floats = (IMAGES + TEXTS) * width;
    float *out = calloc(*floats, sizeof *out);
    assert_int_equal(
        osprey_session_embed_pixels(session, pixels, IMAGES, OSPREY_EMBED_RAW, out, &error),
        OSPREY_OK);
    assert_int_equal(osprey_session_embed_texts(session, texts, TEXTS, OSPREY_EMBED_RAW,
                                                out + IMAGES * width, &error),
                     OSPREY_OK);
    free(pixels);
    return out;
}

static int by_kind(const void *a, const void *b)
{
    return osprey__compare_kinds(a, b);
}

/* All products of the plan split so. The caller frees the tuning, which has to outlive that. */
static osprey__tuning split_all(osprey__plan *plan, osprey_task_split split)
{
    osprey__tuning tuning = {.threads = THREADS,
                             .choices = osprey__calloc(plan->step_count, sizeof *tuning.choices)};
    for (size_t s = 0; s < plan->step_count; s++) {
        if (!plan->steps[s].gemm) continue;
        osprey_product_choice *choice = &tuning.choices[tuning.count++];
        *choice = osprey__step_kind(plan, &plan->steps[s]);
        choice->m = 1;
        choice->split = split;
    }
    qsort(tuning.choices, tuning.count, sizeof *tuning.choices, by_kind);
    osprey__plan_use_tuning(plan, &tuning);
    return tuning;
}

static void assert_split_changes_nothing(osprey_session *session, osprey_task_split split,
                                         const float *wanted)
{
    size_t floats;
    osprey__tuning image = split_all(session->image.plan, split);
    osprey__tuning text = split_all(session->text.plan, split);
    float *got = embed(session, &floats);
    assert_memory_equal(got, wanted, floats * sizeof *got);
    free(got);
    osprey__tuning_free(&image);
    osprey__tuning_free(&text);
}

static void test_no_split_changes_a_result(void **state)
{
    (void)state;
    static const osprey_task_split odd[] = {{1, 1, false},
                                            {1, 0, true},
                                            {OSPREY__TASK_ROWS_MAX, 1, true},
                                            {OSPREY__TASK_ROWS_MAX, 1 << 24, false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        osprey_model *model = open_model(golden_model(names[i]));
        for (int precision = 0; precision < OSPREY_PRECISIONS; precision++) {
            osprey_session *session = start(model, (osprey_precision)precision, THREADS);
            const osprey__gemm_kernel *gemm = &session->kernels->gemm[precision];
            osprey_task_split splits[OSPREY__CONTESTANTS_MAX];
            size_t floats;
            /* Of a large product: more ways than the small ones of this model have. */
            size_t count =
                osprey__tuner_splits(OSPREY_TUNE_FULL, gemm, 1000, 1024, THREADS, splits);
            float *wanted = embed(session, &floats);
            for (size_t s = 0; s < count; s++)
                assert_split_changes_nothing(session, splits[s], wanted);
            for (size_t s = 0; s < sizeof odd / sizeof *odd; s++)
                assert_split_changes_nothing(session, odd[s], wanted);
            free(wanted);
            osprey_session_free(session);
        }
        osprey_model_free(model);
    }
}

static void test_splits_are_different_and_begin_with_the_default(void **state)
{
    (void)state;
    const osprey__gemm_kernel *gemm =
        &osprey__kernels_for(OSPREY__CPU_PORTABLE)->gemm[OSPREY_PRECISION_FP32];
    osprey_task_split quick[OSPREY__CONTESTANTS_MAX], full[OSPREY__CONTESTANTS_MAX];
    size_t few = osprey__tuner_splits(OSPREY_TUNE_QUICK, gemm, 400, 768, 2, quick);
    size_t many = osprey__tuner_splits(OSPREY_TUNE_FULL, gemm, 400, 768, 2, full);
    assert_true(few > 3 && few <= 12 && many > 2 * few && many <= OSPREY__CONTESTANTS_MAX);
    assert_true(!full[0].rows && !full[0].columns && !full[0].columns_first);
    for (size_t i = 0; i < many; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(full[i].rows != full[j].rows || full[i].columns != full[j].columns ||
                        full[i].columns_first != full[j].columns_first);
    /* One tile and one panel cannot be split. */
    assert_int_equal(osprey__tuner_splits(OSPREY_TUNE_FULL, gemm, 1, 1, 2, full), 1);
}

/* Costs that the test makes up: the image tower's products, by how they are split. */
typedef struct cost {
    osprey_session *session;
    double (*of_product)(struct cost *cost, size_t step, const osprey__product_tasks *tasks);
    size_t sequences, runs;
    size_t cheap, dear; /* products that were timed */
    size_t lucky[64];   /* runs of a step that were */
    double last_done;
    bool fails;
} cost;

static osprey__product_tasks tasks_of(const cost *c, const osprey__plan *plan,
                                      const osprey__step *step)
{
    const osprey__value *out = &plan->graph->values[step->node->output];
    const size_t m = osprey__value_elements(out, c->sequences, 0) / step->out_channels;
    return osprey__cpu_product_tasks(step->gemm, m, step->out_channels, THREADS,
                                     osprey__step_split(plan, step, m, THREADS));
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

static osprey__tuner tuner_of(cost *c, osprey_tuning_effort effort, double budget_us)
{
    return (osprey__tuner){.plan = c->session->image.plan,
                           .threads = THREADS,
                           .sequences = c->sequences,
                           .effort = effort,
                           .budget_us = budget_us,
                           .time_steps = made_up,
                           .context = c,
                           .progress = note_progress,
                           .progress_context = c};
}

static cost cost_of(const osprey_model *model,
                    double (*of_product)(cost *cost, size_t step,
                                         const osprey__product_tasks *tasks))
{
    return (cost){.session = start(model, OSPREY_PRECISION_FP32, THREADS),
                  .of_product = of_product,
                  .sequences = 2};
}

static void test_the_cheapest_is_found(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = open_model(golden_model(WIDE));
    cost c = cost_of(model, whole_rows_are_cheap);
    osprey__tuning tuning = {0};
    osprey__tuner_cost used;
    const osprey__tuner tuner = tuner_of(&c, OSPREY_TUNE_QUICK, 1e9);
    assert_int_equal(osprey__tune(&tuner, &tuning, &used, &error), OSPREY_OK);
    assert_int_equal(tuning.threads, THREADS);
    size_t changed = 0, products = 0;
    for (size_t i = 0; i < tuning.count; i++) {
        const osprey_product_choice *choice = &tuning.choices[i];
        const bool other = choice->split.columns;
        products += choice->products;
        changed += other;
        if (i) assert_true(osprey__compare_choices(choice - 1, choice) < 0);
        assert_float_equal(choice->us, 80 * choice->products, 0.01);
        assert_float_equal(choice->default_us, (other ? 100 : 80) * choice->products, 0.01);
    }
    assert_true(changed && products >= tuning.count);
    /* The plan is as it was. */
    for (size_t s = 0; s < c.session->image.plan->step_count; s++)
        assert_int_equal(c.session->image.plan->steps[s].choice_count, 0);
    /* The same size once more adds nothing; another does. */
    const size_t before = tuning.count;
    c.last_done = 0;
    assert_int_equal(osprey__tune(&tuner, &tuning, &used, &error), OSPREY_OK);
    assert_int_equal(tuning.count, before);
    c.sequences = 3;
    c.last_done = 0;
    const osprey__tuner larger = tuner_of(&c, OSPREY_TUNE_QUICK, 1e9);
    assert_int_equal(osprey__tune(&larger, &tuning, &used, &error), OSPREY_OK);
    assert_int_equal(tuning.count, 2 * before);
    osprey__tuning_free(&tuning);
    osprey_session_free(c.session);
    osprey_model_free(model);
}

/* All columns at once are fast as often as the contest asks, and never again. */
static double luck(cost *c, size_t step, const osprey__product_tasks *tasks)
{
    if (tasks->column_blocks > 1) return 100;
    assert_true(step < sizeof c->lucky / sizeof *c->lucky);
    return c->lucky[step]++ < 12 ? 50 : 101;
}

static void test_luck_is_not_speed(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = open_model(golden_model(WIDE));
    cost c = cost_of(model, luck);
    osprey__tuning tuning = {0};
    osprey__tuner_cost used;
    const osprey__tuner tuner = tuner_of(&c, OSPREY_TUNE_QUICK, 1e9);
    assert_int_equal(osprey__tune(&tuner, &tuning, &used, &error), OSPREY_OK);
    assert_true(c.runs > 12 && tuning.count);
    for (size_t i = 0; i < tuning.count; i++) {
        assert_int_equal(tuning.choices[i].split.columns, 0);
        assert_float_equal(tuning.choices[i].us, tuning.choices[i].default_us, 0);
    }
    osprey__tuning_free(&tuning);
    osprey_session_free(c.session);
    osprey_model_free(model);
}

static void test_losers_leave_and_the_budget_is_kept(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = open_model(golden_model(WIDE));
    cost c = cost_of(model, whole_rows_are_cheap);
    osprey__tuning tuning = {0};
    osprey__tuner_cost used;
    osprey__tuner tuner = tuner_of(&c, OSPREY_TUNE_FULL, 1e12);
    assert_int_equal(osprey__tune(&tuner, &tuning, &used, &error), OSPREY_OK);
    assert_true(c.runs > 12 && c.dear < 5 * c.cheap);
    const double run_us = used.spent_us / (double)c.runs;
    osprey__tuning_free(&tuning);

    tuner.budget_us = 40 * run_us;
    c.runs = 0;
    c.last_done = 0;
    assert_int_equal(osprey__tune(&tuner, &tuning, &used, &error), OSPREY_OK);
    assert_true(c.runs > 8 && used.spent_us <= 1.1 * tuner.budget_us + 6 * run_us);
    assert_true(tuning.count);
    osprey__tuning_free(&tuning);

    tuner.budget_us = 5 * run_us;
    c.runs = 0;
    c.last_done = 0;
    assert_int_equal(osprey__tune(&tuner, &tuning, &used, &error), OSPREY_OK);
    assert_int_equal(c.runs, 2);
    assert_int_equal(tuning.count, 0);
    osprey_session_free(c.session);
    osprey_model_free(model);
}

static void test_failures_come_through(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = open_model(golden_model(WIDE));
    cost c = cost_of(model, whole_rows_are_cheap);
    osprey__tuning tuning = {0};
    osprey__tuner_cost used;
    const osprey__tuner tuner = tuner_of(&c, OSPREY_TUNE_QUICK, 1e9);
    c.fails = true;
    assert_int_equal(osprey__tune(&tuner, &tuning, &used, &error), OSPREY_IO);
    c.fails = false;
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t n = 0; status != OSPREY_OK; n++) {
        size_t left = n;
        c.last_done = 0;
        osprey__set_memory_hook(fail_at, &left);
        status = osprey__tune(&tuner, &tuning, &used, &error);
        osprey__set_memory_hook(NULL, NULL);
        assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
        osprey__tuning_free(&tuning);
    }
    osprey_session_free(c.session);
    osprey_model_free(model);
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

static osprey_product_choice some_choice(size_t m)
{
    return (osprey_product_choice){.m = m,
                                   .n = 768,
                                   .k = 3072,
                                   .precision = OSPREY_PRECISION_INT8,
                                   .activation = OSPREY_ACTIVATION_GELU,
                                   .residual = true,
                                   .products = 11,
                                   .split = {84, 128, true},
                                   .default_us = 10,
                                   .us = 9.5F};
}

static osprey_status store_and_load(const osprey__tuning *stored, size_t cut)
{
    osprey_error error;
    osprey__buffer bytes = {0};
    osprey__tuning loaded;
    assert_int_equal(osprey__tuning_store(stored, &bytes, &error), OSPREY_OK);
    osprey_status status =
        osprey__tuning_load(bytes.bytes, bytes.length - cut, "it", &loaded, &error);
    if (status == OSPREY_OK) {
        assert_int_equal(loaded.threads, stored->threads);
        assert_int_equal(loaded.count, stored->count);
        for (size_t i = 0; i < loaded.count; i++) {
            const osprey_product_choice *a = &loaded.choices[i], *b = &stored->choices[i];
            assert_int_equal(osprey__compare_choices(a, b), 0);
            assert_int_equal(a->products, b->products);
            assert_int_equal(a->split.rows, b->split.rows);
            assert_int_equal(a->split.columns, b->split.columns);
            assert_int_equal(a->split.columns_first, b->split.columns_first);
            assert_float_equal(a->default_us, b->default_us, 0);
            assert_float_equal(a->us, b->us, 0);
        }
    }
    osprey__tuning_free(&loaded);
    osprey__buffer_free(&bytes);
    return status;
}

static void test_what_is_stored_is_not_believed(void **state)
{
    (void)state;
    osprey_product_choice choices[] = {some_choice(50), some_choice(400)};
    osprey__tuning tuning = {2, choices, 2};
    assert_int_equal(store_and_load(&tuning, 0), OSPREY_OK);
    for (size_t cut = 1; cut <= 100; cut++)
        assert_int_equal(store_and_load(&tuning, cut), OSPREY_FORMAT);
#define ASSERT_REFUSED(place, value)                                                               \
    do {                                                                                           \
        tuning = (osprey__tuning){2, choices, 2};                                                  \
        choices[0] = some_choice(50);                                                              \
        choices[1] = some_choice(400);                                                             \
        (place) = (value);                                                                         \
        assert_int_equal(store_and_load(&tuning, 0), OSPREY_FORMAT);                               \
    } while (0)
    ASSERT_REFUSED(tuning.threads, 0);
    ASSERT_REFUSED(tuning.threads, 257);
    ASSERT_REFUSED(tuning.count, 0);
    ASSERT_REFUSED(choices[1].m, 50); /* twice the same */
    ASSERT_REFUSED(choices[1].m, 49);
    ASSERT_REFUSED(choices[0].m, 0);
    ASSERT_REFUSED(choices[0].n, ((size_t)1 << 24) + 1);
    ASSERT_REFUSED(choices[0].k, SIZE_MAX);
    ASSERT_REFUSED(choices[0].precision, OSPREY_PRECISIONS);
    ASSERT_REFUSED(choices[0].products, 0);
    ASSERT_REFUSED(choices[0].split.rows, OSPREY__TASK_ROWS_MAX + 1);
    ASSERT_REFUSED(choices[0].split.columns, SIZE_MAX);
    ASSERT_REFUSED(choices[0].us, NAN);
    ASSERT_REFUSED(choices[0].default_us, -1);
    ASSERT_REFUSED(choices[0].default_us, INFINITY);
}

static void test_an_engine_keeps_it(void **state)
{
    (void)state;
    const size_t batches[] = {1, 3};
    const osprey_engine_options plain = {.batches = batches, .batch_count = 2};
    osprey_engine_options tuned = plain;
    tuned.tuning = (osprey_engine_tuning){.effort = OSPREY_TUNE_QUICK, .threads = THREADS};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        compile_golden(names[i], &plain, in_directory("plain.osprey"));
        compile_golden(names[i], &tuned, in_directory("tuned.osprey"));
        osprey_model *models[] = {open_model(in_directory("plain.osprey")),
                                  open_model(in_directory("tuned.osprey"))};
        assert_int_equal(osprey_model_get_engine(models[0])->image.choice_count, 0);
        const osprey_engine_info *engine = osprey_model_get_engine(models[1]);
        const osprey_engine_tower *towers[] = {&engine->image, &engine->text};
        for (size_t t = 0; t < 2; t++) {
            assert_int_equal(towers[t]->tuned_threads, THREADS);
            assert_true(towers[t]->choice_count >= 4);
            for (size_t c = 0; c < towers[t]->choice_count; c++)
                assert_true(towers[t]->choices[c].us <= towers[t]->choices[c].default_us);
        }
        size_t floats;
        osprey_session *sessions[] = {start(models[0], OSPREY_PRECISION_FP32, THREADS),
                                      start(models[1], OSPREY_PRECISION_FP32, THREADS),
                                      start(models[1], OSPREY_PRECISION_FP32, 1)};
        assert_int_equal(sessions[1]->image.plan->tuned_threads, THREADS);
        float *wanted = embed(sessions[0], &floats);
        for (size_t s = 1; s < 3; s++) {
            float *got = embed(sessions[s], &floats);
            assert_memory_equal(got, wanted, floats * sizeof *got);
            free(got);
        }
        free(wanted);
        for (size_t s = 0; s < 3; s++) osprey_session_free(sessions[s]);
        for (size_t m = 0; m < 2; m++) osprey_model_free(models[m]);
    }
}

/* Behind right checksums, each change of the section is refused or runs without harm. */
static void test_changed_engines_do_no_harm(void **state)
{
    (void)state;
    const size_t batch = 1;
    const osprey_engine_options options = {
        .batches = &batch,
        .batch_count = 1,
        .tuning = {.effort = OSPREY_TUNE_QUICK, .threads = 1},
    };
    osprey_error error;
    size_t length, refused = 0, ran = 0;
    compile_golden(SMALL, &options, in_directory("hostile.osprey"));
    uint8_t *bytes = read_bytes(in_directory("hostile.osprey"), &length), *changed = malloc(length);
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_parse(bytes, length, "whole", &file, &error), OSPREY_OK);
    const osprey__engine_section *tuning = osprey__engine_file_find(&file, "image.tuning");
    assert_non_null(tuning);
    const size_t begin = (size_t)(tuning->bytes - bytes);
    for (size_t i = begin; i < begin + tuning->length; i++) {
        memcpy(changed, bytes, length);
        changed[i] ^= (uint8_t)(1U << i % 8);
        engine_seal(changed, length);
        osprey_status status = run_bytes(changed, length, &error);
        if (status != OSPREY_OK && status != OSPREY_FORMAT)
            fail_msg("byte %zu: %s", i - begin, error.message);
        *(status == OSPREY_OK ? &ran : &refused) += 1;
    }
    assert_true(refused && ran);
    free(changed);
    free(bytes);
}

/* One allocation in nine fails once: an error, no leak and no file. */
static void test_allocations_may_fail(void **state)
{
    (void)state;
    const size_t batch = 1;
    const osprey_engine_options options = {
        .batches = &batch,
        .batch_count = 1,
        .tuning = {.effort = OSPREY_TUNE_QUICK, .threads = 2},
    };
    compile_without_memory(SMALL, &options, in_directory("memory.osprey"), 0, 9);
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_split_changes_a_result),
        cmocka_unit_test(test_splits_are_different_and_begin_with_the_default),
        cmocka_unit_test(test_the_cheapest_is_found),
        cmocka_unit_test(test_luck_is_not_speed),
        cmocka_unit_test(test_losers_leave_and_the_budget_is_kept),
        cmocka_unit_test(test_failures_come_through),
        cmocka_unit_test(test_the_next_larger_is_taken),
        cmocka_unit_test(test_what_is_stored_is_not_believed),
        cmocka_unit_test(test_an_engine_keeps_it),
        cmocka_unit_test(test_changed_engines_do_no_harm),
        cmocka_unit_test(test_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
