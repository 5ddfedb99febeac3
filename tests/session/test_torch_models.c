/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The golden models from PyTorch's files (tests/golden/make_torch_files.py): the same weights have
 * to give the same embeddings, bit for bit, also through an engine in every precision.
 */
#include "cmocka_all.h"
#include "npy_read.h"
#include "open_model.h"
#include "test_directory.h"

#include <osprey/osprey.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS OSPREY_TEST_DIR "/golden/models/"
#define TORCH  OSPREY_TEST_DIR "/golden/torch/"

static const struct {
    const char *model;
    const char *opened; /* in the directory; "" for itself */
} cases[] = {
    {"hf-vit-p32-quickgelu", ""},
    {"hf-vit-p32-quickgelu", "/pytorch_model.bin"},
    {"hf-vit-p14-bf16-sparse", ""},
    {"hf-vit-p16-gelu-sharded", ""},
    {"hf-vit-p16-gelu-sharded", "/pytorch_model.bin.index.json"},
    {"hf-chinese-clip", ""},
    {"hf-chinese-clip", "/pytorch_model.bin"},
    {"openclip-vit-p14-quickgelu-builtin", ""},
    {"openclip-vit-p16-gelu", "/epoch_1.pt"},
    {"openclip-vit-p16-gelu", "/TinyCLIP.pt"},
    {"openclip-rn", ""},
};

#define CASES (sizeof cases / sizeof *cases)

typedef struct embeddings {
    float values[64 * 64];
    size_t count;
} embeddings;

/* Links every file but those with that in their names. */
static void link_all(const test_directory *d, const char *source, const char *without)
{
    DIR *listing = opendir(source);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (entry->d_name[0] != '.' && !(without && strstr(entry->d_name, without)))
            test_directory_link(d, source, entry->d_name);
    }
    closedir(listing);
}

/* The golden model's configuration and tokenizer with PyTorch's weights beside them. */
static void create(test_directory *d, const char *model)
{
    char path[1024];
    test_directory_create(d);
    snprintf(path, sizeof path, MODELS "%s", model);
    link_all(d, path, ".safetensors");
    snprintf(path, sizeof path, TORCH "%s", model);
    link_all(d, path, NULL);
}

/* Of the golden pixels and some texts. */
static void embed(const osprey_model *model, const char *golden, embeddings *out)
{
    char path[1024];
    static const char *const texts[] = {"a photo of a cat", "", "dog"};
    const size_t width = osprey_model_get_info(model)->embed_dim;
    osprey_error error;
    snprintf(path, sizeof path, MODELS "%s/pixels.npy", golden);
    npy pixels = npy_read(path);
    out->count = (pixels.dims[0] + 3) * width;
    assert_true(out->count <= sizeof out->values / sizeof *out->values);
    osprey_session *session = session_on(model, 2);
    assert_int_equal(osprey_session_embed_pixels(session, pixels.data, pixels.dims[0],
                                                 OSPREY_EMBED_UNIT_LENGTH, out->values, &error),
                     OSPREY_OK);
    assert_int_equal(osprey_session_embed_texts(session, texts, 3, OSPREY_EMBED_UNIT_LENGTH,
                                                out->values + pixels.dims[0] * width, &error),
                     OSPREY_OK);
    osprey_session_free(session);
    free(pixels.data);
}

static void assert_same(const embeddings *a, const embeddings *b, const char *what)
{
    if (a->count != b->count || memcmp(a->values, b->values, a->count * sizeof *a->values) != 0)
        fail_msg("%s: the embeddings differ", what);
}

static void test_torch_files_give_the_same_embeddings(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        static embeddings wanted, got;
        char path[1024];
        osprey_model *model = open_model(golden_model(cases[i].model));
        embed(model, cases[i].model, &wanted);
        osprey_model_free(model);

        test_directory d;
        create(&d, cases[i].model);
        snprintf(path, sizeof path, "%s%s", d.path, cases[i].opened);
        model = open_model(path);
        assert_string_equal(osprey_model_get_info(model)->weight_format, "PyTorch checkpoint");
        embed(model, cases[i].model, &got);
        assert_same(&got, &wanted, path);
        osprey_model_free(model);
        test_directory_free(&d);
    }
}

/* Compiles the model at path in a precision and embeds with the engine. */
static void embed_compiled(const char *path, const char *golden, osprey_precision precision,
                           embeddings *out)
{
    test_directory d;
    char engine[1024];
    osprey_error error;
    test_directory_create(&d);
    snprintf(engine, sizeof engine, "%s/model.osprey", d.path);
    osprey_model *model = open_model(path);
    const osprey_engine_options options = {.precision = precision};
    if (osprey_engine_compile(model, &options, engine, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    osprey_model_free(model);
    model = open_model(engine);
    embed(model, golden, out);
    osprey_model_free(model);
    test_directory_free(&d);
}

static void test_engines_of_torch_files_in_every_precision(void **state)
{
    (void)state;
    static const char *const models[] = {"hf-vit-p32-quickgelu", "openclip-rn"};
    for (size_t i = 0; i < 2; i++) {
        test_directory d;
        char path[1024];
        create(&d, models[i]);
        snprintf(path, sizeof path, MODELS "%s", models[i]);
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            static embeddings wanted, got;
            embed_compiled(path, models[i], (osprey_precision)p, &wanted);
            embed_compiled(d.path, models[i], (osprey_precision)p, &got);
            assert_same(&got, &wanted, osprey_precision_name((osprey_precision)p));
        }
        test_directory_free(&d);
    }
}

/* A TorchScript archive by itself; fp32 through an engine is what the model itself gives. */
static void test_archives_compile_in_every_precision(void **state)
{
    (void)state;
    static const char *const archives[][2] = {{"openai-vit", MODELS "openai-vit/ViT-tiny.pt"},
                                              {"openai-rn", MODELS "openai-rn/RN-tiny.pt"}};
    for (size_t i = 0; i < 2; i++) {
        static embeddings wanted, got;
        osprey_model *model = open_model(archives[i][1]);
        const osprey_model_info *info = osprey_model_get_info(model);
        assert_string_equal(info->layout, "openai");
        assert_string_equal(info->weight_format, "TorchScript archive");
        assert_null(info->arch);
        assert_int_equal(info->text.activation, OSPREY_ACTIVATION_QUICK_GELU);
        assert_string_equal(info->name, i ? "RN-tiny" : "ViT-tiny");
        embed(model, archives[i][0], &wanted);
        osprey_model_free(model);
        for (int p = 0; p < OSPREY_PRECISIONS; p++) {
            embed_compiled(archives[i][1], archives[i][0], (osprey_precision)p, &got);
            if (p == OSPREY_PRECISION_FP32) assert_same(&got, &wanted, archives[i][1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch_files_give_the_same_embeddings),
        cmocka_unit_test(test_engines_of_torch_files_in_every_precision),
        cmocka_unit_test(test_archives_compile_in_every_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
