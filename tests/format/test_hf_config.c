/* SPDX-License-Identifier: Apache-2.0 */
/* config.json. Wanted values are those of transformers 5.23. */
#include "cmocka_all.h"
#include "format/config_texts.h"

#include <stdio.h>
#include <string.h>

static const config_kind kind = {"config.json", osprey__hf_config_parse, osprey__hf_config_read};

static osprey__model_config parse_well(const char *text)
{
    return parse_config(&kind, text);
}

static void test_sparse_file_is_vit_b_32(void **state)
{
    (void)state;
    osprey__model_config config = parse_well("{'model_type':'clip'}");
    assert_string_equal(config.layout, "huggingface");
    assert_int_equal(config.embed_dim, 512);
    assert_int_equal(config.image.kind, OSPREY__IMAGE_VIT);
    assert_int_equal(config.image.image_height, 224);
    assert_int_equal(config.image.image_width, 224);
    assert_int_equal(config.image.width, 768);
    assert_int_equal(config.image.layers, 12);
    assert_int_equal(config.image.heads, 12);
    assert_int_equal(config.image.mlp_width, 3072);
    assert_int_equal(config.image.patch_size, 32);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_QUICK_GELU);
    assert_true(config.image.layer_norm_epsilon == 1e-5F);
    assert_int_equal(config.text.vocabulary, 49408);
    assert_int_equal(config.text.context_length, 77);
    assert_int_equal(config.text.width, 512);
    assert_int_equal(config.text.layers, 12);
    assert_int_equal(config.text.heads, 8);
    assert_int_equal(config.text.mlp_width, 2048);
    assert_int_equal(config.text.activation, OSPREY_ACTIVATION_QUICK_GELU);
    assert_int_equal(config.text.pooling, OSPREY__POOL_FIRST_END);
    assert_int_equal(config.text.end_id, 49407);
    assert_false(config.has_logit_bias || config.text_is_prefixed || config.foreign_tokenizer);
}

static void test_sparse_siglip(void **state)
{
    (void)state;
    osprey__model_config config = parse_well("{'model_type':'siglip'}");
    assert_int_equal(config.embed_dim, 768);
    assert_int_equal(config.image.patch_size, 16);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_GELU_TANH);
    assert_true(config.image.layer_norm_epsilon == 1e-6F && config.image.attention_pooled);
    assert_int_equal(config.text.kind, OSPREY__TEXT_SIGLIP);
    assert_int_equal(config.text.vocabulary, 32000);
    assert_int_equal(config.text.context_length, 64);
    assert_int_equal(config.text.heads, 12);
    assert_int_equal(config.text.pooling, OSPREY__POOL_LAST);
    assert_true(config.has_logit_bias);
    assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_EXACT);
    assert_false(config.preprocessing.center_crop);
    assert_true(config.preprocessing.mean[0] == 0.5F && config.preprocessing.std[2] == 0.5F);

    /* so400m-patch14-384, as published. */
    config = parse_well(
        "{'model_type':'siglip','text_config':{'hidden_size':1152,'intermediate_size':4304,"
        "'model_type':'siglip_text_model','num_attention_heads':16,'num_hidden_layers':27},"
        "'vision_config':{'hidden_size':1152,'image_size':384,'intermediate_size':4304,"
        "'model_type':'siglip_vision_model','num_attention_heads':16,"
        "'num_hidden_layers':27,'patch_size':14}}");
    assert_int_equal(config.embed_dim, 1152);
    assert_int_equal(config.image.mlp_width, 4304);
    assert_int_equal(config.image.image_height, 384);
}

static void test_full_file_is_vit_h_14(void **state)
{
    (void)state;
    osprey__model_config config = parse_well(
        "{'model_type':'clip','projection_dim':1024,'text_config':{'hidden_size':1024,"
        "'intermediate_size':4096,'num_hidden_layers':24,'num_attention_heads':16,"
        "'hidden_act':'gelu','eos_token_id':2,'projection_dim':512,'layer_norm_eps':1e-6},"
        "'vision_config':{'hidden_size':1280,'intermediate_size':5120,'patch_size':14,"
        "'num_hidden_layers':32,'num_attention_heads':16,'hidden_act':'gelu',"
        "'num_channels':3,'image_size':336,'projection_dim':512}}");
    assert_int_equal(config.embed_dim, 1024);
    assert_int_equal(config.image.width, 1280);
    assert_int_equal(config.image.layers, 32);
    assert_int_equal(config.image.heads, 16);
    assert_int_equal(config.image.mlp_width, 5120);
    assert_int_equal(config.image.patch_size, 14);
    assert_int_equal(config.image.image_height, 336);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_GELU);
    assert_int_equal(config.text.width, 1024);
    assert_int_equal(config.text.layers, 24);
    assert_int_equal(config.text.heads, 16);
    assert_int_equal(config.text.mlp_width, 4096);
    assert_true(config.text.layer_norm_epsilon == 1e-6F);
    assert_int_equal(config.text.pooling, OSPREY__POOL_HIGHEST_ID);
    assert_int_equal(config.preprocessing.crop_height, 336);
}

static void test_legacy_sections_win_with_their_defaults(void **state)
{
    (void)state;
    osprey__model_config config =
        parse_well("{'model_type':'clip','text_config':{'num_hidden_layers':3,'eos_token_id':2},"
                   "'text_config_dict':{'hidden_size':64},"
                   "'vision_config':{'hidden_size':96},'vision_config_dict':null}");
    assert_int_equal(config.text.width, 64);
    assert_int_equal(config.text.layers, 12);
    assert_int_equal(config.text.end_id, 49407);
    assert_int_equal(config.image.width, 96);
}

static void test_activations(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        osprey_activation wanted;
    } names[] = {
        {"quick_gelu", OSPREY_ACTIVATION_QUICK_GELU},
        {"gelu", OSPREY_ACTIVATION_GELU},
        {"gelu_python", OSPREY_ACTIVATION_GELU},
        {"gelu_new", OSPREY_ACTIVATION_GELU_TANH},
        {"gelu_fast", OSPREY_ACTIVATION_GELU_TANH},
        {"gelu_accurate", OSPREY_ACTIVATION_GELU_TANH},
        {"gelu_pytorch_tanh", OSPREY_ACTIVATION_GELU_TANH},
        {"gelu_python_tanh", OSPREY_ACTIVATION_GELU_TANH},
        {"relu", OSPREY_ACTIVATION_RELU},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[200];
        snprintf(text, sizeof text, "{'model_type':'clip','text_config':{'hidden_act':'%s'}}",
                 names[i].name);
        const osprey__model_config config = parse_well(text);
        assert_int_equal(config.text.activation, names[i].wanted);
        assert_int_equal(config.image.activation, OSPREY_ACTIVATION_QUICK_GELU);
    }
}

static void test_refuses_wrong_settings(void **state)
{
    (void)state;
#define TEXT(members)  "{'model_type':'clip','text_config':{" members "}}"
#define IMAGE(members) "{'model_type':'clip','vision_config':{" members "}}"
    static const config_refusal refusals[] = {
        {"[]", OSPREY_FORMAT, "config.json", "JSON object"},
        {"{}", OSPREY_FORMAT, "config.json", "no \"model_type\""},
        {"{'model_type':7}", OSPREY_FORMAT, "config.json", "\"model_type\" has to be a string"},
        {"{'model_type':'blip'}", OSPREY_UNSUPPORTED, "config.json", "\"blip\"; supported are"},
        {"{'model_type':'siglip2','vision_config':{'num_patches':250}}", OSPREY_FORMAT,
         "vision_config", "\"num_patches\" is 250; the positions have to be a square"},
        {"{'model_type':'siglip2','vision_config':{'num_patches':65537}}", OSPREY_LIMIT,
         "vision_config", "num_patches"},
        {"{'model_type':'siglip2','vision_config':{'patch_size':[16,16]}}", OSPREY_FORMAT,
         "vision_config", "patch_size"},
        {"{'model_type':'siglip2','vision_config':{'vision_use_head':false}}", OSPREY_UNSUPPORTED,
         "vision_config", "vision_use_head"},
        {"{'model_type':'siglip','vision_config':{'vision_use_head':false}}", OSPREY_UNSUPPORTED,
         "vision_config", "vision_use_head"},
        {"{'model_type':'siglip','text_config':{'hidden_size':384}}", OSPREY_FORMAT, "text_config",
         "\"projection_size\" is 384"},
        {"{'model_type':'clip','quantization_config':{}}", OSPREY_UNSUPPORTED, "config.json",
         "quantization_config"},
        {"{'model_type':'clip','projection_dim':0}", OSPREY_FORMAT, "config.json",
         "\"projection_dim\" is 0"},
        {"{'model_type':'clip','text_config':[]}", OSPREY_FORMAT, "config.json",
         "\"text_config\" has to be an object"},
        {TEXT("'layer_norm_eps':1"), OSPREY_FORMAT, "text_config", "at least 0 and below 1"},
        {TEXT("'hidden_size':'512'"), OSPREY_FORMAT, "config.json: text_config", "hidden_size"},
        {TEXT("'hidden_size':512.0"), OSPREY_FORMAT, "text_config", "hidden_size"},
        {TEXT("'hidden_size':-512"), OSPREY_FORMAT, "text_config", "hidden_size"},
        {TEXT("'hidden_size':510"), OSPREY_FORMAT, "text_config", "510 cannot be divided into 8"},
        {TEXT("'hidden_size':65544"), OSPREY_LIMIT, "text_config", "hidden_size"},
        {TEXT("'num_attention_heads':0"), OSPREY_FORMAT, "text_config", "num_attention_heads"},
        {TEXT("'num_hidden_layers':1025"), OSPREY_LIMIT, "text_config", "between 1 and 1024"},
        {TEXT("'intermediate_size':0"), OSPREY_FORMAT, "text_config", "intermediate_size"},
        {TEXT("'max_position_embeddings':65537"), OSPREY_LIMIT, "text_config", "max_position"},
        {TEXT("'vocab_size':9223372036854775807"), OSPREY_LIMIT, "text_config", "vocab_size"},
        {TEXT("'vocab_size':1000"), OSPREY_FORMAT, "text_config", "\"eos_token_id\" is 49407"},
        {TEXT("'eos_token_id':[2]"), OSPREY_FORMAT, "text_config", "eos_token_id"},
        {TEXT("'layer_norm_eps':-1e-5"), OSPREY_FORMAT, "text_config", "layer_norm_eps"},
        {TEXT("'layer_norm_eps':1e40"), OSPREY_FORMAT, "text_config", "layer_norm_eps"},
        {TEXT("'hidden_act':'silu'"), OSPREY_UNSUPPORTED, "text_config", "is \"silu\"; supported"},
        {IMAGE("'hidden_act':3"), OSPREY_FORMAT, "vision_config", "hidden_act"},
        {IMAGE("'num_channels':1"), OSPREY_UNSUPPORTED, "vision_config", "num_channels"},
        {IMAGE("'image_size':[224,224]"), OSPREY_FORMAT, "vision_config", "image_size"},
        {IMAGE("'image_size':16385"), OSPREY_LIMIT, "vision_config", "image_size"},
        {IMAGE("'patch_size':0"), OSPREY_FORMAT, "vision_config", "patch_size"},
        {IMAGE("'patch_size':225"), OSPREY_LIMIT, "vision_config", "between 1 and 224"},
        {IMAGE("'num_attention_heads':7"), OSPREY_FORMAT, "vision_config", "7 attention heads"},
    };
    assert_configs_refused(&kind, refusals, sizeof refusals / sizeof *refusals);
}

static void test_reads_the_golden_models(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t embed_dim, image_size, patch_size, image_width, text_width;
        osprey_activation activation;
        osprey__text_pooling pooling;
    } models[] = {
        {"hf-vit-p14-bf16-sparse", 512, 42, 14, 40, 64, OSPREY_ACTIVATION_QUICK_GELU,
         OSPREY__POOL_HIGHEST_ID},
        {"hf-vit-p14-f16-config-dict", 32, 28, 14, 64, 32, OSPREY_ACTIVATION_GELU_TANH,
         OSPREY__POOL_FIRST_END},
        {"hf-vit-p16-gelu-sharded", 20, 48, 16, 24, 16, OSPREY_ACTIVATION_GELU,
         OSPREY__POOL_FIRST_END},
        {"hf-vit-p32-quickgelu", 24, 64, 32, 16, 16, OSPREY_ACTIVATION_QUICK_GELU,
         OSPREY__POOL_FIRST_END},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const osprey__model_config config = read_golden_config(&kind, models[i].name);
        assert_int_equal(config.embed_dim, models[i].embed_dim);
        assert_int_equal(config.image.image_height, models[i].image_size);
        assert_int_equal(config.image.patch_size, models[i].patch_size);
        assert_int_equal(config.image.width, models[i].image_width);
        assert_int_equal(config.text.width, models[i].text_width);
        assert_int_equal(config.image.activation, models[i].activation);
        assert_int_equal(config.text.pooling, models[i].pooling);
        assert_string_equal(config.preprocessing_file, "preprocessor_config.json");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse_file_is_vit_b_32),
        cmocka_unit_test(test_sparse_siglip),
        cmocka_unit_test(test_full_file_is_vit_h_14),
        cmocka_unit_test(test_legacy_sections_win_with_their_defaults),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_refuses_wrong_settings),
        cmocka_unit_test(test_reads_the_golden_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
