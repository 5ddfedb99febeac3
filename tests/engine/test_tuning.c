/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tuning: no way to split a product changes a result, and an engine keeps what was found, but
 * is not believed. OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "engine/engine_seal.h"
#include "engine/tuner.h"
#include "format/engine_file.h"
#include "session/session_data.h"
#include "test_cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALL "hf-vit-p32-quickgelu"
#define WIDE  "hf-vit-p14-f16-config-dict" /* has products of several panels of every kernel */

enum { IMAGES = 9, TEXTS = 4, THREADS = 3 };

static const char *const names[] = {SMALL, WIDE, "openclip-rn", "hf-siglip2-naflex"};
static const char *const texts[] = {"a photo of a cat", "", "two dogs at night", "12"};

/* Embeddings of images and texts of its own. The caller frees. */
static float *embed(osprey_session *session, size_t *floats)
{
    osprey_error error;
    const osprey_model_info *info = osprey_model_get_info(osprey_session_get_model(session));
    const size_t width = info->embed_dim, count = osprey_preprocessing_floats(&info->preprocessing);
    float *pixels = calloc(IMAGES * count, sizeof *pixels);
    for (size_t i = 0; i < IMAGES * count; i++) pixels[i] = sinf((float)i * 0.37F);
    for (size_t i = 0; info->preprocessing.resize == OSPREY_RESIZE_PATCHES && i < IMAGES; i++) {
        pixels[i * count] = 4;
        pixels[i * count + 1] = 5;
    }
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
            const osprey_session_options options = {.precision = (osprey_precision)precision,
                                                    .threads = THREADS};
            osprey_session *session = create_session(model, &options);
            const osprey__step large = {.gemm = &session->kernels->gemm[precision],
                                        .out_channels = 1024};
            osprey_task_split splits[OSPREY__CONTESTANTS_MAX];
            size_t floats;
            /* Of a large product: more ways than the small ones of this model have. */
            size_t count = osprey__tuner_splits(OSPREY_TUNE_FULL, &large, 1000, THREADS, splits);
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
        osprey_session *sessions[] = {session_on(models[0], THREADS),
                                      session_on(models[1], THREADS), session_on(models[1], 1)};
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
        cmocka_unit_test(test_what_is_stored_is_not_believed),
        cmocka_unit_test(test_an_engine_keeps_it),
        cmocka_unit_test(test_changed_engines_do_no_harm),
        cmocka_unit_test(test_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
