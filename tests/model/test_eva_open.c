/* SPDX-License-Identifier: Apache-2.0 */
/* EVA towers whose configuration and weights contradict each other: what is said of them. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "open_model.h"
#include "test_directory.h"

#include <osprey/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define EVA01        GOLDEN("openclip-eva01")
#define EVA02        GOLDEN("openclip-eva02")

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
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_the_weights_tell_sizes),
        cmocka_unit_test(test_bare_weights_need_a_published_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
