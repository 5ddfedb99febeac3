/* SPDX-License-Identifier: Apache-2.0 */
/* MobileCLIP's files: the reparameterised form of the weights, and what is refused. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "npy_read.h"
#include "open_model.h"

#include <osprey/osprey.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define MOBILE_S     GOLDEN("openclip-mobileclip-s")
#define MOBILE_S3    GOLDEN("openclip-mobileclip-s3")
#define MOBILE_B     GOLDEN("openclip-mobileclip-b")
#define MOBILE_L     GOLDEN("openclip-mobileclip-l")
#define SUMS         OSPREY_TEST_DIR "/golden/torch/openclip-mobileclip-s/open_clip_pytorch_model.bin"

/* What timm's reparameterize_model leaves gives the embeddings of the branches that it added up. */
static void test_reparameterised_weights(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = NULL;
    const osprey_model_options options = {.weights = SUMS};
    if (osprey_model_open_with(MOBILE_S, &options, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    osprey_session *session = create_session(model, NULL);
    const size_t width = osprey_model_get_info(model)->embed_dim;
    npy pixels = npy_read(MOBILE_S "/pixels.npy"), wanted = npy_read(MOBILE_S "/image_embeds.npy");
    const size_t count = pixels.dims[0] * width;
    float *got = calloc(count, sizeof *got);
    assert_int_equal(osprey_session_embed_pixels(session, pixels.data, pixels.dims[0],
                                                 OSPREY_EMBED_UNIT_LENGTH, got, &error),
                     OSPREY_OK);
    for (size_t i = 0; i < count; i++) assert_true(fabsf(got[i] - wanted.data[i]) <= 1e-5F);
    free(got);
    free(pixels.data);
    free(wanted.data);
    osprey_session_free(session);
    osprey_model_free(model);
}

static void test_towers_are_described(void **state)
{
    (void)state;
    osprey_model *model = open_model(MOBILE_S);
    const osprey_tower_info *image = &osprey_model_get_info(model)->image;
    assert_string_equal(image->architecture, "fastvit");
    assert_int_equal(image->width, 8);
    assert_int_equal(image->layers, 5);
    assert_int_equal(image->stage_layers[1], 2);
    assert_int_equal(image->heads, 2);
    assert_int_equal(image->mlp_width, 24);
    osprey_model_free(model);
    model = open_model(MOBILE_S3);
    image = &osprey_model_get_info(model)->image;
    assert_string_equal(image->architecture, "fastvit");
    assert_int_equal(image->width, 4);
    assert_int_equal(image->layers, 6);
    assert_int_equal(image->stage_layers[4], 1);
    assert_int_equal(image->heads, 2);
    assert_int_equal(image->mlp_width, 16);
    osprey_model_free(model);
    model = open_model(MOBILE_B);
    image = &osprey_model_get_info(model)->image;
    assert_string_equal(image->architecture, "conv_stem_vit");
    assert_int_equal(image->width, 64);
    assert_int_equal(image->layers, 2);
    assert_int_equal(image->heads, 1);
    assert_int_equal(image->patch_size, 2);
    osprey_model_free(model);
    model = open_model(MOBILE_L);
    image = &osprey_model_get_info(model)->image;
    assert_string_equal(image->architecture, "vit");
    assert_int_equal(image->width, 64);
    assert_int_equal(image->mlp_width, 256);
    assert_int_equal(image->patch_size, 14);
    osprey_model_free(model);
}

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {MOBILE_S, "\"avg\"", "\"max\"", OSPREY_UNSUPPORTED, "\"timm_pool\" is \"max\""},
        {MOBILE_S, "\"timm_proj\": null", "\"timm_proj\": \"mlp\"", OSPREY_UNSUPPORTED,
         "\"timm_proj\" \"mlp\""},
        {MOBILE_S, "\"image_size\": 64", "\"image_size\": 80", OSPREY_FORMAT,
         "\"image_size\" is 80 x 80; multiples of 32 would be right for fastvit_mci1"},
        {MOBILE_S, "\"embed_dim\": 24", "\"embed_dim\": 25", OSPREY_FORMAT,
         "tensor \"visual.trunk.head.fc.weight\" has the shape [24, 128]"},
        {MOBILE_S, "fastvit_mci1", "fastvit_t8", OSPREY_UNSUPPORTED, "MobileCLIP (fastvit_mci*"},
        {MOBILE_S, "fastvit_mci1", "vit_base_mci_224", OSPREY_UNSUPPORTED, "\"token\" and null"},
        {MOBILE_S, "\"no_causal_mask\": true", "\"no_causal_mask\": 3", OSPREY_FORMAT,
         "no_causal_mask"},
        {MOBILE_S, "fastvit_mci1", "fastvit_mci3", OSPREY_NOT_FOUND,
         "\"visual.trunk.stages.4.blocks.0.mlp.fc1.weight\", but fastvit_mci3 has 5 stages"},
        {MOBILE_S3, "fastvit_mci3", "fastvit_mci2", OSPREY_NOT_FOUND,
         "visual.trunk.stem.0.conv_scale.conv.weight"},
        {MOBILE_S3, "\"image_size\": 128", "\"image_size\": 96", OSPREY_FORMAT,
         "multiples of 64 would be right for fastvit_mci3"},
        {MOBILE_B, "\"token\"", "\"avg\"", OSPREY_UNSUPPORTED, "\"timm_pool\" is \"avg\""},
        {MOBILE_B, "\"image_size\": 48", "\"image_size\": 64", OSPREY_FORMAT,
         "tensor \"visual.trunk.pos_embed\" has the shape [1, 9, 64]"},
        {MOBILE_B, "\"image_size\": 48", "\"image_size\": 40", OSPREY_FORMAT,
         "multiples of 16 would be right"},
        {MOBILE_L, "\"token\"", "\"avg\"", OSPREY_UNSUPPORTED, "\"timm_pool\" is \"avg\""},
        {MOBILE_L, "\"image_size\": 42", "\"image_size\": 28", OSPREY_FORMAT,
         "tensor \"visual.trunk.pos_embed\" has the shape [1, 10, 64]"},
        {MOBILE_L, "\"image_size\": 42", "\"image_size\": 40", OSPREY_FORMAT,
         "multiples of 14 would be right"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

/* Tensors under names, and in shapes, that the tower does not have. */
static void test_hostile_tensors_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {MOBILE_S, "visual.trunk.stages.0.blocks.0.token_mixer.norm.identity.weight",
         "visual.trunk.stages.0.blocks.0.token_mixer.norm.identity.xeight", OSPREY_NOT_FOUND,
         "token_mixer.norm.identity.weight"},
        {MOBILE_S, "visual.trunk.stages.1.downsample.proj.0.large_conv.bn.running_var",
         "visual.trunk.stages.1.downsample.proj.0.large_conv.bn.running_vax", OSPREY_NOT_FOUND,
         "large_conv.bn.running_var"},
        {MOBILE_S, "visual.trunk.stem.2.identity.weight", "visual.trunk.stem.2.identity.weighs",
         OSPREY_NOT_FOUND, "stem.2.identity.weight"},
        {MOBILE_S, "visual.trunk.final_conv.se.fc1.weight", "visual.trunk.final_conv.se.fc3.weight",
         OSPREY_FORMAT, "visual.trunk.final_conv.se."},
        {MOBILE_S, "[64,1,7,7]", "[7,1,7,64]", OSPREY_FORMAT, "[7, 1, 7, 64]"},
        {MOBILE_S, "[8,1,1]", "[1,8,1]", OSPREY_FORMAT, "asks for [8, 1, 1]"},
        {MOBILE_S, "[192,64]", "[64,192]", OSPREY_FORMAT, "token_mixer.qkv.weight"},
        {MOBILE_S, "[8,3,3,3]", "[3,8,3,3]", OSPREY_FORMAT,
         "24 wide, which the heads of fastvit_mci1"},
    };
    refuse_openclip_tensors(changes, sizeof changes / sizeof *changes);
}

/* Of no published shape, they need a configuration; of another than is named, they are refused. */
static void test_bare_weights_are_held_against_names(void **state)
{
    (void)state;
    osprey_error error = {0};
    osprey_model *model = NULL;
    assert_int_equal(osprey_model_open(SUMS, &model, &error), OSPREY_UNSUPPORTED);
    assert_non_null(strstr(error.message, "the shapes of none of its architectures"));
    osprey_model_options options = {.arch = "MobileCLIP-S1"};
    assert_int_equal(osprey_model_open_with(SUMS, &options, &model, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "but MobileCLIP-S1 asks for [64, 3, 3, 3]"));
    options.arch = "MobileCLIP2-S4";
    assert_int_equal(osprey_model_open_with(SUMS, &options, &model, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "but MobileCLIP2-S4 asks for [128, 3, 3, 3]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reparameterised_weights),
        cmocka_unit_test(test_towers_are_described),
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_hostile_tensors_are_named),
        cmocka_unit_test(test_bare_weights_are_held_against_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
