/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of every precision against fp32, on the tiny golden models. These are harsher than real
 * ones: rows of 16 to 128 elements leave little for errors to cancel in. OSPREY_CPU, set by CTest,
 * chooses the instruction set.
 */
#include "base/memory.h"
#include "cmocka_all.h"
#include "memory_hooks.h"
#include "npy_read.h"
#include "open_model.h"
#include "test_cpu.h"

#include <osprey/osprey.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
    "hf-vit-p32-quickgelu",
    "hf-vit-p14-bf16-sparse",
    "hf-chinese-clip",
    "hf-siglip",
    "hf-siglip2",
    "openclip-vit-p16-gelu",
    "openclip-rn",
    "openclip-eva01",
    "openclip-eva02",
    "openclip-eva02-e",
    "openclip-mobileclip-s",
    "openclip-mobileclip-s3",
    "openclip-pe",
    "openclip-pe-big",
    "openclip-vitamin",
    "openclip-vitamin-xl",
    "openclip-siglip",
    "openclip-siglip2",
    "openclip-coca",
    "openclip-coca-base",
    "openclip-convnext-d",
    "openclip-convnext-xxl",
    "openclip-xlm-roberta",
    "openclip-xlm-roberta-first",
    "openclip-roberta",
    "hf-siglip2-naflex",
};

/*
 * Least cosine with fp32 of any embedding, as it is promised of real models. None is promised for
 * int4, which here has every layer: there it is the median, and of the images the best, as of such
 * small models an input or two come out anywhere.
 */
static const double least_cosine[OSPREY_PRECISIONS] = {1, 0.9995, 0.9995, 0.995, 0.95};

/* In bf16: the ResNet and FastViT, of channels as few as 4 with random weights, and EVA-02 E, whose
 * norms make what each layer adds as large as the sum. */
static const char *const loose_in_bf16[] = {"openclip-rn", "openclip-eva02-e",
                                            "openclip-mobileclip-s", "openclip-mobileclip-s3"};
#define LOOSE_COSINE 0.998

static double limit_of(const char *name, osprey_precision precision)
{
    for (size_t i = 0; i < sizeof loose_in_bf16 / sizeof *loose_in_bf16; i++)
        if (precision == OSPREY_PRECISION_BF16 && strcmp(name, loose_in_bf16[i]) == 0)
            return LOOSE_COSINE;
    return least_cosine[precision];
}

/* int4 would take int8 for weights as small as these. */
static const char *const keep_of[OSPREY_PRECISIONS] = {[OSPREY_PRECISION_INT4] = "*=int4"};

static osprey_session *new_session(const osprey_model *model, size_t threads,
                                   osprey_precision precision, const char *keep)
{
    const osprey_session_options options = {
        .threads = threads, .precision = precision, .keep = &keep, .keep_count = keep != NULL};
    return create_session(model, &options);
}

/* Images and texts with their embeddings, [images + TEXTS][D]. */
typedef struct inputs {
    npy pixels;
    size_t images, image_floats, width;
} inputs;

enum { TEXTS = 5 };
static const char *const texts[TEXTS] = {"a photo of a cat", "dog", "a red car at night", "", "12"};

static inputs read_inputs(const osprey_model *model, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, OSPREY_TEST_DIR "/golden/models/%s/pixels.npy", name);
    const osprey_model_info *info = osprey_model_get_info(model);
    inputs in = {.pixels = npy_read(path), .width = info->embed_dim};
    in.images = in.pixels.dims[0];
    in.image_floats = osprey_preprocessing_floats(&info->preprocessing);
    return in;
}

/* The caller frees. */
static float *embed(osprey_session *session, const inputs *in, osprey_embed form)
{
    float *out = calloc((in->images + TEXTS) * in->width, sizeof *out);
    osprey_error error;
    assert_int_equal(
        osprey_session_embed_pixels(session, in->pixels.data, in->images, form, out, &error),
        OSPREY_OK);
    assert_int_equal(osprey_session_embed_texts(session, texts, TEXTS, form,
                                                out + in->images * in->width, &error),
                     OSPREY_OK);
    return out;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_embeddings_stay_near_fp32(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        osprey_model *model = open_model(golden_model(names[i]));
        inputs in = read_inputs(model, names[i]);
        osprey_session *exact = new_session(model, 1, OSPREY_PRECISION_FP32, NULL);
        float *wanted = embed(exact, &in, OSPREY_EMBED_UNIT_LENGTH);
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            osprey_session *session = new_session(model, 1, (osprey_precision)p, keep_of[p]);
            const char *precision = osprey_precision_name((osprey_precision)p);
            osprey_session_info info = osprey_session_get_info(session);
            assert_string_equal(info.precision, precision);
            float *got = embed(session, &in, OSPREY_EMBED_UNIT_LENGTH);
            size_t rows = in.images + TEXTS;
            double *cosines = calloc(rows, sizeof *cosines), best_image = -1;
            for (size_t row = 0; row < rows; row++) {
                for (size_t d = 0; d < in.width; d++)
                    cosines[row] +=
                        (double)got[row * in.width + d] * (double)wanted[row * in.width + d];
                assert_true(isfinite(cosines[row]));
                if (row < in.images && cosines[row] > best_image) best_image = cosines[row];
            }
            qsort(cosines, rows, sizeof *cosines, compare_doubles);
            double cosine = cosines[p == OSPREY_PRECISION_INT4 ? rows / 2 : 0];
            print_message("%-24s %s: cosine %.6f\n", names[i], precision, cosine);
            assert_true(cosine >= limit_of(names[i], (osprey_precision)p) - 1e-6);
            assert_true(best_image >= 0.8);
            free(cosines);
            free(got);
            osprey_session_free(session);
        }
        free(wanted);
        osprey_session_free(exact);
        free(in.pixels.data);
        osprey_model_free(model);
    }
}

/* Bit for bit, on one thread and image by image or three and all together; and when it is warm,
 * without an allocation. */
static void test_batch_and_threads_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        osprey_model *model = open_model(golden_model(names[i]));
        inputs in = read_inputs(model, names[i]);
        float *alone = calloc(in.width, sizeof *alone);
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            osprey_session *three = new_session(model, 3, (osprey_precision)p, keep_of[p]);
            osprey_session *one = new_session(model, 1, (osprey_precision)p, keep_of[p]);
            float *together = embed(three, &in, OSPREY_EMBED_RAW);
            osprey_error error;
            size_t allocations = 0;
            for (size_t image = 0; image < in.images; image++) {
                osprey_session_embed_pixels(one, in.pixels.data + image * in.image_floats, 1,
                                            OSPREY_EMBED_RAW, alone, &error);
                assert_memory_equal(alone, together + image * in.width, in.width * sizeof *alone);
                osprey__set_memory_hook(count_allocation, &allocations);
            }
            osprey__set_memory_hook(NULL, NULL);
            assert_int_equal(allocations, 0);
            for (size_t t = 0; t < TEXTS; t++) {
                osprey_session_embed_texts(one, &texts[t], 1, OSPREY_EMBED_RAW, alone, &error);
                assert_memory_equal(alone, together + (in.images + t) * in.width,
                                    in.width * sizeof *alone);
            }
            free(together);
            osprey_session_free(one);
            osprey_session_free(three);
        }
        free(alone);
        free(in.pixels.data);
        osprey_model_free(model);
    }
}

static void test_layers_are_kept(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(names[0]));
    inputs in = read_inputs(model, names[0]);
    osprey_session *exact = new_session(model, 1, OSPREY_PRECISION_FP32, NULL);
    osprey_session *all = new_session(model, 1, OSPREY_PRECISION_INT4, "*=fp32");
    osprey_session *some = new_session(model, 1, OSPREY_PRECISION_INT4, "*.mlp.*=fp32");
    osprey_session *none = new_session(model, 1, OSPREY_PRECISION_INT4, "*=int4");
    osprey_session *small = new_session(model, 1, OSPREY_PRECISION_INT4, NULL);
    osprey_session *int8 = new_session(model, 1, OSPREY_PRECISION_INT8, NULL);
    float *wanted = embed(exact, &in, OSPREY_EMBED_RAW), *kept = embed(all, &in, OSPREY_EMBED_RAW);
    assert_memory_equal(wanted, kept, (in.images + TEXTS) * in.width * sizeof *kept);
    free(kept);
    kept = embed(some, &in, OSPREY_EMBED_RAW);
    assert_memory_not_equal(wanted, kept, (in.images + TEXTS) * in.width * sizeof *kept);
    free(kept);
    free(wanted);
    size_t bytes = osprey_session_get_info(some).weight_bytes;
    assert_true(bytes > osprey_session_get_info(none).weight_bytes);
    assert_true(bytes < osprey_session_get_info(all).weight_bytes);
    assert_int_equal(osprey_session_get_info(all).weight_bytes,
                     osprey_session_get_info(exact).weight_bytes);
    size_t int8_bytes = osprey_session_get_info(int8).weight_bytes;
    assert_true(osprey_session_get_info(none).weight_bytes < int8_bytes);
    osprey_session *each = new_session(model, 1, OSPREY_PRECISION_INT8, "*=int8");
    size_t small_bytes = osprey_session_get_info(small).weight_bytes;
    /* A ViT's patches are int8 too; in int4 all that is as small as here is int8. */
    assert_int_equal(int8_bytes, osprey_session_get_info(each).weight_bytes);
    assert_int_equal(small_bytes, osprey_session_get_info(each).weight_bytes);
    osprey_session_free(each);
    osprey_session_free(int8);
    osprey_session_free(small);
    osprey_session_free(none);
    osprey_session_free(some);
    osprey_session_free(all);
    osprey_session_free(exact);
    free(in.pixels.data);
    osprey_model_free(model);
}

static void test_a_resnet_keeps_its_first_convolution_in_bf16(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model("openclip-rn"));
    osprey_session *usual = new_session(model, 1, OSPREY_PRECISION_INT8, NULL);
    osprey_session *each = new_session(model, 1, OSPREY_PRECISION_INT8, "*=int8");
    assert_true(osprey_session_get_info(usual).weight_bytes >
                osprey_session_get_info(each).weight_bytes);
    osprey_session_free(each);
    osprey_session_free(usual);
    osprey_model_free(model);
}

static void assert_refused(const osprey_model *model, osprey_precision precision, const char *keep,
                           const char *subject)
{
    osprey_error error = {0};
    osprey_session *session = NULL;
    const osprey_session_options options = {
        .threads = 1, .precision = precision, .keep = &keep, .keep_count = keep != NULL};
    assert_int_equal(osprey_session_create(model, &options, &session, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, subject);
}

static void test_wrong_choices_are_refused(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(names[0]));
    const char *const wrong[] = {"*.no_such_layer=bf16", "*=bf17", "=fp32", "*", "*=", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(model, OSPREY_PRECISION_INT8, wrong[i], wrong[i]);
    assert_refused(model, (osprey_precision)OSPREY_PRECISIONS, NULL, "precision");
    osprey_error error;
    osprey_session *session = NULL;
    const osprey_session_options options = {.keep_count = OSPREY_KEEP_MAX + 1};
    assert_int_equal(osprey_session_create(model, &options, &session, &error),
                     OSPREY_INVALID_ARGUMENT);
    osprey_model_free(model);
}

/* int8 means something to a layer, and fp16, the nearest, to the tables that fit beside it. */
static void test_tables_know_fp32_and_fp16(void **state)
{
    (void)state;
    osprey_model *model = open_model(golden_model(names[0]));
    static const char *const wrong[] = {"*token_embedding*=bf16", "*token_embedding*=int8",
                                        "*token_embedding*=int4"};
    static const char *const right[] = {"*token_embedding*=fp32", "*token_embedding*=fp16",
                                        "text_model.*=int8", "*=int8"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(model, OSPREY_PRECISION_INT8, wrong[i], wrong[i]);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        osprey_session_free(new_session(model, 1, OSPREY_PRECISION_INT8, right[i]));
    osprey_model_free(model);
}

/* An engine gives what a session of that precision and exceptions gives, bit for bit. */
static void test_an_engine_has_its_precision(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        osprey_model *model = open_model(golden_model(names[i])), *compiled = NULL;
        inputs in = read_inputs(model, names[i]);
        char path[] = "/tmp/osprey-precision-XXXXXX";
        int file = mkstemp(path);
        assert_true(file >= 0);
        close(file);
        const char *keep = i % 2 ? NULL : "*attn*=int4";
        const osprey_engine_options options = {
            .precision = OSPREY_PRECISION_INT8, .keep = &keep, .keep_count = keep != NULL};
        osprey_error error;
        if (osprey_engine_compile(model, &options, path, &error) != OSPREY_OK)
            fail_msg("%s: %s", error.subject, error.message);
        assert_int_equal(osprey_model_open(path, &compiled, &error), OSPREY_OK);
        assert_string_equal(osprey_model_get_engine(compiled)->precision, "int8");
        assert_refused(compiled, OSPREY_PRECISION_BF16, NULL, "precision");
        osprey_session *direct = new_session(model, 1, OSPREY_PRECISION_INT8, keep);
        osprey_session *engine = new_session(compiled, 1, OSPREY_PRECISION_FP32, NULL);
        assert_string_equal(osprey_session_get_info(engine).precision, "int8");
        float *wanted = embed(direct, &in, OSPREY_EMBED_RAW);
        float *got = embed(engine, &in, OSPREY_EMBED_RAW);
        assert_memory_equal(wanted, got, (in.images + TEXTS) * in.width * sizeof *got);
        free(got);
        free(wanted);
        osprey_session_free(engine);
        osprey_session_free(direct);
        osprey_model_free(compiled);
        unlink(path);
        free(in.pixels.data);
        osprey_model_free(model);
    }
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings_stay_near_fp32),
        cmocka_unit_test(test_batch_and_threads_change_nothing),
        cmocka_unit_test(test_layers_are_kept),
        cmocka_unit_test(test_a_resnet_keeps_its_first_convolution_in_bf16),
        cmocka_unit_test(test_wrong_choices_are_refused),
        cmocka_unit_test(test_tables_know_fp32_and_fp16),
        cmocka_unit_test(test_an_engine_has_its_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
