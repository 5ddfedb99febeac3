/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCLIP's SigLIP: bare weights, the files of its tokenizer, and what is refused. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "model/zoo.h"
#include "open_model.h"
#include "test_directory.h"

#include <osprey/osprey.h>

#include <stdio.h>
#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define SIGLIP       GOLDEN("openclip-siglip")
#define SIGLIP2      GOLDEN("openclip-siglip2")

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {SIGLIP, "\"map\"", "\"avg\"", OSPREY_UNSUPPORTED, "\"map\" and \"none\""},
        {SIGLIP, "\"timm_proj\": \"none\"", "\"timm_proj\": null", OSPREY_UNSUPPORTED,
         "\"timm_proj\" \"\""},
        {SIGLIP, "vit_base_patch16_siglip_224", "vit_base_patch16_siglip_gap_224",
         OSPREY_UNSUPPORTED, "\"timm_model_name\" is \"vit_base_patch16_siglip_gap_224\""},
        {SIGLIP, "vit_base_patch16_siglip_224", "vit_so400m_patch14_siglip_224", OSPREY_FORMAT,
         "64 wide, which the heads of vit_so400m_patch14_siglip_224, 72 wide, do not divide"},
        {SIGLIP, "\"embed_dim\": 64", "\"embed_dim\": 65", OSPREY_FORMAT,
         "\"embed_dim\" is 65, but the image tower is 64 wide"},
        {SIGLIP, "\"image_size\": 50", "\"image_size\": 64", OSPREY_FORMAT,
         "tensor \"visual.trunk.pos_embed\" has the shape [1, 9, 64]"},
        {SIGLIP, "\"image_size\": 50", "\"image_size\": 15", OSPREY_LIMIT,
         "visual.trunk.patch_embed.proj.weight"},
        {SIGLIP, "\"custom_text\": true", "\"custom_text\": false", OSPREY_UNSUPPORTED,
         "with \"custom_text\""},
        {SIGLIP, "\"pool_type\": \"last\"", "\"pool_type\": \"argmax\"", OSPREY_UNSUPPORTED,
         "one by one"},
        {SIGLIP, "\"canonicalize\"", "\"stem\"", OSPREY_UNSUPPORTED, "\"clean\" is \"stem\""},
        {GOLDEN("openclip-mobileclip-s"), "\"no_causal_mask\": true",
         "\"no_causal_mask\": true, \"pool_type\": \"last\", \"proj_bias\": true",
         OSPREY_UNSUPPORTED, "supported together"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

/* Tokenizers are the directory's: CLIP's own would be a wrong one. */
static void test_tokenizer_is_asked_for(void **state)
{
    (void)state;
    test_directory d;
    test_directory_create(&d);
    test_directory_link(&d, SIGLIP, OPENCLIP_CONFIG);
    test_directory_link(&d, SIGLIP, OPENCLIP_WEIGHTS);
    refuse_model(d.path, OSPREY_NOT_FOUND, "spiece.model or tokenizer.json is missing");
    test_directory_link(&d, SIGLIP2, "tokenizer.json");
    refuse_model(d.path, OSPREY_FORMAT, "tokens, but open_clip_config.json gives");
    test_directory_free(&d);
}

/* Where a directory has both, open_clip's tokenizer is tokenizer.json. */
static void test_json_goes_first(void **state)
{
    (void)state;
    test_directory d;
    test_directory_create(&d);
    test_directory_link(&d, SIGLIP, OPENCLIP_CONFIG);
    test_directory_link(&d, SIGLIP, OPENCLIP_WEIGHTS);
    test_directory_link(&d, GOLDEN("hf-siglip"), "spiece.model");
    osprey_model *model = open_model(d.path);
    osprey_model_free(model);
    test_directory_link(&d, SIGLIP, "tokenizer.json");
    model = open_model(d.path);
    const osprey_model_info *info = osprey_model_get_info(model);
    bool json = false;
    for (size_t i = 0; i < info->file_count; i++) {
        json |= strstr(info->files[i], "/tokenizer.json") != NULL;
        assert_null(strstr(info->files[i], "spiece.model"));
    }
    assert_true(json);
    osprey_model_free(model);
    test_directory_free(&d);
}

/* Weights alone do not say which activation they were trained with. */
static void test_bare_weights_are_named(void **state)
{
    (void)state;
    refuse_bare_openclip_weights(
        SIGLIP, "SigLIP's, ViTamin's, RoBERTa's and XLM-RoBERTa's, which --arch names",
        "ViT-B-16-SigLIP", "but ViT-B-16-SigLIP asks for [768, 3, 16, 16]");
}

/* Entries of zoo.def against OpenCLIP's configurations. */
static void test_architectures(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t image_size, width, heads, vocabulary, context_length, text_width, text_heads;
        osprey_activation image, text;
        bool unprojected;
    } known[] = {
        {"ViT-B-16-SigLIP", 224, 768, 12, 32000, 64, 768, 12, OSPREY_ACTIVATION_GELU,
         OSPREY_ACTIVATION_GELU, false},
        {"ViT-SO400M-14-SigLIP", 224, 1152, 16, 32000, 16, 1152, 16, OSPREY_ACTIVATION_GELU,
         OSPREY_ACTIVATION_GELU, false},
        {"ViT-SO400M-16-SigLIP-i18n-256", 256, 1152, 16, 250000, 64, 1152, 16,
         OSPREY_ACTIVATION_GELU_TANH, OSPREY_ACTIVATION_GELU, true},
        {"ViT-B-16-SigLIP2", 224, 768, 12, 256000, 64, 768, 12, OSPREY_ACTIVATION_GELU,
         OSPREY_ACTIVATION_GELU_TANH, false},
        {"ViT-gopt-16-SigLIP2-384", 384, 1536, 16, 256000, 64, 1152, 16,
         OSPREY_ACTIVATION_GELU_TANH, OSPREY_ACTIVATION_GELU_TANH, false},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        osprey__model_config config;
        osprey_error error;
        assert_int_equal(osprey__zoo_find(known[i].name, &config, &error), OSPREY_OK);
        assert_string_equal(config.file, known[i].name);
        assert_int_equal(config.image.image_height, known[i].image_size);
        assert_int_equal(config.image.width, known[i].width);
        assert_int_equal(config.embed_dim, known[i].width);
        assert_int_equal(config.image.heads, known[i].heads);
        assert_int_equal(config.image.activation, known[i].image);
        assert_int_equal(config.text.vocabulary, known[i].vocabulary);
        assert_int_equal(config.text.context_length, known[i].context_length);
        assert_int_equal(config.text.width, known[i].text_width);
        assert_int_equal(config.text.heads, known[i].text_heads);
        assert_int_equal(config.text.activation, known[i].text);
        assert_int_equal(config.text.unprojected, known[i].unprojected);
        assert_true(config.image.attention_pooled && config.foreign_tokenizer);
        assert_string_equal(config.text_cleaning, "canonicalize");
        assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_EXACT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_tokenizer_is_asked_for),
        cmocka_unit_test(test_json_goes_first),
        cmocka_unit_test(test_bare_weights_are_named),
        cmocka_unit_test(test_architectures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
