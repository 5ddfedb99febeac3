/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCLIP's models with a ConvNeXt: what is told of them, and what is refused. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "open_model.h"

#include <osprey/osprey.h>

#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define LARGE_D      GOLDEN("openclip-convnext-d")
#define XXLARGE      GOLDEN("openclip-convnext-xxl")

static void test_towers_are_described(void **state)
{
    (void)state;
    osprey_model *model = open_model(LARGE_D);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->image.architecture, "convnext");
    assert_int_equal(info->image.width, 8);
    assert_int_equal(info->image.layers, 5);
    assert_int_equal(info->image.stage_layers[2], 2);
    assert_int_equal(info->image.heads, 0);
    assert_int_equal(info->image.mlp_width, 32);
    assert_int_equal(info->image.parameters, 76312);
    assert_int_equal(info->image.activation, OSPREY_ACTIVATION_GELU);
    assert_string_equal(info->text.architecture, "clip_text");
    osprey_model_free(model);
}

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {LARGE_D, "\"timm_pool\": \"\"", "\"timm_pool\": \"max\"", OSPREY_UNSUPPORTED,
         "\"timm_pool\" is \"max\" and \"timm_proj\" \"mlp\"; of convnext_large"},
        {LARGE_D, "\"mlp\"", "null", OSPREY_UNSUPPORTED, "\"timm_proj\" \"\""},
        {LARGE_D, "\"mlp\"", "\"linear\"", OSPREY_NOT_FOUND, "\"visual.head.proj.weight\""},
        {XXLARGE, "\"linear\"", "\"mlp\"", OSPREY_NOT_FOUND, "\"visual.head.mlp.fc1.weight\""},
        {LARGE_D, "\"image_size\": 64", "\"image_size\": 80", OSPREY_FORMAT,
         "\"image_size\" is 80 x 80; multiples of 32 would be right for convnext_large"},
        {LARGE_D, "\"embed_dim\": 24", "\"embed_dim\": 25", OSPREY_FORMAT,
         "tensor \"visual.head.mlp.fc1.weight\" has the shape [48, 64]"},
        {LARGE_D, "convnext_large", "convnextv2_large", OSPREY_UNSUPPORTED,
         "ConvNeXt (convnext_*)"},
        {LARGE_D, "convnext_large", "fastvit_mci1", OSPREY_UNSUPPORTED, "\"avg\" and null"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

/* Tensors under names, and in shapes, that the tower does not have. */
static void test_hostile_tensors_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {LARGE_D, "stages.1.blocks.0.conv_dw.weight", "stages.1.blocks.1.conv_dw.weight",
         OSPREY_NOT_FOUND,
         "\"visual.trunk.stages.1.blocks.0.conv_dw.weight\", but a ConvNeXt has 4 stages"},
        {LARGE_D, "stages.2.blocks.1.conv_dw.weight", "stages.2.blocks.2.conv_dw.weight",
         OSPREY_FORMAT, "visual.trunk.stages.2.blocks."},
        {LARGE_D, "stages.2.blocks.1.gamma", "stages.2.blocks.1.gamme", OSPREY_NOT_FOUND,
         "stages.2.blocks.1.gamma"},
        {LARGE_D, "downsample.0.weight", "downsample.3.weight", OSPREY_NOT_FOUND,
         "stages.1.downsample.0.weight"},
        {LARGE_D, "trunk.head.norm.bias", "trunk.head.nurm.bias", OSPREY_NOT_FOUND,
         "visual.trunk.head.norm.bias"},
        {LARGE_D, "[8,3,4,4]", "[4,3,8,4]", OSPREY_FORMAT, "asks for [4, 3, 4, 4]"},
        {LARGE_D, "[16,8,2,2]", "[8,16,2,2]", OSPREY_FORMAT, "asks for [16, 8, 2, 2]"},
        {LARGE_D, "[64,1,7,7]", "[7,1,7,64]", OSPREY_FORMAT, "asks for [64, 1, 7, 7]"},
        {LARGE_D, "[32,8]", "[8,32]", OSPREY_FORMAT, "stages.0.blocks.0.mlp.fc"},
        {LARGE_D, "[24,48]", "[48,24]", OSPREY_FORMAT, "visual.head.mlp.fc2.weight"},
    };
    refuse_openclip_tensors(changes, sizeof changes / sizeof *changes);
}

/* Of no published shape, they need a configuration; of another than is named, they are refused. */
static void test_bare_weights_are_held_against_names(void **state)
{
    (void)state;
    static const char file[] = XXLARGE "/" OPENCLIP_WEIGHTS;
    osprey_error error = {0};
    osprey_model *model = NULL;
    const osprey_model_options options = {.arch = "convnext_xxlarge"};
    assert_int_equal(osprey_model_open_with(file, &options, &model, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "but convnext_xxlarge asks for [384, 3, 4, 4]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_towers_are_described),
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_hostile_tensors_are_named),
        cmocka_unit_test(test_bare_weights_are_held_against_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
