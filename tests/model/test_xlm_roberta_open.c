/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCLIP's models with XLM-RoBERTa or RoBERTa as the text tower: bare weights, and what is
 * refused. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "model/zoo.h"
#include "open_model.h"
#include "test_directory.h"

#include <osprey/osprey.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define BASE         GOLDEN("openclip-xlm-roberta")
#define FIRST        GOLDEN("openclip-xlm-roberta-first")
#define ROBERTA      GOLDEN("openclip-roberta")

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const char name[] = "\"hf_model_name\": \"xlm-roberta-base\"";
    static const openclip_change changes[] = {
        {BASE, name, "\"hf_model_name\": \"mt5-base\"", OSPREY_UNSUPPORTED,
         "\"hf_model_name\" is \"mt5-base\"; of transformers' text towers there are "
         "xlm-roberta-base, xlm-roberta-large, roberta-base and roberta-large"},
        {ROBERTA, "\"hf_model_name\": \"roberta-base\"",
         "\"hf_model_name\": \"distilroberta-base\"", OSPREY_UNSUPPORTED,
         "\"hf_model_name\" is \"distilroberta-base\""},
        {ROBERTA, "mean_pooler", "max_pooler", OSPREY_UNSUPPORTED,
         "\"hf_pooler_type\" is \"max_pooler\""},
        {BASE, name, "\"hf_model_name\": null", OSPREY_UNSUPPORTED, "\"Unigram\""},
        {BASE, "mean_pooler", "max_pooler", OSPREY_UNSUPPORTED,
         "\"hf_pooler_type\" is \"max_pooler\"; supported are mean_pooler, cls_pooler"},
        /* Weights of a model that has none. */
        {BASE, "mean_pooler", "cls_pooler", OSPREY_NOT_FOUND,
         "text.transformer.pooler.dense.weight"},
        {FIRST, "cls_pooler", "mean_pooler", OSPREY_FORMAT, "text.transformer.pooler.dense."},
        {FIRST, "\"linear\"", "\"mlp\"", OSPREY_NOT_FOUND, "text.proj.0.weight"},
        {FIRST, "\"linear\"", "\"cubic\"", OSPREY_UNSUPPORTED,
         "\"hf_proj_type\" is \"cubic\"; supported are mlp, linear and null"},
        {FIRST, "\"linear\"", "null", OSPREY_FORMAT,
         "\"embed_dim\" is 24, but the text tower is 128 wide"},
        {BASE, "\"embed_dim\": 24", "\"embed_dim\": 26", OSPREY_FORMAT,
         "open_clip_config.json asks for"},
        {FIRST, "\"context_length\": 20", "\"context_length\": 21", OSPREY_FORMAT,
         "22 positions, but texts have up to 21 tokens, the first at position 2"},
        {BASE, "\"image_size\": 32", "\"timm_model_name\": \"vit_large_patch14_clip_224\"",
         OSPREY_UNSUPPORTED, "timm"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

/* The name of the organisation changes nothing. */
static void test_the_newer_name_is_the_same(void **state)
{
    (void)state;
    test_directory d;
    test_directory_create(&d);
    test_directory_link(&d, BASE, OPENCLIP_WEIGHTS);
    test_directory_link(&d, BASE, "tokenizer.json");
    test_directory_replace(&d, BASE, OPENCLIP_CONFIG, "\"hf_model_name\": \"xlm",
                           "\"hf_model_name\": \"FacebookAI/xlm");
    osprey_model *model = open_model(d.path);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->text.architecture, "bert");
    assert_int_equal(info->context_length, 77);
    assert_int_equal(info->text.heads, 1);
    osprey_model_free(model);
    test_directory_free(&d);
}

/* Tokenizers are the directory's, and no other kind's. */
static void test_tokenizer_is_asked_for(void **state)
{
    (void)state;
    test_directory d;
    test_directory_create(&d);
    test_directory_link(&d, BASE, OPENCLIP_CONFIG);
    test_directory_link(&d, BASE, OPENCLIP_WEIGHTS);
    test_directory_link(&d, GOLDEN("hf-bert-first"), "vocab.txt");
    refuse_model(d.path, OSPREY_NOT_FOUND, "no tokenizer: tokenizer.json is missing");
    char pieces[PATH_MAX];
    snprintf(pieces, sizeof pieces, "%s/sentencepiece.bpe.model", d.path);
    FILE *file = fopen(pieces, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    refuse_model(d.path, OSPREY_NOT_FOUND,
                 "sentencepiece.bpe.model lies there without tokenizer.json");
    test_directory_remove(&d, "sentencepiece.bpe.model");
    test_directory_link(&d, GOLDEN("hf-bert-mean"), "tokenizer.json");
    refuse_model(d.path, OSPREY_UNSUPPORTED, "BertNormalizer");
    test_directory_remove(&d, "tokenizer.json");
    /* RoBERTa's is as good a tokenizer, but of another vocabulary. */
    test_directory_link(&d, GOLDEN("hf-roberta-mean"), "vocab.json");
    test_directory_link(&d, GOLDEN("hf-roberta-mean"), "merges.txt");
    refuse_model(d.path, OSPREY_FORMAT, "tokens");
    test_directory_free(&d);
}

static void test_bare_weights_are_named(void **state)
{
    (void)state;
    refuse_bare_openclip_weights(
        BASE,
        "belongs to a text tower of transformers; of OpenCLIP's towers "
        "osprey has CLIP's own ViT, ResNet and text transformer, those of "
        "CoCa, EVA, MobileCLIP and ConvNeXt, the Perception Encoder's, and "
        "SigLIP's, ViTamin's, RoBERTa's and XLM-RoBERTa's, which --arch names",
        "xlm-roberta-base-ViT-B-32", "that of another model");
    refuse_bare_openclip_weights(ROBERTA, "which --arch names", "roberta-ViT-B-32",
                                 "that of another model");
    refuse_bare_openclip_weights(ROBERTA, "which --arch names", "coca_roberta-ViT-B-32",
                                 "that of another model");
}

/* Entries of zoo.def against OpenCLIP's configurations and those of the models that they name. */
static void test_architectures(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        osprey_activation activation; /* of the image tower */
        size_t embed_dim, patch, width, heads, text_width, text_layers, text_heads, projection, ids;
    } known[] = {
        {"xlm-roberta-base-ViT-B-32", OSPREY_ACTIVATION_GELU, 512, 32, 768, 12, 768, 12, 12, 640,
         250002},
        {"xlm-roberta-large-ViT-H-14", OSPREY_ACTIVATION_GELU, 1024, 14, 1280, 16, 1024, 24, 16,
         1024, 250002},
        {"roberta-ViT-B-32", OSPREY_ACTIVATION_QUICK_GELU, 512, 32, 768, 12, 768, 12, 12, 640,
         50265},
        {"coca_roberta-ViT-B-32", OSPREY_ACTIVATION_GELU, 512, 32, 768, 12, 768, 12, 12, 0, 50265},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        osprey__model_config config;
        osprey_error error;
        assert_int_equal(osprey__zoo_find(known[i].name, &config, &error), OSPREY_OK);
        const osprey__text_config *text = &config.text;
        assert_string_equal(config.file, known[i].name);
        assert_int_equal(config.embed_dim, known[i].embed_dim);
        assert_int_equal(config.image.patch_size, known[i].patch);
        assert_int_equal(config.image.width, known[i].width);
        assert_int_equal(config.image.heads, known[i].heads);
        assert_int_equal(config.image.activation, known[i].activation);
        assert_int_equal(text->width, known[i].text_width);
        assert_int_equal(text->layers, known[i].text_layers);
        assert_int_equal(text->heads, known[i].text_heads);
        assert_int_equal(text->mlp_width, 4 * known[i].text_width);
        assert_int_equal(text->projection_width, known[i].projection);
        assert_int_equal(text->vocabulary, known[i].ids);
        assert_int_equal(text->context_length, 77);
        assert_int_equal(text->positions, 514);
        assert_int_equal(text->first_position, 2);
        assert_int_equal(text->token_types, 1);
        assert_int_equal(text->activation, OSPREY_ACTIVATION_GELU);
        assert_true(text->layer_norm_epsilon == 1e-5F);
        assert_int_equal(text->pooling, OSPREY__POOL_MEAN);
        assert_true(config.foreign_tokenizer && !text->has_pooler && !text->unprojected);
        assert_string_equal(config.text_cleaning, "whitespace");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_the_newer_name_is_the_same),
        cmocka_unit_test(test_tokenizer_is_asked_for),
        cmocka_unit_test(test_bare_weights_are_named),
        cmocka_unit_test(test_architectures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
