/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static ranges: found from images, kept in the engine, used where asked for, and not believed.
 * OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "engine/engine_seal.h"
#include "format/engine_file.h"
#include "graph/graph_store.h"
#include "memory_hooks.h"
#include "test_cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL    "hf-vit-p32-quickgelu"
#define PICTURES OSPREY_TEST_DIR "/golden/images/"

static const char *const names[] = {SMALL, "openclip-vit-p16-gelu", "openclip-rn",
                                    "hf-siglip2-naflex"};

static const char *const images[] = {PICTURES "411.jpg", PICTURES "420.jpg", PICTURES "422.jpg",
                                     PICTURES "444.jpg", PICTURES "cmyk.jpg"};
static const char *const reversed[] = {PICTURES "cmyk.jpg", PICTURES "444.jpg", PICTURES "422.jpg",
                                       PICTURES "420.jpg", PICTURES "411.jpg"};
enum { IMAGES = 5, TEXTS = 4 };

static const char *const texts[] = {"a photo of a cat", "", "two dogs at night", "12"};

static osprey_engine_options calibrated(osprey_precision precision,
                                        osprey_calibration_method method)
{
    return (osprey_engine_options){
        .precision = precision,
        .calibration = {.method = method, .images = images, .image_count = IMAGES},
    };
}

/* Embeddings of the images, `batch` at a time, then of the texts. The caller frees. */
static float *embed(osprey_session *session, const float *pixels, size_t batch)
{
    osprey_error error;
    const osprey_model_info *info = osprey_model_get_info(osprey_session_get_model(session));
    size_t width = info->embed_dim,
           image_floats = osprey_preprocessing_floats(&info->preprocessing);
    float *out = calloc((IMAGES + TEXTS) * width, sizeof *out);
    for (size_t i = 0; i < IMAGES; i += batch)
        assert_int_equal(osprey_session_embed_pixels(session, pixels + i * image_floats,
                                                     IMAGES - i < batch ? IMAGES - i : batch,
                                                     OSPREY_EMBED_UNIT_LENGTH, out + i * width,
                                                     &error),
                         OSPREY_OK);
    for (size_t i = 0; i < TEXTS; i += batch)
        assert_int_equal(osprey_session_embed_texts(
                             session, texts + i, TEXTS - i < batch ? TEXTS - i : batch,
                             OSPREY_EMBED_UNIT_LENGTH, out + (IMAGES + i) * width, &error),
                         OSPREY_OK);
    return out;
}

static double least_cosine(const float *a, const float *b, size_t rows, size_t width)
{
    double least = 1;
    for (size_t row = 0; row < rows; row++) {
        double cosine = 0;
        for (size_t i = row * width; i < (row + 1) * width; i++)
            cosine += (double)a[i] * (double)b[i];
        if (!(cosine >= least)) least = cosine;
    }
    return least;
}

/* The images as the model sees them; the caller frees. */
static float *read_pixels(const osprey_model *model)
{
    const osprey_preprocessing *how = &osprey_model_get_info(model)->preprocessing;
    const size_t image_floats = osprey_preprocessing_floats(how);
    float *pixels = calloc(IMAGES * image_floats, sizeof *pixels);
    osprey_error error;
    for (size_t i = 0; i < IMAGES; i++) {
        osprey_image *image;
        assert_int_equal(osprey_image_open(images[i], NULL, &image, &error), OSPREY_OK);
        assert_int_equal(osprey_image_preprocess(image, how, pixels + i * image_floats, &error),
                         OSPREY_OK);
        osprey_image_free(image);
    }
    return pixels;
}

/* Static results are near fp32, are not those of rows' own ranges, and are the same in all batches
 * and with all threads. Without asking for them, the engine is what it was without them. */
static void check_engine(const char *name, osprey_calibration_method method)
{
    const char *path = in_directory("static.osprey");
    const osprey_engine_options options = calibrated(OSPREY_PRECISION_INT8, method);
    compile_golden(name, &options, path);
    osprey_model *source = open_model(golden_model(name)), *engine = open_model(path);
    assert_int_equal(osprey_model_get_engine(engine)->calibration, method);
    assert_int_equal(osprey_model_get_engine(engine)->calibration_images, IMAGES);
    float *pixels = read_pixels(source);
    size_t rows = IMAGES + TEXTS, width = osprey_model_get_info(source)->embed_dim;
    float *got[6];
    const osprey_session_options how[6] = {
        {.threads = 1},
        {.threads = 1, .precision = OSPREY_PRECISION_INT8},
        {.threads = 1, .precision = OSPREY_PRECISION_INT8},
        {.threads = 1, .static_ranges = true},
        {.threads = 1, .static_ranges = true},
        {.threads = 2, .static_ranges = true},
    };
    for (size_t i = 0; i < 6; i++) {
        osprey_session *session = create_session(i < 2 ? source : engine, &how[i]);
        assert_int_equal(osprey_session_get_info(session).static_ranges, how[i].static_ranges);
        got[i] = embed(session, pixels, i == 4 ? 1 : 64);
        osprey_session_free(session);
    }
    size_t bytes = rows * width * sizeof(float);
    assert_memory_equal(got[1], got[2], bytes);
    assert_memory_not_equal(got[2], got[3], bytes);
    assert_memory_equal(got[3], got[4], bytes);
    assert_memory_equal(got[3], got[5], bytes);
    double cosine = least_cosine(got[0], got[3], rows, width);
    print_message("%s, %s: %.5f\n", name, osprey_calibration_method_name(method), cosine);
    assert_true(cosine >= 0.99);
    for (size_t i = 0; i < 6; i++) free(got[i]);
    free(pixels);
    osprey_model_free(engine);
    osprey_model_free(source);
}

static void test_static_results(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_engine(names[i], OSPREY_CALIBRATION_MINMAX);
        check_engine(names[i], OSPREY_CALIBRATION_ENTROPY);
    }
}

static void count_calls(void *context, size_t images_done)
{
    size_t *last = context;
    assert_true(images_done > *last && images_done <= IMAGES);
    *last = images_done;
}

/* The order of the images does not matter; a portable engine has the same ranges. */
static void test_the_file_depends_on_the_set_of_images(void **state)
{
    (void)state;
    size_t lengths[2], done = 0;
    osprey_engine_options options = calibrated(OSPREY_PRECISION_INT4, OSPREY_CALIBRATION_ENTROPY);
    options.calibration.progress = count_calls;
    options.calibration.progress_context = &done;
    compile_golden(SMALL, &options, in_directory("one.osprey"));
    assert_int_equal(done, IMAGES);
    options.calibration.progress = NULL;
    options.calibration.images = reversed;
    compile_golden(SMALL, &options, in_directory("other.osprey"));
    uint8_t *one = read_bytes(in_directory("one.osprey"), &lengths[0]);
    uint8_t *other = read_bytes(in_directory("other.osprey"), &lengths[1]);
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(one, other, lengths[0]);
    free(one);
    free(other);
}

static void assert_refused(const osprey_engine_options *options, osprey_status status,
                           const char *subject, const char *message)
{
    osprey_error error;
    const char *path = in_directory("refused.osprey");
    osprey_model *model = open_model(golden_model(SMALL));
    assert_int_equal(osprey_engine_compile(model, options, path, &error), status);
    assert_string_equal(error.subject, subject);
    if (!strstr(error.message, message)) fail_msg("%s", error.message);
    assert_false(osprey__file_exists(path));
    osprey_model_free(model);
}

/* It gets the ranges that it has beside an image tower, without reading an image. */
static void test_a_text_tower_needs_no_images(void **state)
{
    (void)state;
    static const char missing[] = PICTURES "missing.jpg";
    static const char *const unread[] = {missing};
    const char *const paths[] = {in_directory("both.osprey"), in_directory("none.osprey"),
                                 in_directory("unread.osprey")};
    osprey_engine_options options = calibrated(OSPREY_PRECISION_INT8, OSPREY_CALIBRATION_MINMAX);
    float *wanted = NULL;
    for (size_t i = 0; i < 3; i++) {
        if (i) {
            options.towers = OSPREY_TOWER_TEXT;
            options.calibration.images = i == 1 ? NULL : unread;
            options.calibration.image_count = i == 1 ? 0 : 1;
        }
        compile_golden(names[0], &options, paths[i]);
        osprey_model *engine = open_model(paths[i]);
        assert_int_equal(osprey_model_get_engine(engine)->calibration, OSPREY_CALIBRATION_MINMAX);
        assert_int_equal(osprey_model_get_engine(engine)->calibration_images, i ? 0 : IMAGES);
        osprey_session *session = create_session(
            engine, &(osprey_session_options){
                        .towers = OSPREY_TOWER_TEXT, .threads = 1, .static_ranges = true});
        size_t count = TEXTS * osprey_model_get_info(engine)->embed_dim;
        float *got = calloc(count, sizeof *got);
        osprey_error error;
        assert_int_equal(
            osprey_session_embed_texts(session, texts, TEXTS, OSPREY_EMBED_RAW, got, &error),
            OSPREY_OK);
        if (wanted) assert_memory_equal(got, wanted, count * sizeof *got);
        free(wanted);
        wanted = got;
        osprey_session_free(session);
        osprey_model_free(engine);
    }
    free(wanted);
}

static void test_calibrations_that_cannot_be(void **state)
{
    (void)state;
    const osprey_engine_options right =
        calibrated(OSPREY_PRECISION_INT8, OSPREY_CALIBRATION_MINMAX);
    osprey_engine_options wrong = right;
    wrong.calibration.image_count = 0;
    assert_refused(&wrong, OSPREY_INVALID_ARGUMENT, "calibration", "0 images; 1 to 512");
    wrong.calibration.image_count = 513;
    assert_refused(&wrong, OSPREY_INVALID_ARGUMENT, "calibration", "513 images");
    wrong = right;
    wrong.calibration.method = (osprey_calibration_method)3;
    assert_refused(&wrong, OSPREY_INVALID_ARGUMENT, "calibration", "3 is no value");
    for (int p = OSPREY_PRECISION_FP32; p <= OSPREY_PRECISION_FP16; p++) {
        wrong = right;
        wrong.precision = (osprey_precision)p;
        assert_refused(&wrong, OSPREY_INVALID_ARGUMENT, "calibration", "int8 or int4");
    }
    static const char missing[] = PICTURES "missing.jpg", broken[] = PICTURES "expect.json";
    wrong = right;
    wrong.calibration.images = (const char *const[]){images[0], missing};
    wrong.calibration.image_count = 2;
    assert_refused(&wrong, OSPREY_NOT_FOUND, missing, "");
    wrong.calibration.images = (const char *const[]){images[0], broken};
    assert_refused(&wrong, OSPREY_UNSUPPORTED, broken, "");
}

static void assert_no_ranges(const char *path)
{
    osprey_error error;
    osprey_session *session = NULL;
    osprey_model *model = open_model(path);
    const osprey_session_options options = {.threads = 1, .static_ranges = true};
    assert_int_equal(osprey_session_create(model, &options, &session, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, SMALL);
    assert_non_null(strstr(error.message, "has no static ranges"));
    assert_null(session);
    osprey_model_free(model);
}

static void test_models_without_ranges(void **state)
{
    (void)state;
    const osprey_engine_options options = {.precision = OSPREY_PRECISION_INT8};
    assert_no_ranges(golden_model(SMALL));
    compile_golden(SMALL, &options, in_directory("dynamic.osprey"));
    assert_no_ranges(in_directory("dynamic.osprey"));
}

static osprey__graph *image_graph(const uint8_t *bytes, size_t length)
{
    osprey_error error;
    osprey__engine_file file;
    osprey__graph *graph;
    assert_int_equal(osprey__engine_file_parse(bytes, length, "whole", &file, &error), OSPREY_OK);
    const osprey__engine_section *section = osprey__engine_file_find(&file, "image.graph");
    const osprey__engine_section *constants = osprey__engine_file_find(&file, "image.constants");
    const osprey__stored_graph stored = {section->bytes, section->length, constants->bytes,
                                         constants->length};
    assert_int_equal(osprey__graph_load(&stored, "image", "whole", &graph, &error), OSPREY_OK);
    return graph;
}

/* Every layer in int8 has one, no other has, and the graph's text shows them. */
static void test_which_layers_have_ranges(void **state)
{
    (void)state;
    const osprey_engine_options options =
        calibrated(OSPREY_PRECISION_INT8, OSPREY_CALIBRATION_MINMAX);
    osprey_error error;
    size_t length, ranges = 0;
    compile_golden(SMALL, &options, in_directory("shown.osprey"));
    uint8_t *bytes = read_bytes(in_directory("shown.osprey"), &length);
    osprey__graph *graph = image_graph(bytes, length);
    for (size_t n = 0; n < graph->node_count; n++) {
        const osprey__attributes *a = &graph->nodes[n].attributes;
        assert_int_equal(a->input_range > 0, a->precision == OSPREY_PRECISION_INT8);
        ranges += a->input_range > 0;
    }
    assert_true(ranges >= 8);
    char *text;
    assert_int_equal(osprey__graph_dump(graph, &text, &error), OSPREY_OK);
    assert_non_null(strstr(text, " precision=int8 range="));
    osprey__free(text);
    osprey__graph_free(graph);
    free(bytes);
}

static void test_ranges_are_not_believed(void **state)
{
    (void)state;
    const osprey_engine_options options =
        calibrated(OSPREY_PRECISION_INT8, OSPREY_CALIBRATION_MINMAX);
    const float wrong[] = {NAN, -1, INFINITY, -INFINITY, -NAN};
    size_t length;
    osprey_error error;
    compile_golden(SMALL, &options, in_directory("hostile.osprey"));
    uint8_t *bytes = read_bytes(in_directory("hostile.osprey"), &length);
    /* Where the bits of the first one lie. */
    osprey__graph *graph = image_graph(bytes, length);
    float range = 0;
    for (size_t n = 0; n < graph->node_count && range == 0; n++)
        range = graph->nodes[n].attributes.input_range;
    osprey__graph_free(graph);
    uint8_t *at = memmem(bytes, length, &range, sizeof range);
    assert_true(range > 0 && at);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(at, &wrong[i], sizeof *wrong);
        engine_seal(bytes, length);
        assert_int_equal(run_bytes(bytes, length, &error), OSPREY_FORMAT);
        assert_non_null(strstr(error.message, "a static range is no positive number"));
    }
    const float another = 1e-30F;
    memcpy(at, &another, sizeof another);
    engine_seal(bytes, length);
    assert_int_equal(run_bytes(bytes, length, &error), OSPREY_OK);
    free(bytes);
}

/* One allocation in three fails once: an error, no leak and no file. */
static void test_allocations_may_fail(void **state)
{
    (void)state;
    const osprey_engine_options options =
        calibrated(OSPREY_PRECISION_INT8, OSPREY_CALIBRATION_MINMAX);
    compile_without_memory(SMALL, &options, in_directory("memory.osprey"), 0, 3);
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_static_results),
        cmocka_unit_test(test_the_file_depends_on_the_set_of_images),
        cmocka_unit_test(test_a_text_tower_needs_no_images),
        cmocka_unit_test(test_calibrations_that_cannot_be),
        cmocka_unit_test(test_models_without_ranges),
        cmocka_unit_test(test_which_layers_have_ranges),
        cmocka_unit_test(test_ranges_are_not_believed),
        cmocka_unit_test(test_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
