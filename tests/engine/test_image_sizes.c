/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models made to take images of another size than they were trained with, against what their
 * libraries computed (tests/golden/make_image_sizes.py), as they are and as engines. OSPREY_CPU,
 * set by CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "memory_hooks.h"
#include "model/position_grid.h"
#include "npy_read.h"
#include "test_cpu.h"

#include <osprey/osprey.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN OSPREY_TEST_DIR "/golden/"
/* Of unit-length embeddings: design.md's limit for small models. */
#define LARGEST_DIFFERENCE 1e-5

static const struct {
    const char *name, *path;
    size_t size, trained;
} models[] = {
    {"hf-vit-p32-quickgelu", "models/hf-vit-p32-quickgelu", 96, 64},
    {"hf-vit-p16-gelu-sharded", "models/hf-vit-p16-gelu-sharded", 32, 48},
    {"hf-chinese-clip", "models/hf-chinese-clip", 80, 48},
    {"hf-siglip2", "models/hf-siglip2", 80, 48},
    {"openclip-vit-p16-gelu", "models/openclip-vit-p16-gelu", 80, 32},
    {"openclip-vit-p16-gelu", "models/openclip-vit-p16-gelu", 16, 32},
    {"openclip-coca", "models/openclip-coca", 48, 32},
    {"openclip-eva02", "models/openclip-eva02", 80, 48},
    {"openclip-eva02-e", "models/openclip-eva02-e", 28, 42},
    {"openclip-pe", "models/openclip-pe", 80, 48},
    {"openclip-vitamin", "models/openclip-vitamin", 80, 48},
    {"openclip-convnext-d", "models/openclip-convnext-d", 96, 64},
    {"openclip-rn", "models/openclip-rn", 96, 64},
    {"vit-imagenet", "flax/vit-imagenet.npz", 56, 32},
    {"vit-mean-headless", "flax/vit-mean-headless.npz", 28, 42},
    {"hybrid-root", "flax/hybrid-root.npz", 64, 32},
};
#define MODELS (sizeof models / sizeof *models)

static osprey_status open_sized(const char *path, size_t size, osprey_model **model,
                                osprey_error *error)
{
    const osprey_model_options options = {.image_size = size};
    return osprey_model_open_with(path, &options, model, error);
}

static osprey_model *open_golden(size_t index, size_t size)
{
    char path[1024];
    osprey_error error;
    osprey_model *model = NULL;
    snprintf(path, sizeof path, GOLDEN "%s", models[index].path);
    if (open_sized(path, size, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return model;
}

static npy read_golden(size_t index, const char *what)
{
    char path[1024];
    snprintf(path, sizeof path, GOLDEN "image_sizes/%s-%zu.%s.npy", models[index].name,
             models[index].size, what);
    return npy_read(path);
}

/* The largest difference of the pixels' embedding to the wanted one, both of unit length. */
static double difference(const osprey_model *model, const npy *pixels, const npy *wanted)
{
    osprey_error error;
    osprey_session *session = NULL;
    size_t width = osprey_model_get_info(model)->embed_dim;
    float *got = calloc(width, sizeof *got);
    double largest = 0, length = 0;
    assert_int_equal(osprey_session_create(model, NULL, &session, &error), OSPREY_OK);
    assert_int_equal(osprey_session_embed_pixels(session, pixels->data, 1, OSPREY_EMBED_UNIT_LENGTH,
                                                 got, &error),
                     OSPREY_OK);
    assert_int_equal(wanted->dims[1], width);
    for (size_t i = 0; i < width; i++) length += (double)wanted->data[i] * (double)wanted->data[i];
    /* Not with fmax, over which gcc 12 for arm64 fails. */
    for (size_t i = 0; i < width; i++) {
        const double far = fabs((double)got[i] - (double)wanted->data[i] / sqrt(length));
        if (far > largest) largest = far;
    }
    osprey_session_free(session);
    free(got);
    return largest;
}

static void check_preprocessing(const osprey_model *model, const npy *pixels)
{
    osprey_error error;
    osprey_image *picture;
    const osprey_preprocessing *how = &osprey_model_get_info(model)->preprocessing;
    size_t floats = 3 * how->crop_height * how->crop_width;
    float *got = calloc(floats, sizeof *got);
    assert_int_equal(pixels->dims[2] * pixels->dims[3], how->crop_height * how->crop_width);
    assert_int_equal(osprey_image_open(GOLDEN "pictures/picture.png", NULL, &picture, &error),
                     OSPREY_OK);
    assert_int_equal(osprey_image_preprocess(picture, how, got, &error), OSPREY_OK);
    for (size_t i = 0; i < floats; i++) assert_true(fabsf(got[i] - pixels->data[i]) < 1e-5F);
    osprey_image_free(picture);
    free(got);
}

static void test_embeddings(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        osprey_error error;
        osprey_model *model = open_golden(i, models[i].size), *engine = NULL;
        npy pixels = read_golden(i, "pixels"), wanted = read_golden(i, "embeddings");
        assert_int_equal(osprey_model_get_info(model)->image_height, models[i].size);
        assert_int_equal(osprey_model_get_info(model)->image_width, models[i].size);
        check_preprocessing(model, &pixels);
        double largest = difference(model, &pixels, &wanted);
        print_message("%s, %zu: %.3g\n", models[i].name, models[i].size, largest);
        assert_true(largest < LARGEST_DIFFERENCE);
        const char *path = in_directory("sized.osprey");
        assert_int_equal(osprey_engine_compile(model, NULL, path, &error), OSPREY_OK);
        for (size_t asked = 0; asked < 2; asked++) {
            assert_int_equal(open_sized(path, asked * models[i].size, &engine, &error), OSPREY_OK);
            assert_int_equal(osprey_model_get_info(engine)->image_width, models[i].size);
            assert_true(difference(engine, &pixels, &wanted) == largest);
            osprey_model_free(engine);
        }
        /* An engine stays of its size. */
        assert_int_equal(open_sized(path, models[i].trained, &engine, &error),
                         OSPREY_INVALID_ARGUMENT);
        assert_string_equal(error.subject, path);
        assert_non_null(strstr(error.message, "compile the model that it was made from"));
        osprey_model_free(model);
        free(pixels.data);
        free(wanted.data);
    }
}

/* The size that it was trained with is no other. */
static void test_the_own_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        osprey_model *plain = open_golden(i, 0), *asked = open_golden(i, models[i].trained);
        const osprey_model_info *a = osprey_model_get_info(plain);
        const osprey_model_info *b = osprey_model_get_info(asked);
        assert_int_equal(a->image_height, models[i].trained);
        assert_int_equal(b->image_height, models[i].trained);
        assert_int_equal(a->image.parameters, b->image.parameters);
        assert_int_equal(a->preprocessing.resize_height, b->preprocessing.resize_height);
        osprey_model_free(asked);
        asked = open_golden(i, models[i].size);
        assert_int_equal(osprey_model_get_info(asked)->image.parameters, a->image.parameters);
        osprey_model_free(asked);
        osprey_model_free(plain);
    }
}

static void assert_refused(const char *path, size_t size, const char *message)
{
    osprey_error error;
    osprey_model *model = NULL;
    assert_int_equal(open_sized(path, size, &model, &error), OSPREY_INVALID_ARGUMENT);
    assert_null(model);
    assert_string_equal(error.subject, "image size");
    if (!strstr(error.message, message)) fail_msg("%s", error.message);
}

static void test_sizes_that_cannot_be(void **state)
{
    (void)state;
    assert_refused(GOLDEN "models/hf-vit-p32-quickgelu", 16, "a multiple of 32");
    assert_refused(GOLDEN "models/hf-vit-p32-quickgelu", 100, "100; a multiple of 32");
    assert_refused(GOLDEN "models/hf-vit-p32-quickgelu", 16416, "up to 16384");
    assert_refused(GOLDEN "models/hf-vit-p32-quickgelu", SIZE_MAX - 31, "up to 16384");
    assert_refused(GOLDEN "models/openclip-rn", 80, "a multiple of 32");
    assert_refused(GOLDEN "flax/hybrid-root.npz", 24, "a multiple of 16");
    assert_refused(GOLDEN "flax/mixer.npz", 64, "an MLP-Mixer's layers");
    assert_refused(GOLDEN "models/hf-siglip2-naflex", 16, "takes pictures of any size");
    assert_refused(GOLDEN "models/hf-bert-mean", 224, "no image tower");
}

/* A grid of one is the same everywhere, and rows of weights always sum to 1. */
static void test_weights_of_an_axis(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, 16, 24, 100};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    static float weights[100 * 100];
    for (int filter = OSPREY__GRID_LINEAR; filter <= OSPREY__GRID_CUBIC_SMOOTH; filter++)
        for (size_t f = 0; f < SIZES; f++)
            for (size_t t = 0; t < SIZES; t++) {
                memset(weights, 0, sizeof weights);
                osprey__grid_weights((osprey__grid_filter)filter, sizes[f], sizes[t], weights);
                for (size_t row = 0; row < sizes[t]; row++) {
                    double sum = 0;
                    for (size_t i = 0; i < sizes[f]; i++)
                        sum += (double)weights[row * sizes[f] + i];
                    assert_true(fabs(sum - 1) < 1e-5);
                    if (f == t) assert_true(weights[row * sizes[f] + row] > 0.99999F);
                }
            }
}

static void test_allocations_may_fail(void **state)
{
    (void)state;
    osprey_error error;
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t n = 0; status != OSPREY_OK; n++) {
        osprey_model *model = NULL;
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        status = open_sized(GOLDEN "models/openclip-vit-p16-gelu", 80, &model, &error);
        osprey__set_memory_hook(NULL, NULL);
        assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
        osprey_model_free(model);
    }
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings),           cmocka_unit_test(test_the_own_size),
        cmocka_unit_test(test_sizes_that_cannot_be), cmocka_unit_test(test_weights_of_an_axis),
        cmocka_unit_test(test_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
