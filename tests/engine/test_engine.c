/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine gives what the model that it was compiled from gives, bit for bit, and nothing in its
 * file is believed. OSPREY_CPU, set by CTest, chooses the instruction set.
 */
#include "base/cpu/cpu_features.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "engine/engine_files.h"
#include "engine/engine_seal.h"
#include "format/engine_file.h"
#include "memory_hooks.h"
#include "npy_read.h"
#include "test_cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL "hf-vit-p16-gelu-sharded"

static const char *const names[] = {
    "hf-vit-p32-quickgelu",
    "hf-vit-p16-gelu-sharded",
    "hf-vit-p14-bf16-sparse",
    "hf-vit-p14-f16-config-dict",
    "openclip-vit-p16-gelu",
    "openclip-vit-p14-quickgelu-builtin",
    "openclip-rn",
    "hf-siglip",
    "hf-siglip2",
    "openclip-eva02",
    "openclip-coca",
    "openclip-coca-even",
    "openclip-coca-base",
    "openclip-convnext-d",
    "openclip-convnext-xxl",
    "openclip-mobileclip-b",
    "openclip-mobileclip-l",
    "openclip-mobileclip-s",
    "openclip-mobileclip-s3",
    "openclip-pe",
    "openclip-pe-big",
    "openclip-vitamin",
    "openclip-vitamin-xl",
    "openclip-siglip",
    "openclip-siglip2",
    "openclip-xlm-roberta",
    "openclip-xlm-roberta-first",
    "openclip-roberta",
    "hf-siglip2-naflex",
    "hf-metaclip2",
    "openclip-worldwide",
};

static const char *const texts[] = {"a photo of a cat", "", "<|endoftext|> caf\xc3\xa9 123 !!",
                                    "two <pad> dogs"};
enum { TEXTS = 4 };

/* Raw embeddings of the model's pixels, then of the texts; freed by the caller. */
static float *embed(const osprey_model *model, const npy *pixels)
{
    osprey_error error;
    size_t width = osprey_model_get_info(model)->embed_dim, images = pixels->dims[0];
    osprey_session *session = open_session(model, OSPREY_TOWER_BOTH);
    float *out = calloc((images + TEXTS) * width, sizeof *out);
    assert_int_equal(
        osprey_session_embed_pixels(session, pixels->data, images, OSPREY_EMBED_RAW, out, &error),
        OSPREY_OK);
    assert_int_equal(osprey_session_embed_texts(session, texts, TEXTS, OSPREY_EMBED_RAW,
                                                out + images * width, &error),
                     OSPREY_OK);
    osprey_session_free(session);
    return out;
}

static npy pixels_of(const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/pixels.npy", golden_model(name));
    return npy_read(path);
}

static void assert_same_model(const char *name, const osprey_engine_options *options)
{
    const char *path = in_directory("same.osprey");
    compile_golden(name, options, path);
    osprey_model *source = open_model(golden_model(name)), *engine = open_model(path);
    const osprey_model_info *a = osprey_model_get_info(source), *b = osprey_model_get_info(engine);
    assert_string_equal(a->name, b->name);
    assert_string_equal(b->layout, "engine");
    assert_string_equal(a->weight_dtype, b->weight_dtype);
    assert_true(a->logit_scale == b->logit_scale && a->logit_bias == b->logit_bias);
    assert_int_equal(a->image.parameters, b->image.parameters);
    assert_int_equal(a->text.parameters, b->text.parameters);
    assert_memory_equal(a->image.stage_layers, b->image.stage_layers, sizeof a->image.stage_layers);
    assert_memory_equal(&a->preprocessing.mean, &b->preprocessing.mean,
                        sizeof a->preprocessing.mean);
    assert_int_equal(a->template_count, b->template_count);
    for (size_t i = 0; i < a->template_count; i++)
        assert_string_equal(a->templates[i], b->templates[i]);
    assert_true(a->preprocessing.rescale_factor == b->preprocessing.rescale_factor);
    assert_int_equal(a->preprocessing.resize, b->preprocessing.resize);
    npy pixels = pixels_of(name);
    float *wanted = embed(source, &pixels), *got = embed(engine, &pixels);
    assert_memory_equal(wanted, got, (pixels.dims[0] + TEXTS) * a->embed_dim * sizeof *got);
    free(got);
    free(wanted);
    free(pixels.data);
    osprey_model_free(engine);
    osprey_model_free(source);
}

static void test_engines_give_the_same(void **state)
{
    (void)state;
    const osprey_engine_options portable = {.portable = true};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_same_model(names[i], NULL);
        assert_same_model(names[i], &portable);
    }
}

static size_t table_bytes(const osprey_engine_options *options)
{
    const char *path = in_directory("table.osprey");
    compile_golden(SMALL, options, path);
    osprey_model *model = open_model(path);
    size_t bytes = osprey_model_get_engine(model)->text.constant_bytes;
    osprey_model_free(model);
    return bytes;
}

/* Below fp32 tables take half, from a directory and in an engine, unless they are kept. */
static void test_tables_are_rounded(void **state)
{
    (void)state;
    static const char *const keep[] = {"*token_embedding*=fp32"};
    const size_t whole = table_bytes(NULL);
    for (osprey_precision p = OSPREY_PRECISION_BF16; p <= OSPREY_PRECISION_INT4; p++) {
        osprey_engine_options options = {.precision = p};
        assert_true(table_bytes(&options) <= whole / 2 + 64);
        options.keep = keep;
        options.keep_count = 1;
        const size_t kept = table_bytes(&options);
        assert_true(kept < whole && kept > whole * 3 / 4);
    }
    const osprey_session_options int8 = {.towers = OSPREY_TOWER_TEXT,
                                         .precision = OSPREY_PRECISION_INT8};
    const osprey_engine_options options = {.precision = OSPREY_PRECISION_INT8};
    compile_golden(SMALL, &options, in_directory("table.osprey"));
    float *rows[2];
    osprey_model *models[] = {open_model(golden_model(SMALL)),
                              open_model(in_directory("table.osprey"))};
    const size_t floats = TEXTS * osprey_model_get_info(models[0])->embed_dim;
    for (size_t i = 0; i < 2; i++) {
        osprey_session *session = NULL;
        osprey_error error;
        rows[i] = calloc(floats, sizeof **rows);
        assert_int_equal(osprey_session_create(models[i], &int8, &session, &error), OSPREY_OK);
        assert_int_equal(
            osprey_session_embed_texts(session, texts, TEXTS, OSPREY_EMBED_RAW, rows[i], &error),
            OSPREY_OK);
        osprey_session_free(session);
        osprey_model_free(models[i]);
    }
    assert_memory_equal(rows[0], rows[1], floats * sizeof **rows);
    free(rows[0]);
    free(rows[1]);
}

/* A precision that there is not says that the file is damaged. */
static void test_unknown_precision(void **state)
{
    (void)state;
    osprey_error error;
    size_t length;
    compile_golden(SMALL, NULL, in_directory("precision.osprey"));
    uint8_t *bytes = read_bytes(in_directory("precision.osprey"), &length);
    static const char key[] = "\"precision\": \"fp32";
    uint8_t *at = memmem(bytes, length, key, sizeof key - 1);
    assert_non_null(at);
    at[sizeof key - 2] = '3';
    engine_seal(bytes, length);
    assert_int_equal(run_bytes(bytes, length, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "\"precision\""));
    free(bytes);
}

/* As is a standard deviation that no pixel can be divided by. */
static void test_a_negative_deviation(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model;
    size_t length;
    const char *path = in_directory("std.osprey");
    compile_golden(SMALL, NULL, path);
    uint8_t *bytes = read_bytes(path, &length);
    uint8_t *at = memmem(bytes, length, "\"std\": [", 8);
    assert_non_null(at);
    at = memmem(at, 32, "0.", 2);
    assert_non_null(at);
    memcpy(at, "-0.", 3);
    engine_seal(bytes, length);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    assert_int_equal(osprey_model_open(path, &model, &error), OSPREY_FORMAT);
    assert_string_equal(error.subject, path);
    assert_non_null(strstr(error.message, "damaged at \"std\""));
    free(bytes);
}

static void test_a_manifest_that_is_no_json(void **state)
{
    (void)state;
    osprey_error error;
    size_t length;
    compile_golden(SMALL, NULL, in_directory("json.osprey"));
    uint8_t *bytes = read_bytes(in_directory("json.osprey"), &length);
    uint8_t *at = memmem(bytes, length, "\"precision\":", 12);
    assert_non_null(at);
    at[11] = '!';
    engine_seal(bytes, length);
    assert_int_equal(run_bytes(bytes, length, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "the engine's manifest is damaged: "));
    free(bytes);
}

static void test_templates_are_kept(void **state)
{
    (void)state;
    static const char *const given[] = {"a {}", "caf\xc3\xa9 \"{label}\""};
    static const char *const wrong[] = {"{}", "no place"}, *const no_text[] = {"\xff {}"};
    const osprey_engine_options options = {.templates = given, .template_count = 2};
    const char *path = in_directory("templates.osprey");
    osprey_error error;
    size_t length;
    compile_golden(SMALL, &options, path);
    osprey_model *model = open_model(path);
    assert_int_equal(osprey_model_get_info(model)->template_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(osprey_model_get_info(model)->templates[i], given[i]);
    osprey_model_free(model);
    model = open_model(golden_model(SMALL));
    const osprey_engine_options bad[] = {{.templates = wrong, .template_count = 2},
                                         {.templates = no_text, .template_count = 1}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(osprey_engine_compile(model, &bad[i], in_directory("bad.osprey"), &error),
                         OSPREY_INVALID_ARGUMENT);
        assert_string_equal(error.subject, i ? no_text[0] : wrong[1]);
        assert_false(osprey__file_exists(in_directory("bad.osprey")));
    }
    osprey_model_free(model);

    /* A template of a hostile file that has lost its place for the label. */
    uint8_t *bytes = read_bytes(in_directory("templates.osprey"), &length);
    uint8_t *at = memmem(bytes, length, "a {}", 4);
    assert_non_null(at);
    at[2] = '.';
    engine_seal(bytes, length);
    assert_int_equal(run_bytes(bytes, length, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "\"templates\""));
    free(bytes);
}

static void test_compiling_twice_gives_the_same_file(void **state)
{
    (void)state;
    size_t lengths[2];
    compile_golden(SMALL, NULL, in_directory("once.osprey"));
    compile_golden(SMALL, NULL, in_directory("twice.osprey"));
    uint8_t *once = read_bytes(in_directory("once.osprey"), &lengths[0]);
    uint8_t *twice = read_bytes(in_directory("twice.osprey"), &lengths[1]);
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(once, twice, lengths[0]);
    free(once);
    free(twice);
}

static void test_what_an_engine_tells(void **state)
{
    (void)state;
    const osprey__cpu_features *cpu;
    osprey_error error;
    assert_int_equal(osprey__cpu_features_get(&cpu, &error), OSPREY_OK);
    const size_t batches[] = {2, 40};
    const osprey_engine_options options = {.batches = batches, .batch_count = 2};
    const char *path = in_directory("info.osprey");
    compile_golden(SMALL, &options, path);
    osprey_model *model = open_model(path);
    const osprey_engine_info *info = osprey_model_get_engine(model);
    assert_non_null(info);
    assert_string_equal(info->instruction_set, cpu->level_name);
    assert_string_equal(info->precision, "fp32");
    assert_string_equal(info->source_layout, "huggingface");
    assert_int_equal(strlen(info->fingerprint), 32);
    assert_int_equal(info->image.profile_count, 2);
    assert_int_equal(info->image.profiles[1].batch, 40);
    assert_true(info->image.profiles[0].arena_bytes > 0);
    assert_true(info->image.profiles[1].arena_bytes > 10 * info->image.profiles[0].arena_bytes);
    assert_true(info->text.weight_bytes > 0 && info->text.constant_bytes > 0);
    assert_int_equal(osprey_engine_verify(model, &error), OSPREY_OK);
    /* The session takes what the largest profile needs, and its first run no more. */
    osprey_session *session = open_session(model, OSPREY_TOWER_IMAGE);
    size_t before = osprey_session_get_info(session).arena_bytes;
    assert_true(before >= info->image.profiles[1].arena_bytes);
    npy pixels = pixels_of(SMALL);
    float *out = calloc(pixels.dims[0] * osprey_model_get_info(model)->embed_dim, sizeof *out);
    osprey_session_embed_pixels(session, pixels.data, pixels.dims[0], OSPREY_EMBED_RAW, out,
                                &error);
    assert_int_equal(osprey_session_get_info(session).arena_bytes, before);
    free(out);
    free(pixels.data);
    osprey_session_free(session);
    osprey_model_free(model);

    model = open_model(golden_model(SMALL));
    assert_null(osprey_model_get_engine(model));
    assert_int_equal(osprey_engine_verify(model, &error), OSPREY_INVALID_ARGUMENT);
    osprey_model_free(model);
}

/* However many an engine is compiled for, as many images run at once as caches hold; they give what
 * each gives alone. */
static void test_images_run_near_the_cores(void **state)
{
    (void)state;
    enum { IMAGES = 500 };
    osprey_error error;
    const size_t batches[] = {1024};
    const osprey_engine_options options = {
        .towers = OSPREY_TOWER_IMAGE, .batches = batches, .batch_count = 1};
    const char *path = in_directory("near.osprey");
    compile_golden(SMALL, &options, path);
    osprey_model *model = open_model(path);
    osprey_session *session = open_session(model, OSPREY_TOWER_IMAGE);
    const osprey_engine_profile *profile = &osprey_model_get_engine(model)->image.profiles[0];
    size_t taken = osprey_session_get_info(session).arena_bytes - profile->scratch_bytes;
    assert_in_range(taken, 1, profile->arena_bytes - 1);
    npy pixels = pixels_of(SMALL);
    size_t width = osprey_model_get_info(model)->embed_dim, kinds = pixels.dims[0];
    size_t floats = pixels.dims[1] * pixels.dims[2] * pixels.dims[3];
    float *many = calloc(IMAGES * floats, sizeof *many);
    float *alone = calloc(kinds * width, sizeof *alone);
    float *out = calloc(IMAGES * width, sizeof *out);
    for (size_t i = 0; i < IMAGES; i++)
        memcpy(many + i * floats, pixels.data + i % kinds * floats, floats * sizeof *many);
    for (size_t i = 0; i < kinds; i++)
        assert_int_equal(osprey_session_embed_pixels(session, many + i * floats, 1,
                                                     OSPREY_EMBED_RAW, alone + i * width, &error),
                         OSPREY_OK);
    assert_int_equal(
        osprey_session_embed_pixels(session, many, IMAGES, OSPREY_EMBED_RAW, out, &error),
        OSPREY_OK);
    for (size_t i = 0; i < IMAGES; i++)
        assert_memory_equal(out + i * width, alone + i % kinds * width, width * sizeof *out);
    free(many);
    free(alone);
    free(out);
    free(pixels.data);
    osprey_session_free(session);
    osprey_model_free(model);
}

static void test_one_tower(void **state)
{
    (void)state;
    const osprey_engine_options options = {.towers = OSPREY_TOWER_TEXT};
    const char *path = in_directory("text.osprey");
    compile_golden(SMALL, &options, path);
    osprey_model *model = open_model(path);
    assert_int_equal(osprey_model_get_engine(model)->image.profile_count, 0);
    osprey_session_free(open_session(model, OSPREY_TOWER_TEXT));
    osprey_session *session = NULL;
    osprey_error error;
    assert_int_equal(osprey_session_create(model, NULL, &session, &error), OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "without its image tower"));
    osprey_model_free(model);
}

/* The tokenizer belongs to the text tower. */
static void test_no_text_tower(void **state)
{
    (void)state;
    const osprey_engine_options options = {.towers = OSPREY_TOWER_IMAGE};
    const char *path = in_directory("image.osprey");
    compile_golden(SMALL, &options, path);
    osprey_model *model = open_model(path);
    assert_null(osprey_model_tokenizer(model));
    osprey_error error;
    osprey_session *session = open_session(model, OSPREY_TOWER_IMAGE);
    npy pixels = pixels_of(SMALL);
    float *out = calloc(pixels.dims[0] * osprey_model_get_info(model)->embed_dim, sizeof *out);
    assert_int_equal(osprey_session_embed_pixels(session, pixels.data, pixels.dims[0],
                                                 OSPREY_EMBED_RAW, out, &error),
                     OSPREY_OK);
    assert_int_equal(osprey_session_embed_texts(session, texts, 1, OSPREY_EMBED_RAW, out, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "without its text tower"));
    free(out);
    free(pixels.data);
    osprey_session_free(session);
    osprey_model_free(model);
}

/* Each of the seven tokens of the message is what a reader needs to know. */
static void test_another_instruction_set(void **state)
{
    (void)state;
    const char *path = in_directory("foreign.osprey");
    osprey_error error;
    size_t length;
    const osprey_engine_options portable = {.portable = true};
    for (int is_portable = 0; is_portable < 2; is_portable++) {
        compile_golden(SMALL, is_portable ? &portable : NULL, path);
        uint8_t *bytes = read_bytes(path, &length);
        /* A name of the same length, so that the manifest stays as long as it is. */
        static const char key[] = "\"packing\": \"";
        uint8_t *at = memmem(bytes, length, key, sizeof key - 1);
        assert_non_null(at);
        at[sizeof key - 1] ^= 1; /* another digit */
        engine_seal(bytes, length);
        osprey_status status = run_bytes(bytes, length, &error);
        if (is_portable) {
            assert_int_equal(status, OSPREY_OK);
        } else {
            assert_int_equal(status, OSPREY_UNSUPPORTED);
            assert_non_null(strstr(error.message, "weights are packed for"));
            assert_non_null(strstr(error.message, "--portable"));
        }
        free(bytes);
    }
}

/* A level below this machine's that it lacks nonetheless: Zen 4 has no AVX-VNNI. */
static void test_an_instruction_set_between(void **state)
{
    (void)state;
    static const char here[] = "\"instruction_set\": \"avx512\"";
    static const char foreign[] = "\"instruction_set\":\"avxvnni\"";
    const char *path = in_directory("between.osprey");
    osprey_error error;
    size_t length;
    compile_golden(SMALL, NULL, path);
    uint8_t *bytes = read_bytes(path, &length);
    uint8_t *at = memmem(bytes, length, here, sizeof here - 1);
    osprey__cpu_level level;
    if (at && !osprey__cpu_level_find("avxvnni", OSPREY__CPU_LEVELS - 1, &level)) {
        memcpy(at, foreign, sizeof foreign - 1);
        engine_seal(bytes, length);
        assert_int_equal(run_bytes(bytes, length, &error), OSPREY_UNSUPPORTED);
        assert_non_null(strstr(error.message, "was compiled for avxvnni"));
    } else {
        print_message("NOT RUN: it asks for AVX-512 without AVX-VNNI\n");
    }
    free(bytes);
}

static void test_wrong_use(void **state)
{
    (void)state;
    osprey_error error;
    const char *path = in_directory("wrong.osprey");
    osprey_model *model = open_model(golden_model(SMALL));
    const size_t falling[] = {8, 1}, zero[] = {0}, huge[] = {1 << 20};
    const size_t *const wrong[] = {falling, zero, huge};
    for (size_t i = 0; i < 3; i++) {
        const osprey_engine_options options = {.batches = wrong[i], .batch_count = i ? 1 : 2};
        assert_int_equal(osprey_engine_compile(model, &options, path, &error),
                         OSPREY_INVALID_ARGUMENT);
        assert_false(osprey__file_exists(path));
    }
    assert_int_equal(osprey_engine_compile(model, NULL, in_directory("missing/m.osprey"), &error),
                     OSPREY_IO);
    osprey_model_free(model);
    compile_golden(SMALL, NULL, path);
    model = open_model(path);
    assert_int_equal(osprey_engine_compile(model, NULL, in_directory("again.osprey"), &error),
                     OSPREY_INVALID_ARGUMENT);
    osprey_model_free(model);
    assert_int_equal(osprey_model_open(in_directory("none.osprey"), &model, &error),
                     OSPREY_NOT_FOUND);
}

static void test_cut_engines_are_refused(void **state)
{
    (void)state;
    osprey_error error;
    size_t length;
    compile_golden(SMALL, NULL, in_directory("cut.osprey"));
    uint8_t *bytes = read_bytes(in_directory("cut.osprey"), &length);
    for (size_t cut = 0; cut < length; cut += cut < 100 ? 7 : 4001)
        assert_int_not_equal(run_bytes(bytes, cut, &error), OSPREY_OK);
    free(bytes);
}

/* Behind right checksums, each change is refused or leaves an engine that runs without harm. */
static void test_changed_engines_do_no_harm(void **state)
{
    (void)state;
    osprey_error error;
    size_t length, refused = 0, ran = 0;
    const osprey_engine_options options = {.portable = true};
    compile_golden(SMALL, &options, in_directory("changed.osprey"));
    uint8_t *bytes = read_bytes(in_directory("changed.osprey"), &length);
    uint8_t *changed = malloc(length);
    /* Where the structure is; nearly all of the rest is weights. */
    static const char *const places[] = {"manifest", "tokenizer", "image.graph", "text.graph"};
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_parse(bytes, length, "whole", &file, &error), OSPREY_OK);
    uint32_t random = 1;
    for (size_t n = 0; n < 2000; n++) {
        memcpy(changed, bytes, length);
        random = random * 1664525 + 1013904223;
        size_t at = (random >> 4) % 512;
        if (n % 5 < 4) {
            const osprey__engine_section *section = osprey__engine_file_find(&file, places[n % 5]);
            at = (size_t)(section->bytes - bytes) + (random >> 4) % section->length;
        }
        changed[at] ^= (uint8_t)(1 << (random & 7));
        engine_seal(changed, length);
        if (run_bytes(changed, length, &error) == OSPREY_OK)
            ran++;
        else
            refused++;
    }
    print_message("%zu refused, %zu ran\n", refused, ran);
    assert_true(refused > 500 && ran > 100);
    free(changed);
    free(bytes);
}

/* Every allocation fails once, of compiling and of opening and running: an error and no leak. */
static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    const char *path = in_directory("memory.osprey");
    const osprey_engine_options options = {.portable = true};
    compile_without_memory(SMALL, &options, path, SIZE_MAX, 1);
    osprey_error error = {0};
    osprey_status status = OSPREY_OUT_OF_MEMORY;
    for (size_t n = 0; status != OSPREY_OK; n++) {
        osprey_model *model = NULL;
        osprey_session *session = NULL;
        size_t left = n;
        osprey__set_memory_hook(fail_at, &left);
        status = osprey_model_open(path, &model, &error);
        const osprey_session_options one = {.threads = 1};
        if (status == OSPREY_OK) status = osprey_session_create(model, &one, &session, &error);
        osprey__set_memory_hook(NULL, NULL);
        osprey_session_free(session);
        osprey_model_free(model);
        assert_true(status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY);
        if (status != OSPREY_OK) assert_string_equal(error.subject, path);
    }
}

int main(void)
{
    int missing = test_cpu_missing();
    if (missing) return missing;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engines_give_the_same),
        cmocka_unit_test(test_tables_are_rounded),
        cmocka_unit_test(test_unknown_precision),
        cmocka_unit_test(test_a_negative_deviation),
        cmocka_unit_test(test_a_manifest_that_is_no_json),
        cmocka_unit_test(test_templates_are_kept),
        cmocka_unit_test(test_compiling_twice_gives_the_same_file),
        cmocka_unit_test(test_what_an_engine_tells),
        cmocka_unit_test(test_images_run_near_the_cores),
        cmocka_unit_test(test_one_tower),
        cmocka_unit_test(test_no_text_tower),
        cmocka_unit_test(test_another_instruction_set),
        cmocka_unit_test(test_an_instruction_set_between),
        cmocka_unit_test(test_wrong_use),
        cmocka_unit_test(test_cut_engines_are_refused),
        cmocka_unit_test(test_changed_engines_do_no_harm),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
