/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a precision costs is measured right, the layer that is to blame is found, and keeping it
 * helps. OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "hostile_model.h"
#include "memory_hooks.h"
#include "npy_read.h"
#include "test_cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN      "hf-vit-p32-quickgelu"
#define IMAGE_MLP  "vision_model.encoder.layers.0.mlp"
#define TEXT_MLP   "text_model.encoder.layers.1.mlp"
#define IMAGE_KEEP IMAGE_MLP ".fc2.weight=bf16"
#define TEXT_KEEP  TEXT_MLP ".fc2.weight=bf16"

static npy pixels;

static int prepare(void **state)
{
    char path[600];
    snprintf(path, sizeof path, "%s/pixels.npy", golden_model(PLAIN));
    pixels = npy_read(path);
    return make_directory(state);
}

static int tidy(void **state)
{
    free(pixels.data);
    return remove_directory(state);
}

/* A new model in which these layers cannot be quantised. */
static osprey_model *hostile_model(const char *name, const char *mlp, const char *other_mlp)
{
    char path[256];
    snprintf(path, sizeof path, "%s", in_directory(name));
    copy_model(golden_model(PLAIN), path);
    make_hostile(path, mlp);
    if (other_mlp) make_hostile(path, other_mlp);
    return open_model(path);
}

static osprey_precision_report *verify(const osprey_model *model,
                                       const osprey_engine_options *options, bool auto_keep)
{
    osprey_error error;
    osprey_precision_report *report = NULL;
    const osprey_verification how = {
        .pixels = pixels.data, .image_count = pixels.dims[0], .auto_keep = auto_keep};
    if (osprey_precision_verify(model, options, &how, &report, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return report;
}

/* The least cosine of the images' embeddings in two sessions, by the public functions alone. */
static double least_image_cosine(const osprey_model *model, const osprey_engine_options *options)
{
    osprey_error error;
    size_t width = osprey_model_get_info(model)->embed_dim, count = pixels.dims[0];
    float *embeddings[2];
    for (size_t i = 0; i < 2; i++) {
        const osprey_session_options how = {
            .precision = i ? options->precision : OSPREY_PRECISION_FP32,
            .keep = options->keep,
            .keep_count = i ? options->keep_count : 0,
        };
        osprey_session *session = NULL;
        embeddings[i] = calloc(count * width, sizeof(float));
        assert_int_equal(osprey_session_create(model, &how, &session, &error), OSPREY_OK);
        assert_int_equal(osprey_session_embed_pixels(session, pixels.data, count,
                                                     OSPREY_EMBED_UNIT_LENGTH, embeddings[i],
                                                     &error),
                         OSPREY_OK);
        osprey_session_free(session);
    }
    double least = 1;
    for (size_t row = 0; row < count; row++) {
        double cosine = 0;
        for (size_t d = row * width; d < (row + 1) * width; d++)
            cosine += (double)embeddings[0][d] * (double)embeddings[1][d];
        least = fmin(least, cosine);
    }
    free(embeddings[0]);
    free(embeddings[1]);
    return least;
}

static const osprey_layer_loss *find_layer(const osprey_precision_report *report, const char *name)
{
    for (size_t i = 0; i < report->layer_count; i++)
        if (strcmp(report->layers[i].name, name) == 0) return &report->layers[i];
    fail_msg("no layer %s", name);
    return NULL;
}

static void test_every_precision_is_measured(void **state)
{
    (void)state;
    static const double limits[OSPREY_PRECISIONS] = {0.99999, 0.9995, 0.9995, 0.995, 0.9};
    osprey_model *model = open_model(golden_model(PLAIN));
    for (int p = 0; p < OSPREY_PRECISIONS; p++) {
        const osprey_engine_options options = {.precision = (osprey_precision)p};
        osprey_precision_report *report = verify(model, &options, false);
        assert_int_equal(report->precision, p);
        assert_true(report->limit == limits[p]);
        assert_true(report->passed);
        assert_null(report->advice);
        assert_int_equal(report->keep_count, 0);
        assert_int_equal(report->image.count, pixels.dims[0]);
        assert_int_equal(report->text.count, 80);
        assert_true(report->image.mean >= report->image.least);
        assert_true(fabs(report->image.least - least_image_cosine(model, &options)) < 1e-6);
        assert_int_equal(report->layer_count, 22);
        for (size_t i = 0; i < report->layer_count; i++) {
            const osprey_layer_loss *layer = &report->layers[i];
            if (i) assert_true(layer->own_cosine >= report->layers[i - 1].own_cosine);
            if (p == OSPREY_PRECISION_FP32) {
                assert_true(layer->own_cosine > 1 - 1e-12 && layer->cosine > 1 - 1e-12);
                assert_true(layer->largest_error == 0);
            }
            assert_true(layer->own_cosine > 0.9 && layer->cosine > 0.9);
        }
        if (p >= OSPREY_PRECISION_INT8) {
            /* The first layer sees fp32's inputs in any case. */
            const osprey_layer_loss *patches =
                find_layer(report, "vision_model.embeddings.patch_embedding.weight");
            assert_true(patches->own_cosine == patches->cosine);
            assert_int_equal(patches->precision, OSPREY_PRECISION_INT8);
            assert_int_equal(find_layer(report, IMAGE_MLP ".fc2.weight")->precision,
                             OSPREY_PRECISION_INT8);
            assert_true(report->image.least < 1 && report->text.least < 1);
        }
        osprey_precision_report_free(report);
    }
    osprey_model_free(model);
}

static void test_one_tower_is_compared(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(PLAIN));
    const osprey_engine_options options = {.towers = OSPREY_TOWER_TEXT,
                                           .precision = OSPREY_PRECISION_INT8};
    const osprey_verification how = {0};
    osprey_precision_report *report = NULL;
    osprey_error error;
    assert_int_equal(osprey_precision_verify(model, &options, &how, &report, &error), OSPREY_OK);
    assert_int_equal(report->image.count, 0);
    assert_int_equal(report->text.count, 80);
    for (size_t i = 0; i < report->layer_count; i++)
        assert_int_equal(report->layers[i].tower, OSPREY_TOWER_TEXT);
    osprey_precision_report_free(report);
    osprey_model_free(model);
}

static void test_the_layer_to_blame_is_named(void **state)
{
    (void)state;
    osprey_model *image = hostile_model("image", IMAGE_MLP, NULL);
    osprey_model *text = hostile_model("text", TEXT_MLP, NULL);
    for (osprey_precision p = OSPREY_PRECISION_INT8; p <= OSPREY_PRECISION_INT4; p++) {
        osprey_engine_options options = {.precision = p};
        osprey_precision_report *report = verify(image, &options, false);
        assert_false(report->passed);
        assert_true(report->image.least < report->limit && report->text.least >= report->limit);
        assert_string_equal(report->advice, IMAGE_KEEP);
        /* By its own errors too it is the worst, and what comes before it is not affected. */
        assert_string_equal(report->layers[0].name, IMAGE_MLP ".fc2.weight");
        assert_true(find_layer(report, IMAGE_MLP ".fc1.weight")->cosine > 0.99);
        /* What comes behind gets bad inputs, and makes no errors of its own. */
        const osprey_layer_loss *behind =
            find_layer(report, "vision_model.encoder.layers.1.mlp.fc2.weight");
        assert_true(behind->own_cosine > 0.99 && behind->cosine < behind->own_cosine);

        const char *advice = report->advice;
        options.keep = &advice;
        options.keep_count = 1;
        osprey_precision_report *kept = verify(image, &options, false);
        assert_true(kept->passed);
        assert_int_equal(kept->keep_count, 1);
        assert_int_equal(kept->found_count, 0);
        assert_int_equal(find_layer(kept, IMAGE_MLP ".fc2.weight")->precision,
                         OSPREY_PRECISION_BF16);
        osprey_precision_report_free(kept);
        osprey_precision_report_free(report);

        options = (osprey_engine_options){.precision = p};
        report = verify(text, &options, false);
        assert_false(report->passed);
        assert_string_equal(report->advice, TEXT_KEEP);
        osprey_precision_report_free(report);
    }
    osprey_model_free(text);
    osprey_model_free(image);
}

/* bf16 would not do for the limit of a model that is fp32 but for its exceptions. */
static void test_an_fp32_model_is_advised_fp32(void **state)
{
    (void)state;
    osprey_model *model = hostile_model("exact", IMAGE_MLP, NULL);
    const char *const mine = "*=int4";
    const osprey_engine_options options = {.keep = &mine, .keep_count = 1};
    osprey_precision_report *report = verify(model, &options, false);
    assert_false(report->passed);
    assert_non_null(report->advice);
    assert_non_null(strstr(report->advice, "=fp32"));
    osprey_precision_report_free(report);
    osprey_model_free(model);
}

static void test_just_the_layers_to_blame_are_kept(void **state)
{
    (void)state;
    osprey_model *model = hostile_model("both", IMAGE_MLP, TEXT_MLP);
    const char *const mine = "vision_model.encoder.layers.0.mlp.fc1.weight=bf16";
    for (osprey_precision p = OSPREY_PRECISION_INT8; p <= OSPREY_PRECISION_INT4; p++) {
        osprey_engine_options options = {.precision = p, .keep = &mine, .keep_count = 1};
        osprey_precision_report *report = verify(model, &options, true);
        assert_true(report->passed);
        assert_null(report->advice);
        assert_int_equal(report->found_count, 2);
        assert_int_equal(report->keep_count, 3);
        assert_string_equal(report->keep[0], mine);
        assert_string_equal(report->keep[1], IMAGE_KEEP);
        assert_string_equal(report->keep[2], TEXT_KEEP);
        /* The mixture that was measured is what these exceptions make. */
        options.keep = report->keep;
        options.keep_count = report->keep_count;
        assert_true(fabs(report->image.least - least_image_cosine(model, &options)) < 1e-6);
        osprey_precision_report *again = verify(model, &options, false);
        assert_true(again->image.least == report->image.least);
        assert_true(again->image.mean == report->image.mean);
        assert_true(again->text.least == report->text.least);
        osprey_precision_report_free(again);
        osprey_precision_report_free(report);
    }
    osprey_model_free(model);
}

/* fp32 takes bf16's place where bf16 is not enough, and nothing is kept where nothing has to be. */
static void test_no_more_is_kept_than_it_takes(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(PLAIN));
    const osprey_engine_options int8 = {.precision = OSPREY_PRECISION_INT8};
    osprey_precision_report *report = verify(model, &int8, true);
    assert_true(report->passed);
    assert_int_equal(report->found_count, 0);
    osprey_precision_report_free(report);
    osprey_model_free(model);

    /* The ResNet of random weights and channels as few as 4 misses the limit in bf16. */
    char path[600];
    snprintf(path, sizeof path, "%s/pixels.npy", golden_model("openclip-rn"));
    npy own = npy_read(path);
    model = open_model(golden_model("openclip-rn"));
    const osprey_engine_options bf16 = {.precision = OSPREY_PRECISION_BF16};
    const osprey_verification how = {
        .pixels = own.data, .image_count = own.dims[0], .auto_keep = true};
    osprey_error error;
    if (osprey_precision_verify(model, &bf16, &how, &report, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    assert_true(report->passed);
    assert_true(report->found_count > 0);
    for (size_t i = 0; i < report->keep_count; i++)
        assert_non_null(strstr(report->keep[i], "=fp32"));
    osprey_precision_report_free(report);
    free(own.data);
    osprey_model_free(model);
}

static void test_an_engine_holds_its_report(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = hostile_model("stored", IMAGE_MLP, NULL);
    const char *path = in_directory("stored.osprey");
    osprey_engine_options options = {.precision = OSPREY_PRECISION_INT8};
    osprey_precision_report *report = verify(model, &options, true);
    options.report = report;
    /* Without the exceptions that were found, the report would be wrong. */
    assert_int_equal(osprey_engine_compile(model, &options, path, &error), OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "report");
    assert_false(osprey__file_exists(path));
    options.keep = report->keep;
    options.keep_count = report->keep_count;
    assert_int_equal(osprey_engine_compile(model, &options, path, &error), OSPREY_OK);
    osprey_model *engine = open_model(path);
    const osprey_engine_info *info = osprey_model_get_engine(engine);
    assert_int_equal(info->keep_count, 1);
    assert_string_equal(info->keep[0], IMAGE_KEEP);
    assert_true(info->cosine_limit == report->limit);
    assert_int_equal(info->image.cosines.count, report->image.count);
    assert_true(info->image.cosines.least == report->image.least);
    assert_true(info->image.cosines.mean == report->image.mean);
    assert_true(info->text.cosines.least == report->text.least);
    osprey_precision_report *of_engine = NULL;
    const osprey_verification how = {.pixels = pixels.data, .image_count = 1};
    assert_int_equal(osprey_precision_verify(engine, NULL, &how, &of_engine, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_null(of_engine);
    osprey_model_free(engine);
    osprey_precision_report_free(report);

    options = (osprey_engine_options){.precision = OSPREY_PRECISION_INT8};
    assert_int_equal(osprey_engine_compile(model, &options, path, &error), OSPREY_OK);
    engine = open_model(path);
    info = osprey_model_get_engine(engine);
    assert_int_equal(info->keep_count, 0);
    assert_true(info->cosine_limit == 0 && info->image.cosines.count == 0);
    osprey_model_free(engine);
    osprey_model_free(model);
}

/* Of static ranges what an engine loses that is run by them; the exceptions found are exceptions.
 */
static void test_static_ranges_are_measured(void **state)
{
    (void)state;
    osprey_error error;
    const char *path = in_directory("ranges.osprey");
    const char *const image = OSPREY_TEST_DIR "/golden/images/411.jpg";
    osprey_model *model = hostile_model("ranges", IMAGE_MLP, NULL);
    osprey_engine_options options = {
        .precision = OSPREY_PRECISION_INT8,
        .calibration = {OSPREY_CALIBRATION_MINMAX, &image, 1, NULL, NULL},
    };
    osprey_precision_report *report = verify(model, &options, true);
    assert_int_equal(report->found_count, 1);
    options.report = report;
    options.keep = report->keep;
    options.keep_count = report->keep_count;
    assert_int_equal(osprey_engine_compile(model, &options, path, &error), OSPREY_OK);
    osprey_model *engine = open_model(path);
    const osprey_session_options by_ranges = {.static_ranges = true};
    osprey_session *sessions[2] = {open_session(model, OSPREY_TOWER_BOTH), NULL};
    assert_int_equal(osprey_session_create(engine, &by_ranges, &sessions[1], &error), OSPREY_OK);
    size_t width = osprey_model_get_info(model)->embed_dim, count = pixels.dims[0];
    float *embeddings = calloc(2 * count * width, sizeof *embeddings);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(osprey_session_embed_pixels(sessions[i], pixels.data, count,
                                                     OSPREY_EMBED_UNIT_LENGTH,
                                                     embeddings + i * count * width, &error),
                         OSPREY_OK);
    double least = 1;
    for (size_t row = 0; row < count; row++) {
        double cosine = 0;
        for (size_t d = row * width; d < (row + 1) * width; d++)
            cosine += (double)embeddings[d] * (double)embeddings[count * width + d];
        least = fmin(least, cosine);
    }
    assert_int_equal(report->static_image.count, count);
    assert_int_equal(report->static_text.count, 80);
    assert_true(fabs(report->static_image.least - least) < 1e-6);
    assert_true(report->static_image.least != report->image.least);
    const osprey_engine_info *info = osprey_model_get_engine(engine);
    assert_true(info->image.static_cosines.least == report->static_image.least);
    assert_true(info->text.static_cosines.mean == report->static_text.mean);
    assert_int_equal(info->text.static_cosines.count, 80);
    free(embeddings);
    for (size_t i = 0; i < 2; i++) osprey_session_free(sessions[i]);
    osprey_model_free(engine);
    osprey_precision_report_free(report);

    /* A float model has none; without a calibration nothing is measured. */
    options = (osprey_engine_options){.precision = OSPREY_PRECISION_INT8};
    report = verify(model, &options, false);
    assert_int_equal(report->static_image.count + report->static_text.count, 0);
    osprey_precision_report_free(report);
    options =
        (osprey_engine_options){.calibration = {OSPREY_CALIBRATION_MINMAX, &image, 1, NULL, NULL}};
    report = verify(model, &options, false);
    assert_int_equal(report->static_image.count + report->static_text.count, 0);
    osprey_precision_report_free(report);
    osprey_model_free(model);
}

/* Raw embedding of the first image by an engine of these options; freed by the caller. */
static float *embed_compiled(const osprey_model *model, const osprey_engine_options *options)
{
    osprey_error error;
    const char *path = in_directory("pruned.osprey");
    assert_int_equal(osprey_engine_compile(model, options, path, &error), OSPREY_OK);
    osprey_model *engine = open_model(path);
    osprey_session *session = open_session(engine, OSPREY_TOWER_IMAGE);
    float *embedding = calloc(osprey_model_get_info(model)->embed_dim, sizeof *embedding);
    assert_int_equal(osprey_session_embed_pixels(session, pixels.data, 1, OSPREY_EMBED_UNIT_LENGTH,
                                                 embedding, &error),
                     OSPREY_OK);
    osprey_session_free(session);
    osprey_model_free(engine);
    return embedding;
}

/* Pruning costs far more than int8 here, and is no part of what int8 costs. */
static void test_pruned_models_are_compared_with_themselves(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(PLAIN));
    osprey_engine_options options = {.towers = OSPREY_TOWER_IMAGE, .prune_mlp = 0.5F};
    const osprey_verification how = {.pixels = pixels.data, .image_count = 1};
    osprey_error error;
    float *fp32 = embed_compiled(model, &options);
    options.precision = OSPREY_PRECISION_INT8;
    float *int8 = embed_compiled(model, &options);
    osprey_precision_report *report = NULL;
    assert_int_equal(osprey_precision_verify(model, &options, &how, &report, &error), OSPREY_OK);
    double cosine = 0;
    for (size_t d = 0; d < osprey_model_get_info(model)->embed_dim; d++)
        cosine += (double)fp32[d] * (double)int8[d];
    assert_true(fabs(report->image.least - cosine) < 1e-6);
    assert_true(report->passed && cosine < 1);
    osprey_precision_report_free(report);
    options.prune_mlp = 2;
    assert_int_equal(osprey_precision_verify(model, &options, &how, &report, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "prune");
    free(fp32);
    free(int8);
    osprey_model_free(model);
}

static void test_wrong_use_is_refused(void **state)
{
    (void)state;
    osprey_error error;
    osprey_precision_report *report = NULL;
    osprey_model *model = open_model(golden_model(PLAIN));
    const osprey_verification none = {0};
    const osprey_verification one = {.pixels = pixels.data, .image_count = 1};
    assert_int_equal(osprey_precision_verify(model, NULL, &none, &report, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "no image"));
    const char *many[OSPREY_KEEP_MAX + 1];
    for (size_t i = 0; i <= OSPREY_KEEP_MAX; i++) many[i] = "*=bf16";
    osprey_engine_options options = {.keep = many, .keep_count = OSPREY_KEEP_MAX + 1};
    assert_int_equal(osprey_precision_verify(model, &options, &one, &report, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "keep");
    many[0] = "no.such.layer=bf16";
    options.keep_count = 1;
    assert_int_equal(osprey_precision_verify(model, &options, &one, &report, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, many[0]);
    options = (osprey_engine_options){.precision = (osprey_precision)OSPREY_PRECISIONS};
    assert_int_equal(osprey_precision_verify(model, &options, &one, &report, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_null(report);
    osprey_precision_report_free(NULL);
    osprey_model_free(model);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    osprey_error error = {0};
    osprey_model *model = hostile_model("memory", IMAGE_MLP, NULL);
    const osprey_engine_options options = {.precision = OSPREY_PRECISION_INT8};
    for (int auto_keep = 0; auto_keep < 2; auto_keep++) {
        const osprey_verification how = {
            .pixels = pixels.data, .image_count = 1, .auto_keep = auto_keep};
        osprey_status status = OSPREY_OUT_OF_MEMORY;
        for (size_t n = 0; status != OSPREY_OK; n++) {
            osprey_precision_report *report = NULL;
            size_t left = n;
            osprey__set_memory_hook(fail_at, &left);
            status = osprey_precision_verify(model, &options, &how, &report, &error);
            osprey__set_memory_hook(NULL, NULL);
            assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
            assert_int_equal(report != NULL, status == OSPREY_OK);
            osprey_precision_report_free(report);
        }
    }
    osprey_model_free(model);
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_precision_is_measured),
        cmocka_unit_test(test_one_tower_is_compared),
        cmocka_unit_test(test_the_layer_to_blame_is_named),
        cmocka_unit_test(test_an_fp32_model_is_advised_fp32),
        cmocka_unit_test(test_just_the_layers_to_blame_are_kept),
        cmocka_unit_test(test_no_more_is_kept_than_it_takes),
        cmocka_unit_test(test_an_engine_holds_its_report),
        cmocka_unit_test(test_static_ranges_are_measured),
        cmocka_unit_test(test_pruned_models_are_compared_with_themselves),
        cmocka_unit_test(test_wrong_use_is_refused),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, prepare, tidy);
}
