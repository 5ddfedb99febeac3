/* SPDX-License-Identifier: Apache-2.0 */
/* Engines with heads and channels left out. */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "memory_hooks.h"
#include "session/session_data.h"
#include "test_cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VIT    "hf-vit-p14-bf16-sparse" /* an image tower of 5 heads, a text tower of 8 */
#define SMALL  "hf-vit-p32-quickgelu"
#define RESNET "openclip-rn"

static const char prompt[] = "a photo of a cat";

static void embed(const osprey_model *model, const float *pixels, float *image, float *text)
{
    osprey_error error;
    osprey_session *session = open_session(model, OSPREY_TOWER_BOTH);
    const char *const texts[] = {prompt};
    assert_int_equal(
        osprey_session_embed_pixels(session, pixels, 1, OSPREY_EMBED_UNIT_LENGTH, image, &error),
        OSPREY_OK);
    assert_int_equal(
        osprey_session_embed_texts(session, texts, 1, OSPREY_EMBED_UNIT_LENGTH, text, &error),
        OSPREY_OK);
    osprey_session_free(session);
}

static float *some_pixels(const osprey_model *model)
{
    const osprey_model_info *info = osprey_model_get_info(model);
    size_t count = osprey_preprocessing_floats(&info->preprocessing);
    float *pixels = calloc(count, sizeof *pixels);
    for (size_t i = 0; i < count; i++) pixels[i] = sinf((float)i);
    return pixels;
}

static float cosine(const float *a, const float *b, size_t count)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static void test_a_pruned_engine_is_smaller(void **state)
{
    (void)state;
    const osprey_engine_options options = {.prune_heads = 0.2F, .prune_mlp = 0.25F};
    osprey_error error;
    osprey_model *whole = open_model(golden_model(VIT));
    const char *path = in_directory("pruned.osprey");
    compile_golden(VIT, &options, path);
    osprey_model *model = open_model(path);
    assert_int_equal(osprey_engine_verify(model, &error), OSPREY_OK);
    const osprey_model_info *before = osprey_model_get_info(whole);
    const osprey_model_info *after = osprey_model_get_info(model);
    assert_int_equal(before->image.heads, 5);
    assert_int_equal(after->image.heads, 4);
    assert_int_equal(after->image.mlp_width, 72);
    assert_int_equal(after->text.heads, before->text.heads - 2);
    assert_int_equal(after->text.mlp_width, 54);
    /* 2 layers: a head of 8 rows of q, k and v with bias and 8 columns, 24 channels. */
    assert_int_equal(before->image.parameters - after->image.parameters,
                     2 * (8 * (3 * 41 + 40) + 24 * (41 + 40)));
    const osprey_engine_info *info = osprey_model_get_engine(model);
    assert_true(info->image.reduction->prune_heads == 0.2F);
    assert_true(info->image.reduction->prune_mlp == 0.25F);
    assert_int_equal(info->image.reduction->parameters, before->image.parameters);
    assert_int_equal(info->image.reduction->samples, 0);
    assert_true(info->text.reduction->samples > 4);
    assert_true(info->text.reduction->least_cosine <= info->text.reduction->mean_cosine);
    assert_true(info->text.reduction->mean_cosine < 0.9999F);

    /* It is another model, but not any other. */
    float image[512], text[512], pruned_image[512], pruned_text[512];
    float *pixels = some_pixels(whole);
    embed(whole, pixels, image, text);
    embed(model, pixels, pruned_image, pruned_text);
    float image_cosine = cosine(image, pruned_image, 512);
    assert_true(image_cosine > 0.3F && image_cosine < 0.9999F);
    assert_true(cosine(text, pruned_text, 512) >= info->text.reduction->least_cosine - 0.2F);

    /* A session of the directory goes the same way. */
    const osprey__reductions how = {.heads = 0.2F, .channels = 0.25F};
    const osprey_session_options one_thread = {.threads = 1};
    osprey_session *session = NULL;
    assert_int_equal(osprey__session_create(whole, &one_thread, &how, &session, &error), OSPREY_OK);
    assert_int_equal(
        osprey_session_embed_pixels(session, pixels, 1, OSPREY_EMBED_UNIT_LENGTH, image, &error),
        OSPREY_OK);
    assert_memory_equal(image, pruned_image, sizeof image);
    osprey_session_free(session);
    free(pixels);
    osprey_model_free(model);
    osprey_model_free(whole);
}

static const char *const pictures[] = {
    OSPREY_TEST_DIR "/golden/pictures/picture.png",
    OSPREY_TEST_DIR "/golden/images/420.jpg",
    OSPREY_TEST_DIR "/golden/images/cmyk.jpg",
};

static osprey_engine_reduction reduction_of(const osprey_engine_options *options)
{
    const char *path = in_directory("reduction.osprey");
    compile_golden(VIT, options, path);
    osprey_model *model = open_model(path);
    const osprey_engine_info *info = osprey_model_get_engine(model);
    assert_int_equal(info->calibration, OSPREY_CALIBRATION_NONE);
    assert_int_equal(info->calibration_images, 0);
    osprey_engine_reduction reduction = *info->image.reduction;
    osprey_model_free(model);
    return reduction;
}

/* Chosen by what it does, less is lost than chosen by its weights. */
static void test_images_say_what_matters(void **state)
{
    (void)state;
    const osprey_engine_calibration calibration = {
        .method = OSPREY_CALIBRATION_MINMAX, .images = pictures, .image_count = 3};
    osprey_model *whole = open_model(golden_model(VIT));
    float *pixels = some_pixels(whole);
    osprey_engine_options options = {.towers = OSPREY_TOWER_IMAGE,
                                     .prune_heads = 0.2F,
                                     .prune_mlp = 0.25F,
                                     .sample_pixels = pixels,
                                     .sample_count = 1};
    const osprey_engine_reduction by_magnitude = reduction_of(&options);
    options.calibration = calibration;
    const osprey_engine_reduction by_activation = reduction_of(&options);
    assert_false(by_magnitude.by_activation);
    assert_true(by_activation.by_activation);
    assert_int_equal(by_activation.samples, 1);
    print_message("cosine by magnitude %.4f, by activation %.4f\n",
                  (double)by_magnitude.mean_cosine, (double)by_activation.mean_cosine);
    assert_true(by_activation.mean_cosine > by_magnitude.mean_cosine);
    /* Without samples it is measured on the images that calibrate. */
    options.sample_count = 0;
    assert_int_equal(reduction_of(&options).samples, 3);
    free(pixels);
    osprey_model_free(whole);
}

/* Many an allocation fails once: an error, no engine, and no leak. */
static void test_allocations_may_fail(void **state)
{
    (void)state;
    const osprey_engine_options options = {
        .calibration = {.method = OSPREY_CALIBRATION_MINMAX, .images = pictures, .image_count = 1},
        .prune_heads = 0.5F,
        .prune_mlp = 0.25F,
        .token_merge = 1,
    };
    compile_without_memory(SMALL, &options, in_directory("memory.osprey"), 400, 23);
}

static void test_whole_engines_say_nothing_of_it(void **state)
{
    (void)state;
    const char *path = in_directory("whole.osprey");
    compile_golden(VIT, NULL, path);
    osprey_model *model = open_model(path);
    assert_null(osprey_model_get_engine(model)->image.reduction);
    assert_null(osprey_model_get_engine(model)->text.reduction);
    osprey_model_free(model);
}

static osprey_status prune(const char *name, osprey_engine_options options, osprey_error *error)
{
    const char *path = in_directory("wrong.osprey");
    osprey_model *model = open_model(golden_model(name));
    osprey_status status = osprey_engine_compile(model, &options, path, error);
    osprey_model_free(model);
    assert_int_equal(osprey__file_exists(path), status == OSPREY_OK);
    return status;
}

static void test_a_resnet_has_nothing_to_prune(void **state)
{
    (void)state;
    osprey_error error;
    const osprey_engine_options image = {.towers = OSPREY_TOWER_IMAGE, .prune_heads = 0.5F};
    assert_int_equal(prune(RESNET, image, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "have no heads or MLPs that can be left out"));
    /* Its text tower has. */
    const osprey_engine_options both = {.prune_mlp = 0.5F};
    const char *path = in_directory("resnet.osprey");
    compile_golden(RESNET, &both, path);
    osprey_model *model = open_model(path);
    assert_null(osprey_model_get_engine(model)->image.reduction);
    assert_non_null(osprey_model_get_engine(model)->text.reduction);
    osprey_model_free(model);
}

static void test_wrong_fractions(void **state)
{
    (void)state;
    osprey_error error;
    const float wrong[] = {-0.1F, 1, 2, NAN, INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        osprey_engine_options options = {.prune_heads = wrong[i]};
        assert_int_equal(prune(VIT, options, &error), OSPREY_INVALID_ARGUMENT);
        assert_string_equal(error.subject, "prune");
        options = (osprey_engine_options){.prune_mlp = wrong[i]};
        assert_int_equal(prune(VIT, options, &error), OSPREY_INVALID_ARGUMENT);
    }
    const osprey_engine_options little = {.prune_heads = 0.01F};
    assert_int_equal(prune(VIT, little, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "removes none of the 5 heads"));
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pruned_engine_is_smaller),
        cmocka_unit_test(test_images_say_what_matters),
        cmocka_unit_test(test_allocations_may_fail),
        cmocka_unit_test(test_whole_engines_say_nothing_of_it),
        cmocka_unit_test(test_a_resnet_has_nothing_to_prune),
        cmocka_unit_test(test_wrong_fractions),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
