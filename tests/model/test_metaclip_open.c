/* SPDX-License-Identifier: Apache-2.0 */
/* MetaCLIP 2: CLIP's towers with a tokenizer of SentencePiece's kind. What is read, and what is
 * refused. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "model/zoo.h"
#include "open_model.h"
#include "test_directory.h"

#include <osprey/osprey.h>

#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define HUGGINGFACE  GOLDEN("hf-metaclip2")
#define WORLDWIDE    GOLDEN("openclip-worldwide")

static void assert_pieces(const char *path)
{
    osprey_model *model = open_model(path);
    assert_string_equal(osprey_model_get_info(model)->text.architecture, "clip_text");
    assert_string_equal(osprey_tokenizer_get_info(osprey_model_tokenizer(model)).kind, "unigram");
    osprey_model_free(model);
}

static void test_both_layouts(void **state)
{
    (void)state;
    assert_pieces(HUGGINGFACE);
    assert_pieces(WORLDWIDE);
}

/* Files of Hugging Face's with one thing changed. */
static void refuse(const char *from, const char *to, const char *tokenizer, osprey_status status,
                   const char *words)
{
    static const char *const files[] = {"model.safetensors", "preprocessor_config.json",
                                        "tokenizer_config.json"};
    test_directory d;
    test_directory_create(&d);
    for (size_t i = 0; i < 3; i++) test_directory_link(&d, HUGGINGFACE, files[i]);
    test_directory_replace(&d, HUGGINGFACE, "config.json", from, to);
    if (tokenizer) test_directory_link(&d, tokenizer, "tokenizer.json");
    refuse_model(d.path, status, words);
    test_directory_free(&d);
}

static void test_contradictions_are_named(void **state)
{
    (void)state;
    refuse("\"eos_token_id\": 2", "\"eos_token_id\": 2", NULL, OSPREY_NOT_FOUND,
           "tokenizer.json is missing");
    refuse("\"eos_token_id\": 2", "\"eos_token_id\": 2000", HUGGINGFACE, OSPREY_FORMAT,
           "\"eos_token_id\" is 2000, outside the vocabulary");
    refuse("\"eos_token_id\": 2", "\"eos_token_id\": 2", GOLDEN("hf-vit-p32-quickgelu"),
           OSPREY_UNSUPPORTED, "normalizer has \"NFC\"");
    static const openclip_change changes[] = {
        {WORLDWIDE, "\"eos_id\": 1", "\"eos_id\": 1000", OSPREY_FORMAT,
         "\"eos_id\" is 1000, outside the vocabulary"},
        {WORLDWIDE, "\"canonicalize\"", "\"upper\"", OSPREY_UNSUPPORTED, "\"upper\""},
        /* Then the end is CLIP's, and so is the tokenizer. */
        {WORLDWIDE, "\"pool_type\": \"eos\"", "\"pool_type\": \"argmax\"", OSPREY_UNSUPPORTED,
         "\"clean\" is \"canonicalize\"; osprey cleans texts for the text towers of SigLIP, "
         "MetaCLIP 2"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

/* Entries of zoo.def against OpenCLIP's configurations. */
static void test_architectures(void **state)
{
    (void)state;
    static const struct {
        const char *name, *cleaning;
        osprey_activation activation;
        size_t image_size, embed_dim, width, heads, mlp_width, text_width, text_layers, text_heads,
            ids, end_id;
    } known[] = {
        {"ViT-L-14-worldwide", "canonicalize", OSPREY_ACTIVATION_GELU, 224, 768, 1024, 16, 4096,
         768, 12, 12, 250100, 1},
        {"ViT-L-14-worldwide-quickgelu", "canonicalize", OSPREY_ACTIVATION_QUICK_GELU, 224, 768,
         1024, 16, 4096, 768, 12, 12, 250100, 1},
        {"ViT-H-14-worldwide", "whitespace", OSPREY_ACTIVATION_GELU, 224, 1024, 1280, 16, 5120,
         1024, 24, 16, 901629, 2},
        {"ViT-H-14-worldwide-quickgelu", "whitespace", OSPREY_ACTIVATION_QUICK_GELU, 224, 1024,
         1280, 16, 5120, 1024, 24, 16, 901629, 2},
        {"ViT-H-14-worldwide-378", "whitespace", OSPREY_ACTIVATION_GELU, 378, 1024, 1280, 16, 5120,
         1024, 24, 16, 901629, 2},
        {"ViT-bigG-14-worldwide", "whitespace", OSPREY_ACTIVATION_GELU, 224, 1280, 1664, 16, 8192,
         1280, 32, 20, 901629, 2},
        {"ViT-bigG-14-worldwide-378", "whitespace", OSPREY_ACTIVATION_GELU, 378, 1280, 1664, 16,
         8192, 1280, 32, 20, 901629, 2},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        osprey__model_config config;
        osprey_error error;
        assert_int_equal(osprey__zoo_find(known[i].name, &config, &error), OSPREY_OK);
        const osprey__text_config *text = &config.text;
        assert_string_equal(config.file, known[i].name);
        assert_int_equal(config.image.image_height, known[i].image_size);
        assert_int_equal(config.image.patch_size, 14);
        assert_int_equal(config.embed_dim, known[i].embed_dim);
        assert_int_equal(config.image.width, known[i].width);
        assert_int_equal(config.image.heads, known[i].heads);
        assert_int_equal(config.image.mlp_width, known[i].mlp_width);
        assert_int_equal(config.image.activation, known[i].activation);
        assert_int_equal(text->kind, OSPREY__TEXT_CLIP);
        assert_int_equal(text->width, known[i].text_width);
        assert_int_equal(text->layers, known[i].text_layers);
        assert_int_equal(text->heads, known[i].text_heads);
        assert_int_equal(text->mlp_width, 4 * known[i].text_width);
        assert_int_equal(text->activation, known[i].activation);
        assert_int_equal(text->vocabulary, known[i].ids);
        assert_int_equal(text->context_length, 77);
        assert_int_equal(text->pooling, OSPREY__POOL_FIRST_END);
        assert_int_equal(text->end_id, known[i].end_id);
        assert_true(config.foreign_tokenizer && config.piece_tokenizer);
        assert_string_equal(config.text_cleaning, known[i].cleaning);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_layouts),
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_architectures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
