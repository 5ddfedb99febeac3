/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiny models as google-research/vision_transformer publishes them against what flax computed
 * (tests/golden/make_flax_models.py): embeddings, logits, engines, and what such models lack.
 * OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "memory_hooks.h"
#include "npy_read.h"
#include "open_model.h"
#include "test_cpu.h"
#include "test_directory.h"

#include <osprey/osprey.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAX               OSPREY_TEST_DIR "/golden/flax/"
#define LARGEST_DIFFERENCE 1e-5

static const struct {
    const char *name;
    size_t classes;
    double slack; /* of what the coarser precisions lose: norms of one channel make much of it */
} models[] = {
    {"vit-imagenet", 1000, 1},     {"vit-pre-logits-bf16", 7, 1}, {"vit-mean-headless", 0, 1},
    {"hybrid-bf16", 5, 2},         {"hybrid-root", 0, 2},         {"mixer", 11, 1},
    {"mixer-headless-bf16", 0, 1},
};

#define MODELS (sizeof models / sizeof *models)

static npy read_golden(const char *name, const char *what)
{
    char path[1024];
    snprintf(path, sizeof path, FLAX "%s.%s.npy", name, what);
    return npy_read(path);
}

static osprey_model *open_golden(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, FLAX "%s.npz", name);
    return open_model(path);
}

/* Raw embeddings of all of the pixels; the caller frees them. */
static float *embed(const osprey_model *model, const npy *pixels, size_t threads)
{
    osprey_error error;
    osprey_session *session = session_on(model, threads);
    float *rows = calloc(pixels->dims[0] * osprey_model_get_info(model)->embed_dim, sizeof *rows);
    assert_int_equal(osprey_session_embed_pixels(session, pixels->data, pixels->dims[0],
                                                 OSPREY_EMBED_RAW, rows, &error),
                     OSPREY_OK);
    osprey_session_free(session);
    return rows;
}

/* The largest difference, relative to the largest value wanted. */
static double difference(const float *got, const npy *wanted)
{
    double largest = 0, range = 0;
    for (size_t i = 0; i < wanted->dims[0] * wanted->dims[1]; i++) {
        double apart = fabs((double)got[i] - (double)wanted->data[i]);
        if (!(apart <= largest)) largest = apart; /* NaN too */
        range = fmax(range, fabs((double)wanted->data[i]));
    }
    return largest / range;
}

static double least_cosine(const float *got, const npy *wanted)
{
    double least = 1;
    for (size_t row = 0; row < wanted->dims[0]; row++) {
        const float *a = got + row * wanted->dims[1], *b = wanted->data + row * wanted->dims[1];
        double ab = 0, aa = 0, bb = 0;
        for (size_t i = 0; i < wanted->dims[1]; i++) {
            ab += (double)a[i] * (double)b[i];
            aa += (double)a[i] * (double)a[i];
            bb += (double)b[i] * (double)b[i];
        }
        least = fmin(least, ab / sqrt(aa * bb));
    }
    return least;
}

static void test_embeddings_agree_with_flax(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        osprey_model *model = open_golden(models[i].name);
        npy pixels = read_golden(models[i].name, "pixels");
        npy wanted = read_golden(models[i].name, "embeddings");
        float *got = embed(model, &pixels, 2);
        print_message("%-22s %.2g\n", models[i].name, difference(got, &wanted));
        assert_true(difference(got, &wanted) <= LARGEST_DIFFERENCE);
        free(got);
        free(wanted.data);
        free(pixels.data);
        osprey_model_free(model);
    }
}

/* Each image's logits, and probabilities that sum to 1. */
static void check_logits(const osprey_model *model, const char *name)
{
    osprey_error error;
    osprey_label_set *set = NULL;
    npy pixels = read_golden(name, "pixels"), wanted = read_golden(name, "logits");
    const size_t classes = wanted.dims[1], dim = osprey_model_get_info(model)->embed_dim;
    float *rows = embed(model, &pixels, 2), *logits = calloc(wanted.dims[0] * classes, 4);
    assert_int_equal(osprey_label_set_create_classes(model, &set, &error), OSPREY_OK);
    assert_int_equal(osprey_label_set_count(set), classes);
    osprey_score *scores = calloc(classes, sizeof *scores);
    for (size_t image = 0; image < wanted.dims[0]; image++) {
        double sum = 0;
        assert_int_equal(
            osprey_label_set_score(set, rows + image * dim, OSPREY_SCORE_SOFTMAX, scores, &error),
            OSPREY_OK);
        for (size_t i = 0; i < classes; i++) {
            logits[image * classes + i] = scores[i].cosine;
            sum += (double)scores[i].score;
        }
        assert_true(fabs(sum - 1) < 1e-5);
    }
    assert_true(difference(logits, &wanted) <= LARGEST_DIFFERENCE);
    osprey_label_set_free(set);
    free(scores);
    free(logits);
    free(rows);
    free(wanted.data);
    free(pixels.data);
}

static void test_heads_give_flax_logits(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        osprey_model *model = open_golden(models[i].name);
        assert_int_equal(osprey_model_get_info(model)->head_classes, models[i].classes);
        if (models[i].classes) check_logits(model, models[i].name);
        osprey_model_free(model);
    }
}

static void test_class_names(void **state)
{
    (void)state;
    osprey_error error;
    osprey_label_set *set;
    osprey_model *model = open_golden("vit-imagenet");
    assert_string_equal(osprey_model_get_info(model)->head_labels, "ImageNet-1k");
    assert_int_equal(osprey_label_set_create_classes(model, &set, &error), OSPREY_OK);
    assert_string_equal(osprey_label_set_label(set, 0), "tench, Tinca tinca");
    assert_string_equal(osprey_label_set_label(set, 999),
                        "toilet tissue, toilet paper, bathroom tissue");
    osprey_label_set_free(set);
    osprey_model_free(model);
    model = open_golden("vit-pre-logits-bf16");
    assert_null(osprey_model_get_info(model)->head_labels);
    assert_int_equal(osprey_label_set_create_classes(model, &set, &error), OSPREY_OK);
    assert_string_equal(osprey_label_set_label(set, 6), "class 6");
    osprey_label_set_free(set);
    osprey_model_free(model);
    model = open_golden("vit-mean-headless");
    assert_int_equal(osprey_label_set_create_classes(model, &set, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no classes of its own"));
    osprey_model_free(model);
}

static void test_preprocessing_squeezes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        osprey_model *model = open_golden(models[i].name);
        npy wanted = read_golden(models[i].name, "preprocessed");
        const size_t floats = wanted.dims[1] * wanted.dims[2] * wanted.dims[3];
        float *got = calloc(floats, sizeof *got);
        osprey_error error;
        osprey_image *image = NULL;
        assert_int_equal(
            osprey_image_open(OSPREY_TEST_DIR "/golden/pictures/picture.png", NULL, &image, &error),
            OSPREY_OK);
        assert_int_equal(osprey_image_preprocess(
                             image, &osprey_model_get_info(model)->preprocessing, got, &error),
                         OSPREY_OK);
        for (size_t p = 0; p < floats; p++) assert_true(fabsf(got[p] - wanted.data[p]) <= 1e-5F);
        osprey_image_free(image);
        free(got);
        free(wanted.data);
        osprey_model_free(model);
    }
}

static void test_threads_and_batches_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        osprey_model *model = open_golden(models[i].name);
        npy pixels = read_golden(models[i].name, "pixels");
        const size_t dim = osprey_model_get_info(model)->embed_dim, images = pixels.dims[0];
        const size_t floats = pixels.dims[1] * pixels.dims[2] * pixels.dims[3];
        float *together = embed(model, &pixels, 3);
        for (size_t image = 0; image < images; image++) {
            npy one = pixels;
            one.dims[0] = 1;
            one.data = pixels.data + image * floats;
            float *alone = embed(model, &one, 1);
            assert_memory_equal(alone, together + image * dim, dim * sizeof *alone);
            free(alone);
        }
        free(together);
        free(pixels.data);
        osprey_model_free(model);
    }
}

/* In fp32 an engine gives the same, bit for bit; in the others nearly. The head stays as it is. */
static void test_engines_in_every_precision(void **state)
{
    (void)state;
    static const double least[OSPREY_PRECISIONS] = {1 - 1e-9, 0.9995, 0.9995, 0.99, 0.95};
    for (size_t i = 0; i < MODELS; i++) {
        osprey_model *model = open_golden(models[i].name);
        npy pixels = read_golden(models[i].name, "pixels");
        npy wanted = read_golden(models[i].name, "embeddings");
        float *own = embed(model, &pixels, 2);
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            test_directory d;
            char path[1024];
            osprey_error error;
            test_directory_create(&d);
            snprintf(path, sizeof path, "%s/model.osprey", d.path);
            const osprey_engine_options options = {.precision = (osprey_precision)p};
            if (osprey_engine_compile(model, &options, path, &error) != OSPREY_OK)
                fail_msg("%s: %s", error.subject, error.message);
            osprey_model *engine = open_model(path);
            const osprey_model_info *info = osprey_model_get_info(engine);
            assert_null(info->text.architecture);
            assert_null(osprey_model_tokenizer(engine));
            assert_int_equal(info->head_classes, models[i].classes);
            float *got = embed(engine, &pixels, 2);
            print_message("%-22s %s %.6f\n", models[i].name,
                          osprey_precision_name((osprey_precision)p), least_cosine(got, &wanted));
            assert_true(1 - least_cosine(got, &wanted) <= models[i].slack * (1 - least[p]));
            if (p == OSPREY_PRECISION_FP32) {
                assert_memory_equal(got, own, wanted.dims[0] * wanted.dims[1] * sizeof *got);
                if (models[i].classes) check_logits(engine, models[i].name);
            }
            free(got);
            osprey_model_free(engine);
            test_directory_free(&d);
        }
        free(own);
        free(wanted.data);
        free(pixels.data);
        osprey_model_free(model);
    }
}

static void test_a_missing_text_tower_is_said(void **state)
{
    (void)state;
    osprey_model *model = open_golden("vit-imagenet");
    const osprey_model_info *info = osprey_model_get_info(model);
    osprey_error error;
    osprey_session *session = NULL;
    assert_null(info->text.architecture);
    assert_int_equal(info->context_length, 0);
    assert_null(osprey_model_tokenizer(model));
    assert_string_equal(info->layout, "vision_transformer");
    assert_string_equal(info->weight_format, "NumPy archive");
    const osprey_session_options asked[] = {{.towers = OSPREY_TOWER_TEXT},
                                            {.towers = OSPREY_TOWER_BOTH}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(osprey_session_create(model, &asked[i], &session, &error),
                         OSPREY_INVALID_ARGUMENT);
        assert_string_equal(error.subject, "vit-imagenet");
        assert_string_equal(error.message, "the model has no text tower: it takes pictures only");
    }
    session = session_on(model, 1);
    const char *text = "a cat";
    float out[64];
    assert_int_equal(osprey_session_embed_texts(session, &text, 1, OSPREY_EMBED_RAW, out, &error),
                     OSPREY_INVALID_ARGUMENT);
    const int32_t id = 1;
    const size_t length = 1;
    assert_int_equal(
        osprey_session_embed_tokens(session, &id, &length, 1, OSPREY_EMBED_RAW, out, &error),
        OSPREY_INVALID_ARGUMENT);
    osprey_session_free(session);
    osprey_model_free(model);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    npy pixels = read_golden("vit-pre-logits-bf16", "pixels");
    for (size_t n = 0;; n++) {
        osprey_error error = {0};
        osprey_model *model = NULL;
        osprey_session *session = NULL;
        osprey_label_set *set = NULL;
        const osprey_session_options options = {.threads = 1};
        float embedding[64];
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        osprey_status status = osprey_model_open(FLAX "vit-pre-logits-bf16.npz", &model, &error);
        if (status == OSPREY_OK) status = osprey_session_create(model, &options, &session, &error);
        if (status == OSPREY_OK) status = osprey_label_set_create_classes(model, &set, &error);
        if (status == OSPREY_OK)
            status = osprey_session_embed_pixels(session, pixels.data, 1, OSPREY_EMBED_RAW,
                                                 embedding, &error);
        osprey__set_memory_hook(NULL, NULL);
        osprey_label_set_free(set);
        osprey_session_free(session);
        osprey_model_free(model);
        if (status == OSPREY_OK) break;
        assert_int_equal(status, OSPREY_OUT_OF_MEMORY);
    }
    free(pixels.data);
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings_agree_with_flax),
        cmocka_unit_test(test_heads_give_flax_logits),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_preprocessing_squeezes),
        cmocka_unit_test(test_threads_and_batches_change_nothing),
        cmocka_unit_test(test_engines_in_every_precision),
        cmocka_unit_test(test_a_missing_text_tower_is_said),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
