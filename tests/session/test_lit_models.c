/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiny LiT models as google-research/vision_transformer publishes them against what flax computed
 * (tests/golden/make_flax_models.py): both towers, ids, engines, and a vocabulary that is missing.
 * OSPREY_CPU, set by CTest, chooses the instruction set.
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
#include <string.h>
#include <unistd.h>

#define FLAX OSPREY_TEST_DIR "/golden/flax"

/* With the blocks' names of before flax.linen; with those since, and a layer behind the images. */
static const char *const names[] = {"lit", "lit-head-bf16"};

#define MODELS (sizeof names / sizeof *names)

typedef struct golden {
    osprey_model *model;
    golden_texts texts;
    size_t width;
    npy pixels, images, wanted_texts;
} golden;

static npy read_array(const char *name, const char *what)
{
    char path[1024];
    snprintf(path, sizeof path, FLAX "/%s.%s.npy", name, what);
    return npy_read(path);
}

static golden open_golden(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, FLAX "/%s.npz", name);
    golden g = {.model = open_model(path),
                .pixels = read_array(name, "pixels"),
                .images = read_array(name, "embeddings"),
                .wanted_texts = read_array(name, "texts")};
    g.width = osprey_model_get_info(g.model)->embed_dim;
    snprintf(path, sizeof path, FLAX "/%s.json", name);
    g.texts = read_golden_texts(path);
    assert_int_equal(g.wanted_texts.dims[0], g.texts.count);
    return g;
}

static void close_golden(golden *g)
{
    free(g->pixels.data);
    free(g->images.data);
    free(g->wanted_texts.data);
    free_golden_texts(&g->texts);
    osprey_model_free(g->model);
}

/* Unit-length embeddings of the pixels, then of the texts; the caller frees them. */
static float *embed(const golden *g, const osprey_model *model, size_t threads)
{
    osprey_error error;
    osprey_session *session = session_on(model, threads);
    const size_t images = g->pixels.dims[0];
    float *rows = calloc((images + g->texts.count) * g->width, sizeof *rows);
    assert_int_equal(osprey_session_embed_pixels(session, g->pixels.data, images,
                                                 OSPREY_EMBED_UNIT_LENGTH, rows, &error),
                     OSPREY_OK);
    assert_int_equal(osprey_session_embed_texts(session, g->texts.texts, g->texts.count,
                                                OSPREY_EMBED_UNIT_LENGTH, rows + images * g->width,
                                                &error),
                     OSPREY_OK);
    osprey_session_free(session);
    return rows;
}

/* Of rows of unit length with those wanted, which are not: largest difference, least cosine. */
static void compare(const float *rows, const npy *wanted, double *difference, double *cosine)
{
    const size_t width = wanted->dims[1];
    for (size_t row = 0; row < wanted->dims[0]; row++) {
        const float *a = rows + row * width, *b = wanted->data + row * width;
        double length = 0, dot = 0;
        for (size_t i = 0; i < width; i++) length += (double)b[i] * (double)b[i];
        length = sqrt(length);
        for (size_t i = 0; i < width; i++) {
            double apart = fabs((double)a[i] - (double)b[i] / length);
            if (!(apart <= *difference)) *difference = apart; /* NaN too */
            dot += (double)a[i] * (double)b[i] / length;
        }
        *cosine = fmin(*cosine, dot);
    }
}

static void test_embeddings_agree_with_flax(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        double images = 0, texts = 0, cosine = 1;
        float *got = embed(&g, g.model, 2);
        compare(got, &g.images, &images, &cosine);
        compare(got + g.pixels.dims[0] * g.width, &g.wanted_texts, &texts, &cosine);
        print_message("%-14s images %.2g texts %.2g\n", names[i], images, texts);
        assert_true(images <= 1e-5);
        assert_true(texts <= 1e-5);
        free(got);
        close_golden(&g);
    }
}

static void test_ids_begin_with_cls_and_have_no_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        const osprey_model_info *info = osprey_model_get_info(g.model);
        const double scale = json_number_value(json_object_get(g.texts.expected, "logit_scale"));
        assert_true(fabs((double)info->logit_scale / scale - 1) < 1e-6);
        assert_int_equal(info->context_length, 16);
        assert_int_equal(osprey_tokenizer_get_info(osprey_model_tokenizer(g.model)).end_id, -1);
        check_golden_ids(&g.texts, g.model);
        close_golden(&g);
    }
}

static void test_preprocessing_squeezes(void **state)
{
    (void)state;
    golden g = open_golden(names[0]);
    npy wanted = read_array(names[0], "preprocessed");
    const size_t floats = wanted.dims[1] * wanted.dims[2] * wanted.dims[3];
    float *got = calloc(floats, sizeof *got);
    osprey_error error;
    osprey_image *image = NULL;
    assert_int_equal(
        osprey_image_open(OSPREY_TEST_DIR "/golden/pictures/picture.png", NULL, &image, &error),
        OSPREY_OK);
    assert_int_equal(
        osprey_image_preprocess(image, &osprey_model_get_info(g.model)->preprocessing, got, &error),
        OSPREY_OK);
    for (size_t p = 0; p < floats; p++) assert_true(fabsf(got[p] - wanted.data[p]) <= 1e-5F);
    osprey_image_free(image);
    free(got);
    free(wanted.data);
    close_golden(&g);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        float *one = embed(&g, g.model, 1), *three = embed(&g, g.model, 3);
        assert_memory_equal(one, three, (g.pixels.dims[0] + g.texts.count) * g.width * sizeof *one);
        free(one);
        free(three);
        close_golden(&g);
    }
}

/* In fp32 an engine gives the same, bit for bit; in the others nearly. */
static void test_engines_in_every_precision(void **state)
{
    (void)state;
    static const double least[OSPREY_PRECISIONS] = {1 - 1e-6, 0.9995, 0.9995, 0.99, 0.9};
    for (size_t i = 0; i < MODELS; i++) {
        golden g = open_golden(names[i]);
        float *own = embed(&g, g.model, 2);
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            test_directory d;
            char path[1024];
            osprey_error error;
            double difference = 0, cosine = 1;
            test_directory_create(&d);
            snprintf(path, sizeof path, "%s/model.osprey", d.path);
            const osprey_engine_options options = {.precision = (osprey_precision)p};
            if (osprey_engine_compile(g.model, &options, path, &error) != OSPREY_OK)
                fail_msg("%s: %s", error.subject, error.message);
            osprey_model *engine = open_model(path);
            float *got = embed(&g, engine, 2);
            compare(got, &g.images, &difference, &cosine);
            compare(got + g.pixels.dims[0] * g.width, &g.wanted_texts, &difference, &cosine);
            print_message("%-14s %s %.6f\n", names[i], osprey_precision_name((osprey_precision)p),
                          cosine);
            assert_true(cosine >= least[p]);
            if (p == OSPREY_PRECISION_FP32)
                assert_memory_equal(got, own,
                                    (g.pixels.dims[0] + g.texts.count) * g.width * sizeof *got);
            free(got);
            osprey_model_free(engine);
            test_directory_free(&d);
        }
        free(own);
        close_golden(&g);
    }
}

/* The weights by themselves, then with a vocabulary of another model, then with vocab.txt. */
static void test_a_missing_vocabulary_is_said(void **state)
{
    (void)state;
    test_directory d;
    char path[1024], to[1024], from[1024];
    osprey_error error;
    osprey_model *model = NULL;
    test_directory_create(&d);
    test_directory_link(&d, FLAX, "lit.npz");
    snprintf(path, sizeof path, "%s/lit.npz", d.path);
    assert_int_equal(osprey_model_open(path, &model, &error), OSPREY_NOT_FOUND);
    assert_string_equal(error.subject, path);
    assert_non_null(strstr(error.message, "put lit.txt, or vocab.txt"));
    snprintf(to, sizeof to, "%s/vocab.txt", d.path);
    FILE *other = fopen(to, "wb");
    assert_non_null(other);
    fputs("[PAD]\n[UNK]\n[CLS]\n[SEP]\n", other);
    assert_int_equal(fclose(other), 0);
    assert_int_equal(osprey_model_open(path, &model, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "the vocabulary has 4 tokens"));
    test_directory_remove(&d, "vocab.txt");
    snprintf(from, sizeof from, FLAX "/lit.txt");
    assert_int_equal(symlink(from, to), 0);
    model = open_model(path);
    assert_int_equal(osprey_model_get_info(model)->file_count, 2);
    osprey_model_free(model);
    test_directory_free(&d);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t n = 0;; n++) {
        osprey_error error = {0};
        osprey_model *model = NULL;
        osprey_session *session = NULL;
        const osprey_session_options options = {.threads = 1};
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        osprey_status status = osprey_model_open(FLAX "/lit-head-bf16.npz", &model, &error);
        if (status == OSPREY_OK) status = osprey_session_create(model, &options, &session, &error);
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
        cmocka_unit_test(test_embeddings_agree_with_flax),
        cmocka_unit_test(test_ids_begin_with_cls_and_have_no_end),
        cmocka_unit_test(test_preprocessing_squeezes),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_engines_in_every_precision),
        cmocka_unit_test(test_a_missing_vocabulary_is_said),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
