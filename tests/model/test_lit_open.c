/* SPDX-License-Identifier: Apache-2.0 */
/* LiT's archives that are not whole, or that contradict themselves: what is said of them. */
#include "cmocka_all.h"
#include "model/zero_archive.h"

#define IMAGE "img/Transformer/encoderblock_0/"
#define BERT  "txt/BertEncoder_0/"
#define LAYER BERT "encoder_block/layer_sequence/layers_0/"

static const char vocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";

/* A LiT of one layer in each tower, without that array. */
static void add_lit(zip_file *zip, const char *without)
{
    static const zero_array arrays[] = {
        {"img/embedding/kernel", "(2, 2, 3, 4)", 48},
        {"img/embedding/bias", "(4,)", 4},
        {"img/cls", "(1, 1, 4)", 4},
        {"img/Transformer/posembed_input/pos_embedding", "(1, 5, 4)", 20},
        {IMAGE "LayerNorm_0/scale", "(4,)", 4},
        {IMAGE "LayerNorm_0/bias", "(4,)", 4},
        {IMAGE "MultiHeadDotProductAttention_1/query/kernel", "(4, 2, 2)", 16},
        {IMAGE "MultiHeadDotProductAttention_1/query/bias", "(2, 2)", 4},
        {IMAGE "MultiHeadDotProductAttention_1/key/kernel", "(4, 2, 2)", 16},
        {IMAGE "MultiHeadDotProductAttention_1/key/bias", "(2, 2)", 4},
        {IMAGE "MultiHeadDotProductAttention_1/value/kernel", "(4, 2, 2)", 16},
        {IMAGE "MultiHeadDotProductAttention_1/value/bias", "(2, 2)", 4},
        {IMAGE "MultiHeadDotProductAttention_1/out/kernel", "(2, 2, 4)", 16},
        {IMAGE "MultiHeadDotProductAttention_1/out/bias", "(4,)", 4},
        {IMAGE "LayerNorm_2/scale", "(4,)", 4},
        {IMAGE "LayerNorm_2/bias", "(4,)", 4},
        {IMAGE "MlpBlock_3/Dense_0/kernel", "(4, 6)", 24},
        {IMAGE "MlpBlock_3/Dense_0/bias", "(6,)", 6},
        {IMAGE "MlpBlock_3/Dense_1/kernel", "(6, 4)", 24},
        {IMAGE "MlpBlock_3/Dense_1/bias", "(4,)", 4},
        {"img/Transformer/encoder_norm/scale", "(4,)", 4},
        {"img/Transformer/encoder_norm/bias", "(4,)", 4},
        {BERT "embedder/embedders_token_ids/embedding", "(4, 64)", 256},
        {BERT "embedder/embedders_position_ids/embedding", "(20, 64)", 1280},
        {BERT "embedder/embedders_segment_ids/embedding", "(2, 64)", 128},
        {BERT "layer_norm/scale", "(64,)", 64},
        {BERT "layer_norm/bias", "(64,)", 64},
        {LAYER "attention_block/attention_layer/query/kernel", "(64, 64)", 4096},
        {LAYER "attention_block/attention_layer/query/bias", "(64,)", 64},
        {LAYER "attention_block/attention_layer/key/kernel", "(64, 64)", 4096},
        {LAYER "attention_block/attention_layer/key/bias", "(64,)", 64},
        {LAYER "attention_block/attention_layer/value/kernel", "(64, 64)", 4096},
        {LAYER "attention_block/attention_layer/value/bias", "(64,)", 64},
        {LAYER "attention_block/dense_layer/kernel", "(64, 64)", 4096},
        {LAYER "attention_block/dense_layer/bias", "(64,)", 64},
        {LAYER "attention_block/layer_norm/scale", "(64,)", 64},
        {LAYER "attention_block/layer_norm/bias", "(64,)", 64},
        {LAYER "mlp_block/layer_norm/scale", "(64,)", 64},
        {LAYER "mlp_block/layer_norm/bias", "(64,)", 64},
        {LAYER "mlp_block/mlp/dense_layer/kernel", "(64, 8)", 512},
        {LAYER "mlp_block/mlp/dense_layer/bias", "(8,)", 8},
        {LAYER "mlp_block/dense_layer/kernel", "(8, 64)", 512},
        {LAYER "mlp_block/dense_layer/bias", "(64,)", 64},
        {"txt/head/kernel", "(64, 4)", 256},
        {"txt/head/bias", "(4,)", 4},
        {"t", "(1,)", 1},
    };
    add_arrays(zip, arrays, sizeof arrays / sizeof *arrays, without);
}

static void test_a_whole_lit_opens(void **state)
{
    (void)state;
    zip_file zip = {0};
    osprey_error error = {0};
    osprey_model *model = NULL;
    add_lit(&zip, "nothing");
    if (open_zip(&zip, vocabulary, &model, &error) != OSPREY_OK) fail_msg("%s", error.message);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_int_equal(info->embed_dim, 4);
    assert_int_equal(info->image_height, 4);
    assert_int_equal(info->text.width, 64);
    assert_int_equal(info->text.heads, 1);
    assert_true(info->logit_scale == 1);
    osprey_model_free(model);
}

static void test_missing_arrays_are_named(void **state)
{
    (void)state;
    static const char *const names[] = {
        "img/embedding/bias",
        "img/Transformer/encoder_norm/scale",
        IMAGE "MultiHeadDotProductAttention_1/value/bias",
        BERT "embedder/embedders_segment_ids/embedding",
        BERT "layer_norm/scale",
        LAYER "attention_block/attention_layer/key/bias",
        LAYER "mlp_block/dense_layer/kernel",
        "txt/head/bias",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        zip_file zip = {0};
        add_lit(&zip, names[i]);
        refuse(&zip, vocabulary, OSPREY_NOT_FOUND, names[i]);
    }
}

static void test_wrong_shapes_are_named(void **state)
{
    (void)state;
    static const broken_array cases[] = {
        {BERT "embedder/embedders_token_ids/embedding", "(4, 60)", 240, OSPREY_UNSUPPORTED,
         "60 wide"},
        {BERT "embedder/embedders_position_ids/embedding", "(15, 64)", 960, OSPREY_FORMAT,
         "15 positions"},
        {BERT "embedder/embedders_position_ids/embedding", "(20, 32)", 640, OSPREY_FORMAT,
         "asks for [20, 64]"},
        {BERT "embedder/embedders_token_ids/embedding", "(3, 64)", 192, OSPREY_FORMAT,
         "4 tokens, but the rest of the file gives the text tower 3"},
        {BERT "embedder/embedders_token_ids/embedding", "(500, 64)", 32000, OSPREY_FORMAT,
         "the vocabulary has 4 tokens"},
        {LAYER "attention_block/attention_layer/query/kernel", "(64, 1, 64)", 4096, OSPREY_FORMAT,
         "asks for [64, 64]"},
        {"txt/head/kernel", "(64, 5)", 320, OSPREY_FORMAT, "have 4 elements, and those of texts 5"},
        {"txt/head/bias", "(5,)", 5, OSPREY_FORMAT, "asks for [4]"},
        {"t", "(2,)", 2, OSPREY_FORMAT, "\"t\" has to be a single number"},
    };
    refuse_broken(add_lit, cases, sizeof cases / sizeof *cases, vocabulary);
}

static void test_other_arrays_are_named(void **state)
{
    (void)state;
    zip_file zip = {0};
    add_lit(&zip, "nothing");
    add_zeros(&zip, "txt/pooler/kernel", "(64, 64)", 4096);
    refuse(&zip, vocabulary, OSPREY_FORMAT, "txt/pooler/kernel\" has no place");
    zip = (zip_file){0};
    add_lit(&zip, "nothing");
    add_zeros(&zip, "txt/Embed_0/embedding", "(16000, 4)", 64000);
    refuse(&zip, vocabulary, OSPREY_UNSUPPORTED, "SentencePiece");
    zip = (zip_file){0};
    add_lit(&zip, "nothing");
    refuse(&zip, NULL, OSPREY_NOT_FOUND, "put model.txt, or vocab.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_lit_opens),
        cmocka_unit_test(test_missing_arrays_are_named),
        cmocka_unit_test(test_wrong_shapes_are_named),
        cmocka_unit_test(test_other_arrays_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
