/* SPDX-License-Identifier: Apache-2.0 */
/* ViTamin: architectures by name, and what is said where configuration and weights contradict each
 * other. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "model/zoo.h"
#include "open_model.h"

#include <osprey/model.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define SMALL        GOLDEN("openclip-vitamin")
#define XL           GOLDEN("openclip-vitamin-xl")

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {SMALL, "\"timm_pool\": \"\"", "\"timm_pool\": \"token\"", OSPREY_UNSUPPORTED,
         "\"timm_pool\" is \"token\""},
        {SMALL, "\"timm_proj\": \"linear\"", "\"timm_proj\": \"mlp\"", OSPREY_UNSUPPORTED,
         "\"timm_proj\" \"mlp\""},
        {SMALL, "\"image_size\": 48", "\"image_size\": 40", OSPREY_FORMAT,
         "\"image_size\" is 40 x 40; multiples of 16 would be right for vitamin_small_224"},
        {SMALL, "\"image_size\": 48", "\"image_size\": 64", OSPREY_FORMAT,
         "tensor \"visual.trunk.pos_embed\" has the shape [1, 9, 64]"},
        {SMALL, "vitamin_small_224", "vitamin_xlarge_256", OSPREY_FORMAT,
         "64 wide, which the heads of vitamin_xlarge_256, 72 wide, do not divide"},
        {SMALL, "vitamin_small_224", "vitamin_small_225", OSPREY_UNSUPPORTED,
         "ViTamin (vitamin_*)"},
        {XL, "\"embed_dim\": 24", "\"embed_dim\": 25", OSPREY_FORMAT,
         "tensor \"visual.head.proj.weight\" has the shape [24, 72]"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

static void test_tensors_are_asked_for(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {SMALL, "stages.1.0.pre_norm.weight", "stages.1.0.pre_norm.weighs", OSPREY_NOT_FOUND,
         "stages.1.0.pre_norm.weight\", but a ViTamin has 2 stages of convolutions"},
        {SMALL, "stages.1.0.shortcut.expand.weight", "stages.1.0.shortcut.expand.weighs",
         OSPREY_NOT_FOUND, "shortcut.expand.weight"},
        {SMALL, "backbone.stem.conv1.weight", "backbone.stem.conv1.weighs", OSPREY_NOT_FOUND,
         "stem.conv1.weight"},
        {SMALL, "trunk.pos_embed", "trunk.pos_embad", OSPREY_NOT_FOUND, "pos_embed"},
        {SMALL, "blocks.1.mlp.w1.bias", "blocks.1.mlp.w1.bial", OSPREY_NOT_FOUND, "mlp.w1.bias"},
        {SMALL, "blocks.0.mlp.norm.bias", "blocks.0.mlp.narm.bias", OSPREY_NOT_FOUND,
         "mlp.norm.bias"},
        {XL, "backbone.pool.norm.bias", "backbone.pool.narm.bias", OSPREY_NOT_FOUND,
         "pool.norm.bias"},
        {XL, "trunk.fc_norm.weight", "trunk.fc_narm.weight", OSPREY_NOT_FOUND, "fc_norm.weight"},
    };
    refuse_openclip_tensors(changes, sizeof changes / sizeof *changes);
}

static void test_the_weights_tell_sizes(void **state)
{
    (void)state;
    osprey_model *model = open_model(SMALL);
    const osprey_tower_info *image = &osprey_model_get_info(model)->image;
    assert_string_equal(image->architecture, "vitamin");
    assert_int_equal(image->width, 64);
    assert_int_equal(image->heads, 1);
    assert_int_equal(image->layers, 2);
    assert_int_equal(image->mlp_width, 96);
    assert_int_equal(image->stage_layers[0], 1);
    assert_int_equal(image->stage_layers[1], 2);
    assert_int_equal(image->stage_layers[2], 0);
    assert_int_equal(image->activation, OSPREY_ACTIVATION_GELU);
    osprey_model_free(model);
}

static void test_bare_weights_are_named(void **state)
{
    (void)state;
    refuse_bare_openclip_weights(SMALL,
                                 "ViTamin's, RoBERTa's and XLM-RoBERTa's, which --arch names",
                                 "ViTamin-S", "but ViTamin-S asks for [64, 3, 3, 3]");
}

/* Entries of zoo.def against OpenCLIP's configurations, and timm's of those names. */
static void test_architectures(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t image_size, stem, width, layers, heads, embed_dim, text_layers, text_heads;
        bool unplaced;
    } known[] = {
        {"ViTamin-S", 224, 64, 384, 14, 6, 384, 12, 6, false},
        {"ViTamin-S-LTT", 224, 64, 384, 14, 6, 768, 12, 12, false},
        {"ViTamin-B", 224, 128, 768, 14, 12, 512, 12, 8, false},
        {"ViTamin-B-LTT", 224, 128, 768, 14, 12, 768, 12, 12, false},
        {"ViTamin-L-336", 336, 160, 1024, 31, 16, 768, 12, 12, false},
        {"ViTamin-L2", 224, 160, 1024, 31, 16, 1024, 24, 16, false},
        {"ViTamin-XL-336", 336, 192, 1152, 32, 16, 1152, 27, 16, true},
        /* Its configuration says so. */
        {"ViTamin-XL-384", 256, 192, 1152, 32, 16, 1152, 27, 16, true},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        osprey__model_config config;
        osprey_error error;
        assert_int_equal(osprey__zoo_find(known[i].name, &config, &error), OSPREY_OK);
        const osprey__image_config *image = &config.image;
        assert_int_equal(image->image_height, known[i].image_size);
        assert_int_equal(image->stem_width, known[i].stem);
        assert_int_equal(image->width, known[i].width);
        assert_int_equal(image->layers, known[i].layers);
        assert_int_equal(image->heads, known[i].heads);
        assert_int_equal(image->mlp_width, 2 * known[i].width);
        assert_int_equal(image->stage_layers[0], 2);
        assert_int_equal(image->stage_layers[1], 4);
        assert_int_equal(image->unplaced, known[i].unplaced);
        assert_true(image->layer_norm_epsilon == 1e-6F);
        assert_int_equal(config.embed_dim, known[i].embed_dim);
        assert_int_equal(config.text.width, known[i].embed_dim);
        assert_int_equal(config.text.layers, known[i].text_layers);
        assert_int_equal(config.text.heads, known[i].text_heads);
        assert_int_equal(config.text.context_length, 77);
        assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_SHORTEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_tensors_are_asked_for),
        cmocka_unit_test(test_the_weights_tell_sizes),
        cmocka_unit_test(test_bare_weights_are_named),
        cmocka_unit_test(test_architectures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
