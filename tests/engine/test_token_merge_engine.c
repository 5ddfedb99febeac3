/* SPDX-License-Identifier: Apache-2.0 */
/* Engines that merge tokens, against what tests/golden/make_token_merge.py computed in NumPy. */
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "engine/engine_seal.h"
#include "format/engine_file.h"
#include "npy_read.h"
#include "test_cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEP   "hf-vit-p8-deep" /* 4 layers, 26 tokens */
#define RESNET "openclip-rn"
#define ROTARY "openclip-eva02"
#define EVA    "openclip-eva01" /* the same layers without turns */

static npy read_golden(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, OSPREY_TEST_DIR "/golden/models/" DEEP "/%s", file);
    return npy_read(path);
}

static osprey_model *merged_model(size_t token_merge)
{
    const osprey_engine_options options = {.token_merge = token_merge};
    const char *path = in_directory("merged.osprey");
    compile_golden(DEEP, &options, path);
    return open_model(path);
}

static void test_embeddings_are_those_of_the_paper(void **state)
{
    (void)state;
    const size_t merged[] = {3, 12};
    npy pixels = read_golden("pixels.npy");
    for (size_t i = 0; i < 2; i++) {
        char file[64];
        snprintf(file, sizeof file, "token_merge_%zu.npy", merged[i]);
        npy wanted = read_golden(file);
        osprey_model *model = merged_model(merged[i]);
        osprey_session *session = open_session(model, OSPREY_TOWER_IMAGE);
        size_t count = wanted.dims[0] * wanted.dims[1];
        float *got = calloc(count, sizeof *got), largest = 0;
        osprey_error error;
        assert_int_equal(osprey_session_embed_pixels(session, pixels.data, pixels.dims[0],
                                                     OSPREY_EMBED_UNIT_LENGTH, got, &error),
                         OSPREY_OK);
        for (size_t j = 0; j < count; j++) largest = fmaxf(largest, fabsf(got[j] - wanted.data[j]));
        print_message("%s: %.2g\n", file, (double)largest);
        assert_true(largest <= 1e-5F);
        free(got);
        free(wanted.data);
        osprey_session_free(session);
        osprey_model_free(model);
    }
    free(pixels.data);
}

/* Bit for bit: alone or among others, on one thread or three. */
static void test_batch_and_threads_change_nothing(void **state)
{
    (void)state;
    enum { COUNT = 19 };
    osprey_error error;
    osprey_model *model = merged_model(5);
    size_t width = osprey_model_get_info(model)->embed_dim;
    npy pixels = read_golden("pixels.npy");
    size_t floats = pixels.dims[1] * pixels.dims[2] * pixels.dims[3];
    float *many = calloc(COUNT * floats, sizeof *many);
    for (size_t p = 0; p < COUNT; p++)
        for (size_t j = 0; j < floats; j++)
            many[p * floats + j] = pixels.data[p % 2 * floats + j] * (1 - (float)p / 40);
    float *together = calloc(COUNT * width, sizeof *together);
    float *alone = calloc(width, sizeof *alone);
    osprey_session *one = open_session(model, OSPREY_TOWER_IMAGE), *three = NULL;
    const osprey_session_options options = {.towers = OSPREY_TOWER_IMAGE, .threads = 3};
    assert_int_equal(osprey_session_create(model, &options, &three, &error), OSPREY_OK);
    osprey_session_embed_pixels(three, many, COUNT, OSPREY_EMBED_RAW, together, &error);
    for (size_t p = 0; p < COUNT; p++) {
        osprey_session_embed_pixels(one, many + p * floats, 1, OSPREY_EMBED_RAW, alone, &error);
        assert_memory_equal(alone, together + p * width, width * sizeof *alone);
    }
    osprey_session_free(three);
    osprey_session_free(one);
    free(alone);
    free(together);
    free(many);
    free(pixels.data);
    osprey_model_free(model);
}

static void test_the_cost_is_measured_on_samples(void **state)
{
    (void)state;
    npy pixels = read_golden("pixels.npy");
    const osprey_engine_options options = {.towers = OSPREY_TOWER_IMAGE,
                                           .token_merge = 12,
                                           .sample_pixels = pixels.data,
                                           .sample_count = pixels.dims[0]};
    const char *path = in_directory("measured.osprey");
    compile_golden(DEEP, &options, path);
    osprey_model *model = open_model(path);
    const osprey_engine_reduction *cost = osprey_model_get_engine(model)->image.reduction;
    assert_int_equal(cost->token_merge, 12);
    assert_int_equal(cost->samples, 2);
    /* As make_token_merge.py prints them. */
    assert_true(fabsf(cost->least_cosine - 0.85689865F) < 1e-4F);
    assert_true(fabsf(cost->mean_cosine - (0.94770896F + 0.85689865F) / 2) < 1e-4F);
    for (size_t i = 0; i < 2; i++) assert_true(cost->ms[i] > 0 && cost->whole_ms[i] > 0);
    osprey_model_free(model);
    free(pixels.data);
}

/* Towers of such layers that are not built as CLIP's are. */
static void test_other_transformers_merge(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, OSPREY_TEST_DIR "/golden/models/" EVA "/pixels.npy");
    npy pixels = npy_read(path);
    const osprey_engine_options options = {.towers = OSPREY_TOWER_IMAGE,
                                           .token_merge = 2,
                                           .sample_pixels = pixels.data,
                                           .sample_count = pixels.dims[0]};
    const char *engine = in_directory("eva.osprey");
    compile_golden(EVA, &options, engine);
    osprey_model *model = open_model(engine);
    const osprey_engine_reduction *cost = osprey_model_get_engine(model)->image.reduction;
    assert_int_equal(cost->token_merge, 2);
    /* As make_token_merge.py prints them. */
    assert_true(fabsf(cost->least_cosine - 0.73293631F) < 1e-4F);
    assert_true(fabsf(cost->mean_cosine - (0.73293631F + 0.92603558F) / 2) < 1e-4F);
    osprey_model_free(model);
    free(pixels.data);
}

static void assert_refused(const char *name, osprey_engine_options options, const char *message)
{
    osprey_error error;
    const char *path = in_directory("wrong.osprey");
    osprey_model *model = open_model(golden_model(name));
    assert_int_equal(osprey_engine_compile(model, &options, path, &error), OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "token_merge");
    assert_non_null(strstr(error.message, message));
    assert_false(osprey__file_exists(path));
    osprey_model_free(model);
}

static void test_what_cannot_be_merged_is_refused(void **state)
{
    (void)state;
    const osprey_engine_options many = {.token_merge = 13};
    assert_refused(DEEP, many, "at most 12 of the image tower's 26 tokens");
    const osprey_engine_options some = {.token_merge = 1};
    assert_refused(RESNET, some, "has no attention that adds to each of its tokens");
    assert_refused("hf-siglip2-naflex", some, "takes pictures in any proportions");
    assert_refused(ROTARY, some, "turns queries and keys by the place of their token");
    const osprey_engine_options text = {.towers = OSPREY_TOWER_TEXT, .token_merge = 1};
    assert_refused(DEEP, text, "left out of this engine");
}

/* Behind right checksums, each change of the graph is refused or runs without harm. */
static void test_changed_engines_do_no_harm(void **state)
{
    (void)state;
    osprey_error error;
    size_t length, refused = 0, ran = 0;
    osprey_model_free(merged_model(5));
    uint8_t *bytes = read_bytes(in_directory("merged.osprey"), &length), *changed = malloc(length);
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_parse(bytes, length, "whole", &file, &error), OSPREY_OK);
    const osprey__engine_section *graph = osprey__engine_file_find(&file, "image.graph");
    uint32_t random = 7;
    for (size_t n = 0; n < 1000; n++) {
        memcpy(changed, bytes, length);
        random = random * 1664525 + 1013904223;
        size_t at = (size_t)(graph->bytes - bytes) + (random >> 4) % graph->length;
        changed[at] ^= (uint8_t)(1 << (random & 7));
        engine_seal(changed, length);
        if (run_bytes(changed, length, &error) == OSPREY_OK)
            ran++;
        else
            refused++;
    }
    print_message("%zu refused, %zu ran\n", refused, ran);
    assert_true(refused > 200 && ran > 50);
    free(changed);
    free(bytes);
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings_are_those_of_the_paper),
        cmocka_unit_test(test_batch_and_threads_change_nothing),
        cmocka_unit_test(test_other_transformers_merge),
        cmocka_unit_test(test_the_cost_is_measured_on_samples),
        cmocka_unit_test(test_what_cannot_be_merged_is_refused),
        cmocka_unit_test(test_changed_engines_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
