/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiny models in the published formats against what their own libraries computed
 * (tests/golden/make_models.py). OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "memory_hooks.h"
#include "npy_read.h"
#include "open_model.h"
#include "session/golden_texts.h"
#include "test_cpu.h"

#include <osprey/osprey.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* design.md's limit for small models, on unit-length embeddings. */
#define LARGEST_DIFFERENCE 1e-5F

static const char *const names[] = {
    "hf-vit-p32-quickgelu",
    "hf-vit-p16-gelu-sharded",
    "hf-vit-p14-bf16-sparse",
    "hf-vit-p14-f16-config-dict",
    "hf-vit-p8-deep",
    "hf-chinese-clip",
    "hf-siglip",
    "hf-siglip2",
    "hf-tinyclip",
    "openclip-vit-p16-gelu",
    "openclip-vit-p14-quickgelu-builtin",
    "openclip-rn",
    "openclip-mobileclip-b",
    "openclip-mobileclip-l",
    "openclip-mobileclip-s",
    "openclip-mobileclip-s3",
    "openclip-coca",
    "openclip-coca-even",
    "openclip-coca-base",
    "openclip-convnext-d",
    "openclip-convnext-xxl",
    "openclip-eva01",
    "openclip-eva02",
    "openclip-eva02-e",
    "openclip-pe",
    "openclip-pe-big",
    "openclip-vitamin",
    "openclip-vitamin-xl",
    "openclip-siglip",
    "openclip-siglip2",
    "openclip-siglip-i18n",
    "openclip-xlm-roberta",
    "openclip-xlm-roberta-first",
    "openclip-roberta",
    "openclip-coca-roberta",
    "openai-vit",
    "openai-rn",
    "hf-siglip2-naflex",
    "hf-metaclip2",
    "openclip-worldwide",
};

/* Opened by themselves, without their directory. */
static const struct {
    const char *name, *file;
} archives[] = {{"openai-vit", "ViT-tiny.pt"}, {"openai-rn", "RN-tiny.pt"}};

typedef struct golden {
    const char *name;
    osprey_model *model;
    osprey_session *session;
    golden_texts texts;
} golden;

static char *path_of(const golden *g, const char *file)
{
    static char path[1024];
    snprintf(path, sizeof path, OSPREY_TEST_DIR "/golden/models/%s/%s", g->name, file);
    return path;
}

static void open_golden(golden *g, const char *name)
{
    *g = (golden){.name = name};
    const char *opened = ".";
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++)
        if (strcmp(archives[i].name, name) == 0) opened = archives[i].file;
    g->model = open_model(path_of(g, opened));
    g->session = session_on(g->model, 2);
    g->texts = read_golden_texts(path_of(g, "expected.json"));
}

static void close_golden(golden *g)
{
    free_golden_texts(&g->texts);
    osprey_session_free(g->session);
    osprey_model_free(g->model);
}

static float largest_difference(const float *a, const float *b, size_t count)
{
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        float difference = fabsf(a[i] - b[i]);
        if (!(difference <= largest)) largest = difference; /* NaN too */
    }
    return largest;
}

/* got against the .npy file: absolute for unit length, relative to the largest element if raw. */
static void check(const golden *g, const char *file, const float *got, float limit)
{
    npy wanted = npy_read(path_of(g, file));
    size_t count = wanted.dims[0] * wanted.dims[1];
    float largest = 1;
    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(wanted.data[i]));
    float difference = largest_difference(got, wanted.data, count) / largest;
    print_message("%-36s %-22s %.2g\n", g->name, file, (double)difference);
    if (!(difference <= limit)) fail_msg("%s: %s differs", g->name, file);
    free(wanted.data);
}

static void check_images(const golden *g)
{
    npy pixels = npy_read(path_of(g, "pixels.npy"));
    size_t width = osprey_model_get_info(g->model)->embed_dim;
    float *got = calloc(pixels.dims[0] * width, sizeof *got);
    osprey_error error;
    assert_int_equal(osprey_session_embed_pixels(g->session, pixels.data, pixels.dims[0],
                                                 OSPREY_EMBED_UNIT_LENGTH, got, &error),
                     OSPREY_OK);
    check(g, "image_embeds.npy", got, LARGEST_DIFFERENCE);
    osprey_session_embed_pixels(g->session, pixels.data, pixels.dims[0], OSPREY_EMBED_RAW, got,
                                &error);
    check(g, "image_embeds_raw.npy", got, LARGEST_DIFFERENCE);
    free(got);
    free(pixels.data);
}

static void check_texts(const golden *g)
{
    const char *const *texts = g->texts.texts;
    const size_t count = g->texts.count;
    float *got = calloc(count * osprey_model_get_info(g->model)->embed_dim, sizeof *got);
    osprey_error error;
    check_golden_ids(&g->texts, g->model);
    assert_int_equal(
        osprey_session_embed_texts(g->session, texts, count, OSPREY_EMBED_UNIT_LENGTH, got, &error),
        OSPREY_OK);
    check(g, "text_embeds.npy", got, LARGEST_DIFFERENCE);
    osprey_session_embed_texts(g->session, texts, count, OSPREY_EMBED_RAW, got, &error);
    check(g, "text_embeds_raw.npy", got, LARGEST_DIFFERENCE);
    free(got);
}

static void check_preprocessing(const golden *g)
{
    char path[1024];
    const osprey_model_info *info = osprey_model_get_info(g->model);
    snprintf(path, sizeof path, OSPREY_TEST_DIR "/golden/pictures/%s",
             json_string_value(json_object_get(g->texts.expected, "image")));
    osprey_error error;
    osprey_image *image = NULL;
    assert_int_equal(osprey_image_open(path, NULL, &image, &error), OSPREY_OK);
    npy wanted = npy_read(path_of(g, "preprocessed.npy"));
    const size_t count = osprey_preprocessing_floats(&info->preprocessing);
    const size_t last = wanted.rank == 4 ? wanted.dims[3] : 1;
    assert_int_equal(wanted.dims[1] * wanted.dims[2] * last, count);
    float *got = calloc(count, sizeof *got);
    assert_int_equal(osprey_image_preprocess(image, &info->preprocessing, got, &error), OSPREY_OK);
    float difference = largest_difference(got, wanted.data, count);
    print_message("%-36s %-22s %.2g\n", g->name, "preprocessed.npy", (double)difference);
    assert_true(difference <= 1e-5F);
    free(got);
    free(wanted.data);
    osprey_image_free(image);
}

static void test_models_agree_with_their_libraries(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        golden g;
        open_golden(&g, names[i]);
        double scale = json_number_value(json_object_get(g.texts.expected, "logit_scale"));
        assert_true(fabs(osprey_model_get_info(g.model)->logit_scale / scale - 1) < 1e-6);
        double bias = json_number_value(json_object_get(g.texts.expected, "logit_bias"));
        assert_true(fabs(osprey_model_get_info(g.model)->logit_bias - bias) < 1e-6);
        check_images(&g);
        check_texts(&g);
        check_preprocessing(&g);
        close_golden(&g);
    }
}

/* Bit for bit: alone or in a batch larger than a run, on one thread or three. */
static void test_batch_and_threads_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        golden g;
        open_golden(&g, names[i]);
        const osprey_model_info *info = osprey_model_get_info(g.model);
        npy pixels = npy_read(path_of(&g, "pixels.npy"));
        const size_t floats = osprey_preprocessing_floats(&info->preprocessing), count = 19;
        const bool has_grids = info->preprocessing.resize == OSPREY_RESIZE_PATCHES;
        float *many = calloc(count * floats, sizeof *many);
        for (size_t p = 0; p < count; p++) {
            const float *from = pixels.data + p % pixels.dims[0] * floats;
            for (size_t j = 0; j < floats; j++)
                many[p * floats + j] = from[j] * (1 - (float)p / 40);
            if (has_grids) memcpy(many + p * floats, from, 2 * sizeof *many);
        }
        float *together = calloc(count * info->embed_dim, sizeof *together);
        float *alone = calloc(info->embed_dim, sizeof *alone);
        osprey_error error;
        osprey_session *three = session_on(g.model, 3), *one = session_on(g.model, 1);
        osprey_session_embed_pixels(three, many, count, OSPREY_EMBED_RAW, together, &error);
        for (size_t p = 0; p < count; p++) {
            osprey_session_embed_pixels(one, many + p * floats, 1, OSPREY_EMBED_RAW, alone, &error);
            assert_memory_equal(alone, together + p * info->embed_dim,
                                info->embed_dim * sizeof *alone);
        }
        osprey_session_free(one);
        osprey_session_free(three);
        free(alone);
        free(together);
        free(many);
        free(pixels.data);
        close_golden(&g);
    }
}

/* The same for texts: 300 of them are more than one run. */
static void test_text_batch_changes_nothing(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "hf-vit-p32-quickgelu");
    enum { TEXTS = 300 };
    static char strings[TEXTS][32];
    const char *texts[TEXTS];
    for (size_t t = 0; t < TEXTS; t++) {
        snprintf(strings[t], sizeof strings[t], "%zu photos of a %s", t, t % 3 ? "cat" : "");
        texts[t] = strings[t];
    }
    size_t width = osprey_model_get_info(g.model)->embed_dim;
    float *together = calloc(TEXTS * width, sizeof *together), *alone = calloc(width, 4);
    osprey_error error;
    osprey_session_embed_texts(g.session, texts, TEXTS, OSPREY_EMBED_RAW, together, &error);
    osprey_session *one = session_on(g.model, 1);
    for (size_t t = 0; t < TEXTS; t++) {
        osprey_session_embed_texts(one, &texts[t], 1, OSPREY_EMBED_RAW, alone, &error);
        assert_memory_equal(alone, together + t * width, width * sizeof *alone);
    }
    osprey_session_free(one);
    free(alone);
    free(together);
    close_golden(&g);
}

static void test_a_warm_run_allocates_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        golden g;
        open_golden(&g, names[i]);
        const osprey_model_info *info = osprey_model_get_info(g.model);
        npy pixels = npy_read(path_of(&g, "pixels.npy"));
        float *out = calloc(pixels.dims[0] * info->embed_dim, sizeof *out);
        const int32_t ids[] = {1, 2, 3};
        const size_t length = 3;
        size_t allocations = 0;
        osprey_error error;
        for (int warm = 0; warm < 2; warm++) {
            if (warm) osprey__set_memory_hook(count_allocation, &allocations);
            osprey_session_embed_pixels(g.session, pixels.data, pixels.dims[0], OSPREY_EMBED_RAW,
                                        out, &error);
            osprey_session_embed_tokens(g.session, ids, &length, 1, OSPREY_EMBED_RAW, out, &error);
        }
        osprey__set_memory_hook(NULL, NULL);
        assert_int_equal(allocations, 0);
        free(out);
        free(pixels.data);
        close_golden(&g);
    }
}

/* Every allocation of opening, creating and running fails once: an error, no leak, no crash. */
static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    golden g = {.name = "openclip-rn"};
    npy pixels = npy_read(path_of(&g, "pixels.npy"));
    float embedding[1024];
    for (size_t n = 0;; n++) {
        osprey_error error = {0};
        osprey_model *model = NULL;
        osprey_session *session = NULL;
        const osprey_session_options options = {.threads = 1};
        const char *text = "a photo of a cat";
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        osprey_status status = osprey_model_open(path_of(&g, "."), &model, &error);
        if (status == OSPREY_OK) status = osprey_session_create(model, &options, &session, &error);
        if (status == OSPREY_OK)
            status = osprey_session_embed_pixels(session, pixels.data, 1, OSPREY_EMBED_RAW,
                                                 embedding, &error);
        if (status == OSPREY_OK)
            status =
                osprey_session_embed_texts(session, &text, 1, OSPREY_EMBED_RAW, embedding, &error);
        osprey__set_memory_hook(NULL, NULL);
        osprey_session_free(session);
        osprey_model_free(model);
        if (status == OSPREY_OK) {
            assert_true(n > 100);
            break;
        }
        assert_int_equal(status, OSPREY_OUT_OF_MEMORY);
        assert_int_equal(error.status, OSPREY_OUT_OF_MEMORY);
    }
    free(pixels.data);
}

static void test_wrong_calls_are_refused(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "hf-vit-p32-quickgelu");
    osprey_error error;
    float out[64];
    const int32_t outside[] = {0, 1 << 20}, negative[] = {-1};
    const size_t two = 2, none = 0, too_many = 1000;
    assert_int_equal(
        osprey_session_embed_tokens(g.session, outside, &two, 1, OSPREY_EMBED_RAW, out, &error),
        OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "1048576"));
    const size_t one = 1;
    assert_int_equal(
        osprey_session_embed_tokens(g.session, negative, &one, 1, OSPREY_EMBED_RAW, out, &error),
        OSPREY_INVALID_ARGUMENT);
    assert_int_equal(
        osprey_session_embed_tokens(g.session, outside, &none, 1, OSPREY_EMBED_RAW, out, &error),
        OSPREY_INVALID_ARGUMENT);
    assert_int_equal(osprey_session_embed_tokens(g.session, outside, &too_many, 1, OSPREY_EMBED_RAW,
                                                 out, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_int_equal(
        osprey_session_embed_tokens(g.session, outside, &one, 1, (osprey_embed)77, out, &error),
        OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "form");
    osprey_session *images = NULL;
    osprey_session_options options = {.towers = OSPREY_TOWER_IMAGE, .threads = 1};
    assert_int_equal(osprey_session_create(g.model, &options, &images, &error), OSPREY_OK);
    const char *text = "cat";
    assert_int_equal(osprey_session_embed_texts(images, &text, 1, OSPREY_EMBED_RAW, out, &error),
                     OSPREY_INVALID_ARGUMENT);
    osprey_session_free(images);
    options.towers = (osprey_tower)99;
    assert_int_equal(osprey_session_create(g.model, &options, &images, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "towers");
    options = (osprey_session_options){.threads = 257};
    assert_int_equal(osprey_session_create(g.model, &options, &images, &error),
                     OSPREY_INVALID_ARGUMENT);
    close_golden(&g);
}

static void test_texts_of_nothing_but_padding_are_refused(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "openclip-roberta");
    osprey_error error;
    float out[64];
    const int32_t ids[] = {0, 5, 2, 1, 1};
    const size_t lengths[] = {3, 2};
    assert_int_equal(
        osprey_session_embed_tokens(g.session, ids, lengths, 2, OSPREY_EMBED_RAW, out, &error),
        OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.message, "text 1 has no token but the padding's, of id 1");
    close_golden(&g);
}

/* Numbers that no grid has are refused, also those of other images of the call; but NaN, with which
 * preprocess marks a picture that it could not read, gives NaN. */
static void test_wrong_grids_are_refused(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "hf-siglip2-naflex");
    npy pixels = npy_read(path_of(&g, "pixels.npy"));
    const size_t floats = pixels.dims[1] * pixels.dims[2], width = 40;
    static const float wrong[][2] = {{0, 5}, {5, 0},    {-4, -5},      {24, 1},       {1, 24},
                                     {5, 5}, {2.5F, 2}, {INFINITY, 1}, {1e30F, 1e30F}};
    float out[2 * 40];
    osprey_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(pixels.data + floats, wrong[i], sizeof wrong[i]);
        assert_int_equal(
            osprey_session_embed_pixels(g.session, pixels.data, 2, OSPREY_EMBED_RAW, out, &error),
            OSPREY_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "image 1 says that its patches lie in"));
        assert_non_null(strstr(error.message, "a product of up to 23"));
    }
    for (size_t i = 0; i < floats; i++) pixels.data[floats + i] = NAN;
    assert_int_equal(
        osprey_session_embed_pixels(g.session, pixels.data, 2, OSPREY_EMBED_RAW, out, &error),
        OSPREY_OK);
    for (size_t i = 0; i < width; i++) assert_true(isfinite(out[i]) && isnan(out[width + i]));
    free(pixels.data);
    close_golden(&g);
}

/* What lies behind the patches changes nothing. */
static void test_padding_changes_nothing(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "hf-siglip2-naflex");
    npy pixels = npy_read(path_of(&g, "pixels.npy"));
    const size_t patch = pixels.dims[2], floats = pixels.dims[1] * patch, width = 40;
    float *wanted = calloc(2 * pixels.dims[0] * width, sizeof *wanted);
    float *got = wanted + pixels.dims[0] * width;
    osprey_error error;
    osprey_session_embed_pixels(g.session, pixels.data, pixels.dims[0], OSPREY_EMBED_RAW, wanted,
                                &error);
    for (size_t i = 0; i < pixels.dims[0]; i++) {
        float *image = pixels.data + i * floats;
        const size_t patches = (size_t)image[0] * (size_t)image[1];
        for (size_t p = (1 + patches) * patch; p < floats; p++) image[p] = sinf((float)p);
    }
    osprey_session_embed_pixels(g.session, pixels.data, pixels.dims[0], OSPREY_EMBED_RAW, got,
                                &error);
    assert_memory_equal(got, wanted, pixels.dims[0] * width * sizeof *got);
    free(wanted);
    free(pixels.data);
    close_golden(&g);
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_agree_with_their_libraries),
        cmocka_unit_test(test_batch_and_threads_change_nothing),
        cmocka_unit_test(test_text_batch_changes_nothing),
        cmocka_unit_test(test_a_warm_run_allocates_nothing),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_wrong_calls_are_refused),
        cmocka_unit_test(test_texts_of_nothing_but_padding_are_refused),
        cmocka_unit_test(test_wrong_grids_are_refused),
        cmocka_unit_test(test_padding_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
