/* SPDX-License-Identifier: Apache-2.0 */
/* EVA and Perception Encoder towers whose configuration and weights contradict each other: what is
 * said of them. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "model/zoo.h"
#include "open_model.h"
#include "test_directory.h"

#include <osprey/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define EVA01        GOLDEN("openclip-eva01")
#define EVA02        GOLDEN("openclip-eva02")
#define PE           GOLDEN("openclip-pe")
#define PE_BIG       GOLDEN("openclip-pe-big")

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {EVA02, "eva02_base_patch16_clip_224", "vit_base_patch16_224", OSPREY_UNSUPPORTED,
         "\"timm_model_name\" is \"vit_base_patch16_224\"; of timm's image towers osprey has"},
        /* The sentence ends: it has room in a message. */
        {EVA02, "eva02_base_patch16_clip_224", "vit_base_patch16_224", OSPREY_UNSUPPORTED,
         "SigLIP (vit_*_siglip_*) and vit_large_patch14_clip_224"},
        {EVA02, "\"timm_pool\": \"token\"", "\"timm_pool\": \"avg\"", OSPREY_UNSUPPORTED,
         "\"timm_pool\" is \"avg\""},
        {EVA02, "\"timm_proj\": null", "\"timm_proj\": \"linear\"", OSPREY_UNSUPPORTED,
         "\"timm_proj\" \"linear\""},
        {EVA02, "\"image_size\": 48", "\"image_size\": 64", OSPREY_FORMAT,
         "\"image_size\" is 64 x 64, but the positions in the weights are those of 48 x 48"},
        {EVA02, "\"embed_dim\": 24", "\"embed_dim\": 25", OSPREY_FORMAT,
         "tensor \"visual.trunk.head.weight\" has the shape [24, 128]"},
        {EVA02, "eva02_base_patch16_clip_224", "eva_giant_patch14_224", OSPREY_FORMAT,
         "the image tower is 128 wide, which the heads of eva_giant_patch14_224, 88 wide"},
        {EVA01, "\"custom_text\": true", "\"custom_text\": false", OSPREY_NOT_FOUND,
         "positional_embedding"},
        {PE, "\"timm_pool\": \"map\"", "\"timm_pool\": \"token\"", OSPREY_UNSUPPORTED,
         "of vit_pe_core_base_patch16_224 osprey has the published form, \"map\" and null"},
        {PE, "\"timm_proj\": null", "\"timm_proj\": \"none\"", OSPREY_UNSUPPORTED,
         "\"timm_proj\" \"none\""},
        {PE, "\"image_size\": 48", "\"image_size\": 64", OSPREY_FORMAT,
         "\"image_size\" is 64 x 64, but the positions in the weights are those of 48 x 48"},
        {PE, "base_patch16_224", "gigantic_patch14_448", OSPREY_FORMAT,
         "128 wide, which the heads of vit_pe_core_gigantic_patch14_448, 96 wide"},
        {PE, "vit_pe_core_base_patch16_224", "vit_pe_lang_large_patch14_448", OSPREY_UNSUPPORTED,
         "the Perception Encoder (vit_pe_core_*), ViTamin (vitamin_*), SigLIP (vit_*_siglip_*) "
         "and vit_large_patch14_clip_224"},
        {PE_BIG, "\"embed_dim\": 24", "\"embed_dim\": 25", OSPREY_FORMAT,
         "tensor \"visual.trunk.head.weight\" has the shape [24, 96]"},
        {EVA01, "\"timm_pool\": \"token\"", "\"timm_pool\": \"map\"", OSPREY_UNSUPPORTED,
         "\"token\" and null"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

/* Tensors that a tower needs, or that it has no place for. */
static void test_tensors_are_asked_for(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {PE, "attn_pool.mlp.fc1.weight", "attn_pool.mlp.fc1.weighs", OSPREY_NOT_FOUND,
         "attn_pool.mlp.fc1.weight"},
        {PE, "norm_pre.weight", "norm_pre.weighs", OSPREY_NOT_FOUND, "norm_pre.weight"},
        {PE, "trunk.cls_token", "trunk.cls_tokem", OSPREY_UNSUPPORTED,
         "\"visual.trunk.pos_embed\" has 10 positions; those of a square of patches would be"},
        {PE, "blocks.1.attn.qkv.bias", "blocks.1.attn.qkv.bial", OSPREY_NOT_FOUND,
         "blocks.1.attn.qkv.bias"},
        {PE_BIG, "patch_embed.proj.weight", "patch_embed.proj.weighs", OSPREY_NOT_FOUND,
         "patch_embed.proj.weight"},
        {PE_BIG, "attn_pool.norm.bias", "attn_pool.narm.bias", OSPREY_NOT_FOUND,
         "attn_pool.norm.bias"},
    };
    refuse_openclip_tensors(changes, sizeof changes / sizeof *changes);
}

static void test_the_weights_tell_sizes(void **state)
{
    (void)state;
    osprey_model *model = open_model(EVA02);
    const osprey_tower_info *image = &osprey_model_get_info(model)->image;
    assert_string_equal(image->architecture, "eva");
    assert_int_equal(image->width, 128);
    assert_int_equal(image->heads, 2);
    assert_int_equal(image->layers, 2);
    assert_int_equal(image->mlp_width, 51);
    assert_int_equal(image->patch_size, 16);
    assert_int_equal(image->activation, OSPREY_ACTIVATION_SILU);
    osprey_model_free(model);
    model = open_model(PE_BIG);
    image = &osprey_model_get_info(model)->image;
    assert_string_equal(image->architecture, "perception_encoder");
    assert_int_equal(image->width, 96);
    assert_int_equal(image->heads, 1);
    assert_int_equal(image->layers, 1);
    assert_int_equal(image->mlp_width, 124);
    assert_int_equal(image->patch_size, 14);
    osprey_model_free(model);
}

/* Without a configuration, and with tiny sizes, nothing tells the width of heads. */
static void test_bare_weights_need_a_published_shape(void **state)
{
    (void)state;
    test_directory d;
    test_directory_create(&d);
    test_directory_link(&d, EVA02, OPENCLIP_WEIGHTS);
    char path[128];
    snprintf(path, sizeof path, "%s/" OPENCLIP_WEIGHTS, d.path);
    osprey_error error = {0};
    osprey_model *model = NULL;
    assert_int_equal(osprey_model_open(path, &model, &error), OSPREY_UNSUPPORTED);
    assert_non_null(strstr(error.message, "the shapes of none of its architectures"));
    const osprey_model_options options = {.arch = "EVA02-B-16"};
    assert_int_equal(osprey_model_open_with(path, &options, &model, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "but EVA02-B-16 asks for [768, 3, 16, 16]"));
    test_directory_free(&d);
    refuse_bare_openclip_weights(PE, "the shapes of none of its architectures", "PE-Core-B-16",
                                 "but PE-Core-B-16 asks for [768, 3, 16, 16]");
}

/* Entries of zoo.def against OpenCLIP's configurations. */
static void test_perception_encoders(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t image_size, patch, width, layers, heads, mlp_width, pool_mlp_width, side, first;
        size_t embed_dim, tokens, text_width, text_layers, text_heads;
    } known[] = {
        {"PE-Core-T-16-384", 384, 16, 192, 12, 3, 768, 768, 24, 1, 512, 32, 512, 12, 8},
        {"PE-Core-S-16-384", 384, 16, 384, 12, 6, 1536, 1536, 24, 1, 512, 32, 512, 12, 8},
        {"PE-Core-B-16", 224, 16, 768, 12, 12, 3072, 3072, 14, 1, 1024, 32, 1024, 24, 16},
        {"PE-Core-L-14-336", 336, 14, 1024, 24, 16, 4096, 4096, 24, 1, 1024, 32, 1024, 24, 16},
        {"PE-Core-bigG-14-448", 448, 14, 1536, 50, 16, 8960, 6144, 32, 0, 1280, 72, 1280, 24, 20},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        osprey__model_config config;
        osprey_error error;
        assert_int_equal(osprey__zoo_find(known[i].name, &config, &error), OSPREY_OK);
        const osprey__image_config *image = &config.image;
        assert_int_equal(image->image_height, known[i].image_size);
        assert_int_equal(image->patch_size, known[i].patch);
        assert_int_equal(image->width, known[i].width);
        assert_int_equal(image->layers, known[i].layers);
        assert_int_equal(image->heads, known[i].heads);
        assert_int_equal(image->mlp_width, known[i].mlp_width);
        assert_int_equal(image->pool_mlp_width, known[i].pool_mlp_width);
        assert_int_equal(image->pool_heads, 8);
        assert_int_equal(image->rotary_side, known[i].side);
        assert_int_equal(image->rotary_first, known[i].first);
        assert_true(image->layer_norm_epsilon == 1e-5F);
        assert_int_equal(config.embed_dim, known[i].embed_dim);
        assert_int_equal(config.text.context_length, known[i].tokens);
        assert_int_equal(config.text.width, known[i].text_width);
        assert_int_equal(config.text.layers, known[i].text_layers);
        assert_int_equal(config.text.heads, known[i].text_heads);
        assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_EXACT);
        assert_int_equal(config.preprocessing.resample, OSPREY_RESAMPLE_BILINEAR);
        assert_true(config.preprocessing.mean[0] == 0.5F && config.preprocessing.std[2] == 0.5F);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_tensors_are_asked_for),
        cmocka_unit_test(test_the_weights_tell_sizes),
        cmocka_unit_test(test_bare_weights_need_a_published_shape),
        cmocka_unit_test(test_perception_encoders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
