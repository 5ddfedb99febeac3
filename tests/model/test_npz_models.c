/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy archives that are no model, or not whole: what is said of them. */
#include "cmocka_all.h"
#include "model/zero_archive.h"

#include <osprey/model.h>

/* A ViT of one layer, two heads and a head of three classes, without that array. */
static void add_vit(zip_file *zip, const char *without)
{
    static const zero_array arrays[] = {
        {"embedding/kernel", "(2, 2, 3, 4)", 48},
        {"embedding/bias", "(4,)", 4},
        {"cls", "(1, 1, 4)", 4},
        {"Transformer/posembed_input/pos_embedding", "(1, 5, 4)", 20},
        {"Transformer/encoderblock_0/LayerNorm_0/scale", "(4,)", 4},
        {"Transformer/encoderblock_0/LayerNorm_0/bias", "(4,)", 4},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel", "(4, 2, 2)", 16},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/bias", "(2, 2)", 4},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/key/kernel", "(4, 2, 2)", 16},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/key/bias", "(2, 2)", 4},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/value/kernel", "(4, 2, 2)", 16},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/value/bias", "(2, 2)", 4},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/out/kernel", "(2, 2, 4)", 16},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/out/bias", "(4,)", 4},
        {"Transformer/encoderblock_0/LayerNorm_2/scale", "(4,)", 4},
        {"Transformer/encoderblock_0/LayerNorm_2/bias", "(4,)", 4},
        {"Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel", "(4, 6)", 24},
        {"Transformer/encoderblock_0/MlpBlock_3/Dense_0/bias", "(6,)", 6},
        {"Transformer/encoderblock_0/MlpBlock_3/Dense_1/kernel", "(6, 4)", 24},
        {"Transformer/encoderblock_0/MlpBlock_3/Dense_1/bias", "(4,)", 4},
        {"Transformer/encoder_norm/scale", "(4,)", 4},
        {"Transformer/encoder_norm/bias", "(4,)", 4},
        {"head/kernel", "(4, 3)", 12},
        {"head/bias", "(3,)", 3},
    };
    add_arrays(zip, arrays, sizeof arrays / sizeof *arrays, without);
}

/* A Mixer of one block, without that array. */
static void add_mixer(zip_file *zip, const char *without)
{
    static const zero_array arrays[] = {
        {"stem/kernel", "(2, 2, 3, 4)", 48},
        {"stem/bias", "(4,)", 4},
        {"MixerBlock_0/LayerNorm_0/scale", "(4,)", 4},
        {"MixerBlock_0/LayerNorm_0/bias", "(4,)", 4},
        {"MixerBlock_0/token_mixing/Dense_0/kernel", "(9, 5)", 45},
        {"MixerBlock_0/token_mixing/Dense_0/bias", "(5,)", 5},
        {"MixerBlock_0/token_mixing/Dense_1/kernel", "(5, 9)", 45},
        {"MixerBlock_0/token_mixing/Dense_1/bias", "(9,)", 9},
        {"MixerBlock_0/LayerNorm_1/scale", "(4,)", 4},
        {"MixerBlock_0/LayerNorm_1/bias", "(4,)", 4},
        {"MixerBlock_0/channel_mixing/Dense_0/kernel", "(4, 6)", 24},
        {"MixerBlock_0/channel_mixing/Dense_0/bias", "(6,)", 6},
        {"MixerBlock_0/channel_mixing/Dense_1/kernel", "(6, 4)", 24},
        {"MixerBlock_0/channel_mixing/Dense_1/bias", "(4,)", 4},
        {"pre_head_layer_norm/scale", "(4,)", 4},
        {"pre_head_layer_norm/bias", "(4,)", 4},
    };
    add_arrays(zip, arrays, sizeof arrays / sizeof *arrays, without);
}

/* A ResNet's root and one unit before the ViT of add_vit, whose patches are then of 128 channels.
 */
static void add_hybrid(zip_file *zip, const char *without)
{
    static const zero_array arrays[] = {
        {"conv_root/kernel", "(7, 7, 3, 32)", 4704},
        {"gn_root/scale", "(32,)", 32},
        {"gn_root/bias", "(1, 1, 1, 32)", 32},
        {"block1/unit1/conv_proj/kernel", "(1, 1, 32, 128)", 4096},
        {"block1/unit1/gn_proj/scale", "(128,)", 128},
        {"block1/unit1/gn_proj/bias", "(128,)", 128},
        {"block1/unit1/conv1/kernel", "(1, 1, 32, 32)", 1024},
        {"block1/unit1/gn1/scale", "(32,)", 32},
        {"block1/unit1/gn1/bias", "(32,)", 32},
        {"block1/unit1/conv2/kernel", "(3, 3, 32, 32)", 9216},
        {"block1/unit1/gn2/scale", "(32,)", 32},
        {"block1/unit1/gn2/bias", "(32,)", 32},
        {"block1/unit1/conv3/kernel", "(1, 1, 32, 128)", 4096},
        {"block1/unit1/gn3/scale", "(128,)", 128},
        {"block1/unit1/gn3/bias", "(128,)", 128},
        {"embedding/kernel", "(1, 1, 128, 4)", 512},
    };
    add_vit(zip, "embedding/kernel");
    add_arrays(zip, arrays, sizeof arrays / sizeof *arrays, without);
}

static void test_a_whole_vit_opens(void **state)
{
    (void)state;
    zip_file zip = {0};
    osprey_error error = {0};
    osprey_model *model = NULL;
    add_vit(&zip, "nothing");
    if (open_zip(&zip, NULL, &model, &error) != OSPREY_OK) fail_msg("%s", error.message);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->name, "model");
    assert_int_equal(info->image_height, 4);
    assert_int_equal(info->image.heads, 2);
    assert_int_equal(info->image.mlp_width, 6);
    assert_int_equal(info->head_classes, 3);
    osprey_model_free(model);
}

static void test_other_arrays_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"weight", "of no model that osprey knows"},
        {"conv_root/kernel", "of no model that osprey knows"},
        {"params/img/embedding/kernel", "belongs to a model of big_vision's"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zip_file zip = {0};
        add_zeros(&zip, cases[i].name, "(2, 2, 3, 4)", 48);
        refuse(&zip, NULL, OSPREY_UNSUPPORTED, cases[i].words);
    }
}

static void test_missing_arrays_are_named(void **state)
{
    (void)state;
    static const char *const names[] = {
        "embedding/bias", "Transformer/posembed_input/pos_embedding",
        "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/value/bias",
        "Transformer/encoder_norm/scale", "head/bias"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        zip_file zip = {0};
        add_vit(&zip, names[i]);
        refuse(&zip, NULL, OSPREY_NOT_FOUND, names[i]);
    }
}

static void test_wrong_shapes_are_named(void **state)
{
    (void)state;
    static const broken_array cases[] = {
        {"embedding/kernel", "(2, 2, 4, 4)", 64, OSPREY_FORMAT, "asks for [2, 2, 3, 4]"},
        {"embedding/kernel", "(0, 2, 3, 4)", 0, OSPREY_FORMAT, "none of them 0"},
        {"Transformer/posembed_input/pos_embedding", "(1, 4, 4)", 16, OSPREY_UNSUPPORTED,
         "no square and one"},
        {"Transformer/posembed_input/pos_embedding", "(1, 1, 4)", 4, OSPREY_UNSUPPORTED,
         "no square and one"},
        {"Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel", "(4, 3, 2)", 24,
         OSPREY_FORMAT, "asks for [4, 3, 1]"},
        {"head/kernel", "(5, 3)", 15, OSPREY_FORMAT, "head of 3 classes on embeddings of 4"},
        {"head/bias", "(4,)", 4, OSPREY_FORMAT, "head of 3 classes"},
    };
    refuse_broken(add_vit, cases, sizeof cases / sizeof *cases, NULL);
}

static void test_arrays_without_a_place_are_named(void **state)
{
    (void)state;
    zip_file zip = {0};
    add_vit(&zip, "nothing");
    add_zeros(&zip, "Transformer/encoderblock_2/LayerNorm_0/scale", "(4,)", 4);
    refuse(&zip, NULL, OSPREY_FORMAT, "encoderblock_2/LayerNorm_0/scale\" has no place");
}

static void test_a_mixer_opens(void **state)
{
    (void)state;
    zip_file zip = {0};
    osprey_error error = {0};
    osprey_model *model = NULL;
    add_mixer(&zip, "nothing");
    if (open_zip(&zip, NULL, &model, &error) != OSPREY_OK) fail_msg("%s", error.message);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->image.architecture, "mixer");
    assert_int_equal(info->image_height, 6);
    assert_int_equal(info->image.layers, 1);
    assert_int_equal(info->image.heads, 0);
    assert_int_equal(info->image.mlp_width, 6);
    assert_int_equal(info->image.token_mlp_width, 5);
    assert_int_equal(info->embed_dim, 4);
    assert_int_equal(info->head_classes, 0);
    osprey_model_free(model);
}

static void test_a_broken_mixer_is_refused(void **state)
{
    (void)state;
    static const broken_array cases[] = {
        {"stem/bias", NULL, 0, OSPREY_NOT_FOUND, "stem/bias"},
        {"MixerBlock_0/token_mixing/Dense_1/bias", NULL, 0, OSPREY_NOT_FOUND, "Dense_1/bias"},
        {"pre_head_layer_norm/scale", NULL, 0, OSPREY_NOT_FOUND, "pre_head_layer_norm/scale"},
        {"MixerBlock_0/token_mixing/Dense_0/kernel", "(8, 5)", 40, OSPREY_UNSUPPORTED, "no square"},
        {"MixerBlock_0/token_mixing/Dense_1/kernel", "(5, 8)", 40, OSPREY_FORMAT,
         "asks for [5, 9]"},
        {"MixerBlock_0/channel_mixing/Dense_0/kernel", "(4, 0)", 0, OSPREY_FORMAT,
         "none of them 0"},
        {"stem/kernel", "(2, 3, 3, 4)", 72, OSPREY_FORMAT, "asks for [2, 2, 3, 4]"},
    };
    refuse_broken(add_mixer, cases, sizeof cases / sizeof *cases, NULL);
    zip_file zip = {0};
    add_mixer(&zip, "nothing");
    add_zeros(&zip, "MixerBlock_2/LayerNorm_0/scale", "(4,)", 4);
    refuse(&zip, NULL, OSPREY_FORMAT, "MixerBlock_2/LayerNorm_0/scale\" has no place");
}

static void test_a_hybrid_opens(void **state)
{
    (void)state;
    zip_file zip = {0};
    osprey_error error = {0};
    osprey_model *model = NULL;
    add_hybrid(&zip, "nothing");
    if (open_zip(&zip, NULL, &model, &error) != OSPREY_OK) fail_msg("%s", error.message);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->image.architecture, "hybrid");
    assert_int_equal(info->image_height, 8);
    assert_int_equal(info->image.stage_layers[0], 1);
    assert_int_equal(info->image.stage_layers[1], 0);
    assert_int_equal(info->image.patch_size, 1);
    assert_int_equal(info->head_classes, 3);
    osprey_model_free(model);
}

static void test_a_broken_hybrid_is_refused(void **state)
{
    (void)state;
    static const broken_array cases[] = {
        {"gn_root/scale", NULL, 0, OSPREY_NOT_FOUND, "gn_root/scale"},
        {"block1/unit1/conv_proj/kernel", NULL, 0, OSPREY_NOT_FOUND, "conv_proj/kernel"},
        {"block1/unit1/conv1/kernel", NULL, 0, OSPREY_FORMAT, "asks for [1, 1, 32, 4]"},
        {"conv_root/kernel", "(7, 7, 3, 48)", 7056, OSPREY_UNSUPPORTED, "48 filters"},
        {"conv_root/kernel", "(7, 7, 4, 32)", 6272, OSPREY_FORMAT, "asks for [7, 7, 3, 32]"},
        {"gn_root/bias", "(1, 1, 2, 16)", 32, OSPREY_FORMAT, "asks for [1, 1, 1, 32]"},
        {"gn_root/bias", "(32, 1)", 32, OSPREY_FORMAT, "asks for [32]"},
        {"block1/unit1/conv2/kernel", "(5, 5, 32, 32)", 25600, OSPREY_FORMAT,
         "asks for [3, 3, 32, 32]"},
    };
    refuse_broken(add_hybrid, cases, sizeof cases / sizeof *cases, NULL);
    zip_file zip = {0};
    add_hybrid(&zip, "nothing");
    add_zeros(&zip, "block3/unit1/conv1/kernel", "(1, 1, 32, 32)", 1024);
    refuse(&zip, NULL, OSPREY_FORMAT, "block3/unit1/conv1/kernel\" has no place");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_vit_opens),
        cmocka_unit_test(test_other_arrays_are_refused),
        cmocka_unit_test(test_missing_arrays_are_named),
        cmocka_unit_test(test_wrong_shapes_are_named),
        cmocka_unit_test(test_arrays_without_a_place_are_named),
        cmocka_unit_test(test_a_mixer_opens),
        cmocka_unit_test(test_a_broken_mixer_is_refused),
        cmocka_unit_test(test_a_hybrid_opens),
        cmocka_unit_test(test_a_broken_hybrid_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
