/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text towers alone: tiny BertModels as sentence-transformers publishes them, against what
 * transformers computed with padding and a mask (tests/golden/make_models.py). OSPREY_CPU, set by
 * CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "memory_hooks.h"
#include "npy_read.h"
#include "open_model.h"
#include "session/golden_texts.h"
#include "test_cpu.h"
#include "test_directory.h"

#include <osprey/osprey.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MODELS_DIRECTORY OSPREY_TEST_DIR "/golden/models/"

/* Of the mean of all tokens, and of the first in a tower of one layer. */
static const char *const names[] = {"hf-bert-mean", "hf-bert-first", "hf-bert-pieces",
                                    "hf-xlm-roberta-mean", "hf-roberta-mean"};

#define MODELS (sizeof names / sizeof *names)

typedef struct golden {
    osprey_model *model;
    golden_texts texts;
    size_t width;
    npy wanted; /* unit length */
} golden;

static golden open_golden(const char *name)
{
    char path[1024];
    golden g = {.model = open_model(golden_model(name))};
    g.width = osprey_model_get_info(g.model)->embed_dim;
    snprintf(path, sizeof path, MODELS_DIRECTORY "%s/expected.json", name);
    g.texts = read_golden_texts(path);
    snprintf(path, sizeof path, MODELS_DIRECTORY "%s/text_embeds.npy", name);
    g.wanted = npy_read(path);
    assert_int_equal(g.wanted.dims[0], g.texts.count);
    assert_int_equal(g.wanted.dims[1], g.width);
    return g;
}

static void close_golden(golden *g)
{
    free(g->wanted.data);
    free_golden_texts(&g->texts);
    osprey_model_free(g->model);
}

/* Unit-length embeddings of the golden texts; the caller frees them. */
static float *embed(const golden *g, const osprey_model *model)
{
    osprey_error error;
    osprey_session *session = session_on(model, 2);
    float *rows = calloc(g->texts.count * g->width, sizeof *rows);
    assert_int_equal(osprey_session_embed_texts(session, g->texts.texts, g->texts.count,
                                                OSPREY_EMBED_UNIT_LENGTH, rows, &error),
                     OSPREY_OK);
    osprey_session_free(session);
    return rows;
}

static void test_embeddings_agree_with_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        float *got = embed(&g, g.model), largest = 0;
        for (size_t k = 0; k < g.texts.count * g.width; k++) {
            float apart = fabsf(got[k] - g.wanted.data[k]);
            if (!(apart <= largest)) largest = apart; /* NaN too */
        }
        print_message("%-16s %.2g\n", names[i], (double)largest);
        assert_true(largest <= 1e-5F);
        free(got);
        close_golden(&g);
    }
}

static void test_ids_are_those_of_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        check_golden_ids(&g.texts, g.model);
        close_golden(&g);
    }
}

/* Texts that begin alike share nothing here: each is the same, bit for bit, by itself. */
static void test_neighbours_change_nothing(void **state)
{
    (void)state;
    enum { TEXTS = 90 };
    static char strings[TEXTS][160];
    const char *texts[TEXTS];
    for (size_t t = 0; t < TEXTS; t++) {
        size_t length = 0;
        for (size_t word = 0; word <= t % 29; word++)
            length += (size_t)snprintf(strings[t] + length, sizeof strings[t] - length, "%s ",
                                       word + 1 == t % 29 && t > 29 ? "red" : "cat");
        texts[t] = strings[t];
    }
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        osprey_error error;
        float *together = calloc(TEXTS * g.width, sizeof *together), alone[64];
        osprey_session *three = session_on(g.model, 3), *one = session_on(g.model, 1);
        assert_int_equal(
            osprey_session_embed_texts(three, texts, TEXTS, OSPREY_EMBED_RAW, together, &error),
            OSPREY_OK);
        for (size_t t = 0; t < TEXTS; t++) {
            osprey_session_embed_texts(one, &texts[t], 1, OSPREY_EMBED_RAW, alone, &error);
            assert_memory_equal(alone, together + t * g.width, g.width * sizeof *alone);
        }
        /* What follows the first token counts. */
        assert_memory_not_equal(together, together + g.width, g.width * sizeof *together);
        osprey_session_free(one);
        osprey_session_free(three);
        free(together);
        close_golden(&g);
    }
}

static void test_engines_in_every_precision(void **state)
{
    (void)state;
    static const double least[OSPREY_PRECISIONS] = {1 - 1e-9, 0.9995, 0.9995, 0.99, 0.9};
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        float *own = embed(&g, g.model);
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            test_directory d;
            char path[1024];
            osprey_error error;
            double cosine = 1;
            test_directory_create(&d);
            snprintf(path, sizeof path, "%s/model.osprey", d.path);
            const osprey_engine_options options = {.precision = (osprey_precision)p,
                                                   .portable = p == OSPREY_PRECISION_BF16};
            if (osprey_engine_compile(g.model, &options, path, &error) != OSPREY_OK)
                fail_msg("%s: %s", error.subject, error.message);
            osprey_model *engine = open_model(path);
            assert_string_equal(osprey_model_get_info(engine)->text.architecture, "bert");
            assert_null(osprey_model_get_info(engine)->image.architecture);
            assert_int_equal(osprey_model_get_info(engine)->context_length,
                             osprey_model_get_info(g.model)->context_length);
            float *got = embed(&g, engine);
            for (size_t t = 0; t < g.texts.count; t++) {
                double dot = 0;
                for (size_t k = t * g.width; k < (t + 1) * g.width; k++)
                    dot += (double)got[k] * (double)g.wanted.data[k];
                cosine = fmin(cosine, dot);
            }
            print_message("%-16s %s %.6f\n", names[i], osprey_precision_name((osprey_precision)p),
                          cosine);
            assert_true(cosine >= least[p] - 1e-6);
            if (p == OSPREY_PRECISION_FP32)
                assert_memory_equal(got, own, g.texts.count * g.width * sizeof *got);
            free(got);
            osprey_model_free(engine);
            test_directory_free(&d);
        }
        free(own);
        close_golden(&g);
    }
}

static void test_a_missing_image_tower_is_said(void **state)
{
    (void)state;
    golden g = open_golden(names[0]);
    const osprey_model_info *info = osprey_model_get_info(g.model);
    osprey_error error;
    osprey_session *session = NULL;
    assert_null(info->image.architecture);
    assert_int_equal(info->image_height, 0);
    assert_string_equal(info->text.architecture, "bert");
    const osprey_session_options asked[] = {{.towers = OSPREY_TOWER_IMAGE},
                                            {.towers = OSPREY_TOWER_BOTH}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(osprey_session_create(g.model, &asked[i], &session, &error),
                         OSPREY_INVALID_ARGUMENT);
        assert_string_equal(error.message, "the model has no image tower: it takes texts only");
    }
    session = session_on(g.model, 1);
    const float pixel = 0;
    float out[64];
    assert_int_equal(osprey_session_embed_pixels(session, &pixel, 1, OSPREY_EMBED_RAW, out, &error),
                     OSPREY_INVALID_ARGUMENT);
    osprey_session_free(session);
    osprey_image *image = NULL;
    assert_int_equal(
        osprey_image_open(OSPREY_TEST_DIR "/golden/pictures/picture.png", NULL, &image, &error),
        OSPREY_OK);
    assert_int_equal(osprey_image_preprocess(image, &info->preprocessing, out, &error),
                     OSPREY_INVALID_ARGUMENT);
    osprey_image_free(image);
    close_golden(&g);
}

static void test_a_warm_run_allocates_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        osprey_session *session = session_on(g.model, 2);
        const int32_t ids[] = {7, 30, 31, 32, 8, 7, 30, 8};
        const size_t lengths[] = {5, 3};
        size_t allocations = 0;
        osprey_error error;
        float out[128];
        for (int warm = 0; warm < 2; warm++) {
            if (warm) osprey__set_memory_hook(count_allocation, &allocations);
            assert_int_equal(osprey_session_embed_tokens(session, ids, lengths, 2, OSPREY_EMBED_RAW,
                                                         out, &error),
                             OSPREY_OK);
        }
        osprey__set_memory_hook(NULL, NULL);
        assert_int_equal(allocations, 0);
        osprey_session_free(session);
        close_golden(&g);
    }
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        osprey_error error = {0};
        osprey_model *model = NULL;
        osprey_session *session = NULL;
        const osprey_session_options options = {.threads = 1};
        const char *text = "a photo of a cat";
        float embedding[64];
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        osprey_status status = osprey_model_open(MODELS_DIRECTORY "hf-bert-mean", &model, &error);
        if (status == OSPREY_OK) status = osprey_session_create(model, &options, &session, &error);
        if (status == OSPREY_OK)
            status =
                osprey_session_embed_texts(session, &text, 1, OSPREY_EMBED_RAW, embedding, &error);
        osprey__set_memory_hook(NULL, NULL);
        osprey_session_free(session);
        osprey_model_free(model);
        if (status == OSPREY_OK) break;
        assert_int_equal(status, OSPREY_OUT_OF_MEMORY);
    }
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings_agree_with_transformers),
        cmocka_unit_test(test_ids_are_those_of_transformers),
        cmocka_unit_test(test_neighbours_change_nothing),
        cmocka_unit_test(test_engines_in_every_precision),
        cmocka_unit_test(test_a_missing_image_tower_is_said),
        cmocka_unit_test(test_a_warm_run_allocates_nothing),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
