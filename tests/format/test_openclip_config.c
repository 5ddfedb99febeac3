/* SPDX-License-Identifier: Apache-2.0 */
/* open_clip_config.json. Wanted values are those of open_clip 3.3. */
#include "cmocka_all.h"
#include "format/config_texts.h"

#include <string.h>

/* A configuration with these members, some of them empty. */
#define MODEL(model, vision, text, preprocess)                                                     \
    "{'model_cfg':{'embed_dim':512," model "'vision_cfg':{" vision "},'text_cfg':{" text           \
    "}},'preprocess_cfg':{" preprocess "}}"
#define VISION(members)     MODEL("", members, "", "")
#define TEXT(members)       MODEL("", "", members, "")
#define PREPROCESS(members) MODEL("", "", "", members)
#define DECODER(members)    MODEL("'multimodal_cfg':{" members "},", "", "", "")

static const config_kind kind = {"open_clip_config.json", osprey__openclip_config_parse,
                                 osprey__openclip_config_read};

static osprey__model_config parse_well(const char *text)
{
    return parse_config(&kind, text);
}

static void test_defaults(void **state)
{
    (void)state;
    const osprey__model_config config =
        parse_well("{'model_cfg':{'embed_dim':512,'vision_cfg':{},'text_cfg':{}}}");
    assert_string_equal(config.layout, "openclip");
    assert_null(config.preprocessing_file);
    assert_int_equal(config.embed_dim, 512);
    assert_int_equal(config.image.kind, OSPREY__IMAGE_VIT);
    assert_int_equal(config.image.image_height, 224);
    assert_int_equal(config.image.width, 768);
    assert_int_equal(config.image.layers, 12);
    assert_int_equal(config.image.heads, 12);
    assert_int_equal(config.image.mlp_width, 3072);
    assert_int_equal(config.image.patch_size, 16);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_GELU);
    assert_true(config.image.layer_norm_epsilon == 1e-5F);
    assert_int_equal(config.text.vocabulary, 49408);
    assert_int_equal(config.text.context_length, 77);
    assert_int_equal(config.text.width, 512);
    assert_int_equal(config.text.layers, 12);
    assert_int_equal(config.text.heads, 8);
    assert_int_equal(config.text.mlp_width, 2048);
    assert_int_equal(config.text.pooling, OSPREY__POOL_HIGHEST_ID);
    assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_SHORTEST);
    assert_int_equal(config.preprocessing.resample, OSPREY_RESAMPLE_BICUBIC);
    assert_true(config.preprocessing.center_crop && config.preprocessing.crop_rounds_half_even);
    assert_true(config.preprocessing.mean[0] == 0.48145466F);
    assert_false(config.has_logit_bias || config.text_is_prefixed || config.foreign_tokenizer);
}

static void test_vit_options(void **state)
{
    (void)state;
    const osprey__model_config config =
        parse_well(MODEL("'quick_gelu':true,'init_logit_bias':-10,'custom_text':true,",
                         "'image_size':[160,320],'layers':40,'width':1408,'head_width':88,"
                         "'mlp_ratio':4.3637,'patch_size':[14,14],'patch_dropout':0.5",
                         "'context_length':32,'vocab_size':100,'width':64,'heads':4,'layers':2,"
                         "'pool_type':'eos','eos_id':7,'hf_tokenizer_name':'bert-base-uncased'",
                         "'resize_mode':'squash','interpolation':'bilinear','mean':0.5,"
                         "'std':[0.1,0.2,0.3],'fill_color':9,'size':224"));
    assert_int_equal(config.image.image_height, 160);
    assert_int_equal(config.image.image_width, 320);
    assert_int_equal(config.image.heads, 16);
    assert_int_equal(config.image.mlp_width, 6144);
    assert_int_equal(config.image.patch_size, 14);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_QUICK_GELU);
    assert_int_equal(config.text.activation, OSPREY_ACTIVATION_QUICK_GELU);
    assert_int_equal(config.text.context_length, 32);
    assert_int_equal(config.text.heads, 4);
    assert_int_equal(config.text.pooling, OSPREY__POOL_FIRST_END);
    assert_int_equal(config.text.end_id, 7);
    assert_true(config.has_logit_bias && config.text_is_prefixed && config.foreign_tokenizer);
    assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_EXACT);
    assert_int_equal(config.preprocessing.resize_width, 320);
    assert_int_equal(config.preprocessing.crop_height, 160);
    assert_false(config.preprocessing.center_crop);
    assert_int_equal(config.preprocessing.resample, OSPREY_RESAMPLE_BILINEAR);
    assert_true(config.preprocessing.mean[2] == 0.5F && config.preprocessing.std[1] == 0.2F);
    assert_int_equal(config.preprocessing.fill[2], 9);
}

static void test_trunks_of_timm(void **state)
{
    (void)state;
    /* Of a trunk, the keys of OpenCLIP's own towers do not count. */
    osprey__model_config config = parse_well(VISION(
        "'timm_model_name':'eva02_base_patch16_clip_224.merged2b','image_size':224,'width':7,"
        "'timm_pool':'token','timm_proj':null"));
    assert_string_equal(config.trunk.name, "eva02_base_patch16_clip_224");
    assert_string_equal(config.trunk.pool, "token");
    assert_string_equal(config.trunk.proj, "");
    assert_int_equal(config.image.image_width, 224);
    assert_int_equal(config.preprocessing.crop_width, 224);
    config = parse_well(VISION("'timm_model_name':'x','timm_proj_bias':true"));
    assert_string_equal(config.trunk.pool, "avg");
    assert_string_equal(config.trunk.proj, "linear");
    assert_true(config.trunk.proj_biased);
    config = parse_well(VISION("'timm_model_name':''"));
    assert_int_equal(config.image.layers, 12);
}

#define SIGLIP_TEXT "'pool_type':'last','no_causal_mask':true,'proj_bias':true,"

static void test_siglip(void **state)
{
    (void)state;
    /* As ViT-B-16-SigLIP2 is published. */
    osprey__model_config config = parse_well(
        MODEL("'custom_text':true,'init_logit_bias':-10,",
              "'image_size':224,'timm_model_name':'vit_base_patch16_siglip_224',"
              "'timm_model_pretrained':false,'timm_pool':'map','timm_proj':'none'",
              "'context_length':64,'vocab_size':256000,'hf_tokenizer_name':'timm/ViT-B-16-SigLIP2',"
              "'tokenizer_kwargs':{'clean':'canonicalize'},'width':768,'heads':12,'layers':12,"
              "'no_causal_mask':true,'proj_bias':true,'pool_type':'last',"
              "'norm_kwargs':{'eps':1e-6},'act_kwargs':{'approximate':'tanh'}",
              "'mean':[0.5,0.5,0.5],'std':[0.5,0.5,0.5],'interpolation':'bicubic',"
              "'resize_mode':'squash'"));
    assert_string_equal(config.trunk.pool, "map");
    assert_string_equal(config.trunk.proj, "none");
    assert_string_equal(config.text_cleaning, "canonicalize");
    assert_true(config.has_logit_bias && config.foreign_tokenizer && config.text_is_prefixed);
    assert_int_equal(config.text.kind, OSPREY__TEXT_SIGLIP);
    assert_int_equal(config.text.pooling, OSPREY__POOL_LAST);
    assert_int_equal(config.text.activation, OSPREY_ACTIVATION_GELU_TANH);
    assert_true(config.text.layer_norm_epsilon == 1e-6F);
    assert_false(config.text.unprojected);
    assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_EXACT);
    /* ViT-SO400M-16-SigLIP-i18n-256's text tower, and HFTokenizer's own cleaning. */
    config = parse_well(TEXT("'pool_type':'last','no_causal_mask':true,'proj_type':'none'"));
    assert_true(config.text.unprojected);
    assert_int_equal(config.text.activation, OSPREY_ACTIVATION_GELU);
    assert_string_equal(config.text_cleaning, "whitespace");
}

static void test_text_towers_of_transformers(void **state)
{
    (void)state;
    /* As xlm-roberta-base-ViT-B-32 is published, with open_clip's defaults. */
    osprey__model_config config =
        parse_well(MODEL("'quick_gelu':true,", "'patch_size':32",
                         "'hf_model_name':'xlm-roberta-base','hf_pooler_type':'mean_pooler',"
                         "'hf_tokenizer_name':'xlm-roberta-base'",
                         ""));
    assert_string_equal(config.hf_text.name, "xlm-roberta-base");
    assert_string_equal(config.hf_text.pooler, "mean_pooler");
    assert_string_equal(config.hf_text.proj, "mlp");
    assert_string_equal(config.text_cleaning, "whitespace");
    assert_int_equal(config.text.kind, OSPREY__TEXT_ROBERTA);
    assert_int_equal(config.text.context_length, 77);
    assert_true(config.text_is_prefixed && config.foreign_tokenizer);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_QUICK_GELU);
    /* The keys of before, and what null says. */
    config = parse_well(TEXT("'hf_model_name':'x','proj':'linear','pooler_type':'cls_pooler',"
                             "'context_length':40,'tokenizer_kwargs':{'clean':'lower'}"));
    assert_string_equal(config.hf_text.pooler, "cls_pooler");
    assert_string_equal(config.hf_text.proj, "linear");
    assert_string_equal(config.text_cleaning, "lower");
    assert_int_equal(config.text.context_length, 40);
    config = parse_well(TEXT("'hf_model_name':'x','hf_proj_type':null,'hf_pooler_type':null"));
    assert_string_equal(config.hf_text.pooler, "");
    assert_string_equal(config.hf_text.proj, "");
}

static void test_end_token_has_a_default(void **state)
{
    (void)state;
    const osprey__model_config config = parse_well(TEXT("'pool_type':'eos'"));
    assert_int_equal(config.text.pooling, OSPREY__POOL_FIRST_END);
    assert_int_equal(config.text.end_id, 2);
}

static void test_resnet_is_rn50x4(void **state)
{
    (void)state;
    const osprey__model_config config = parse_well(MODEL(
        "'quick_gelu':true,", "'image_size':288,'layers':[4,6,10,6],'width':80,'patch_size':null",
        "'width':640,'heads':10", "'resize_mode':'longest'"));
    assert_int_equal(config.image.kind, OSPREY__IMAGE_MODIFIED_RESNET);
    assert_int_equal(config.image.layers, 26);
    assert_int_equal(config.image.stage_layers[2], 10);
    assert_int_equal(config.image.heads, 40);
    assert_int_equal(config.image.mlp_width, 0);
    assert_int_equal(config.image.patch_size, 0);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_RELU);
    assert_int_equal(config.text.activation, OSPREY_ACTIVATION_QUICK_GELU);
    assert_int_equal(config.preprocessing.resize, OSPREY_RESIZE_LONGEST);
    assert_int_equal(config.preprocessing.resize_height, 288);
}

static void test_options_without_effect_are_accepted(void **state)
{
    (void)state;
    parse_well(MODEL("'init_logit_scale':2.3,'nonscalar_logit_scale':true,'init_logit_bias':null,",
                     "'pool_type':'tok','no_ln_pre':false,'timm_model_name':null,"
                     "'ls_init_value':null,'output_tokens':true,'attn_pooler_heads':8,"
                     "'block_type':'default','final_ln_after_pool':true",
                     "'pool_type':'argmax','proj_type':'linear','proj_bias':false,'pad_id':0,"
                     "'hf_model_name':null,'no_causal_mask':false,'embed_cls':false",
                     "'mode':'RGB','interpolation':null,'mean':null,'resize_mode':null"));
    /* Of CoCa's decoder, and open_clip's defaults of what it does with captions. */
    parse_well(MODEL("'pad_id':0,'multimodal_cfg':null,", "", "'embed_cls':false,'pad_id':0", ""));
    parse_well(MODEL("'custom_text':true,'pad_id':0,'multimodal_cfg':{'context_length':76,"
                     "'vocab_size':49408,'width':512,'heads':8,'layers':12,'mlp_ratio':4,"
                     "'dim_head':64,'n_queries':256,'attn_pooler_heads':8,'pad_id':0},",
                     "", "'embed_cls':true,'pad_id':0", ""));
    parse_well(MODEL("'multimodal_cfg':{},", "",
                     "'hf_model_name':'roberta-base','width':768,'pad_id':0", ""));
}

static void test_refuses_wrong_settings(void **state)
{
    (void)state;
    static const config_refusal refusals[] = {
        {"[]", OSPREY_FORMAT, "open_clip_config.json", "JSON object"},
        {"{}", OSPREY_FORMAT, "open_clip_config.json", "it has no \"model_cfg\""},
        {"{'model_cfg':{}}", OSPREY_FORMAT, "model_cfg", "no \"embed_dim\""},
        {"{'model_cfg':3}", OSPREY_FORMAT, "open_clip_config.json", "model_cfg"},
        {"{'model_cfg':{'embed_dim':4,'vision_cfg':{}}}", OSPREY_FORMAT, "model_cfg",
         "no \"text_cfg\""},
        {"{'model_cfg':{'embed_dim':0,'vision_cfg':{},'text_cfg':{}}}", OSPREY_FORMAT, "model_cfg",
         "\"embed_dim\" is 0"},
        {MODEL("'quick_gelu':1,", "", "", ""), OSPREY_FORMAT, "model_cfg", "quick_gelu"},
        {MODEL("'pad_id':'0',", "", "", ""), OSPREY_FORMAT, "model_cfg", "pad_id"},
        {MODEL("'pad_id':-1,", "", "", ""), OSPREY_FORMAT, "model_cfg", "pad_id"},
        {MODEL("'multimodal_cfg':[1],", "", "", ""), OSPREY_FORMAT, "model_cfg", "multimodal_cfg"},
        {DECODER("'width':-512"), OSPREY_FORMAT, "multimodal_cfg", "\"width\""},
        {DECODER("'width':'512'"), OSPREY_FORMAT, "multimodal_cfg", "\"width\""},
        {DECODER("'layers':0"), OSPREY_FORMAT, "multimodal_cfg", "\"layers\" is 0"},
        {DECODER("'heads':1.5"), OSPREY_FORMAT, "multimodal_cfg", "\"heads\""},
        {DECODER("'vocab_size':true"), OSPREY_FORMAT, "multimodal_cfg", "\"vocab_size\""},
        {DECODER("'attn_pooler_heads':{}"), OSPREY_FORMAT, "multimodal_cfg", "attn_pooler_heads"},
        {DECODER("'mlp_ratio':-4"), OSPREY_FORMAT, "multimodal_cfg", "mlp_ratio"},
        {DECODER("'pad_id':null,'invented':1"), OSPREY_UNSUPPORTED, "multimodal_cfg",
         "\"invented\""},
        {VISION("'timm_model_name':7"), OSPREY_FORMAT, "vision_cfg", "timm_model_name"},
        {VISION("'timm_model_name':'"
                "0123456789012345678901234567890123456789012345678901234567890123'"),
         OSPREY_UNSUPPORTED, "vision_cfg", "\"timm_model_name\" is \"0123"},
        {VISION("'timm_model_name':'x','timm_pool':'a pool of many words'"), OSPREY_UNSUPPORTED,
         "vision_cfg", "\"timm_pool\" is \"a pool of many words\""},
        {VISION("'timm_model_name':'x','timm_proj':'quadratic'"), OSPREY_UNSUPPORTED, "vision_cfg",
         "\"timm_proj\" is \"quadratic\""},
        {VISION("'timm_model_name':'x','timm_proj_bias':0"), OSPREY_FORMAT, "vision_cfg",
         "timm_proj_bias"},
        {VISION("'timm_model_name':'x','width':'wide','invented':1"), OSPREY_UNSUPPORTED,
         "vision_cfg", "\"invented\""},
        {VISION("'no_ln_pre':true"), OSPREY_UNSUPPORTED, "vision_cfg", "no_ln_pre"},
        {VISION("'ls_init_value':1e-4"), OSPREY_UNSUPPORTED, "vision_cfg", "ls_init_value"},
        {VISION("'attentional_pool':'parallel'"), OSPREY_UNSUPPORTED, "vision_cfg",
         "\"attentional_pool\" is \"parallel\"; supported are true and false"},
        {VISION("'attentional_pool':1"), OSPREY_FORMAT, "vision_cfg", "attentional_pool"},
        {VISION("'attentional_pool':true,'attn_pooler_heads':0"), OSPREY_FORMAT, "vision_cfg",
         "\"attn_pooler_heads\" is 0"},
        {VISION("'attentional_pool':true,'attn_pooler_heads':7"), OSPREY_FORMAT, "vision_cfg",
         "\"attn_pooler_heads\" is 7, which does not divide \"embed_dim\""},
        {VISION("'attentional_pool':true,'attn_pooler_queries':-1"), OSPREY_FORMAT, "vision_cfg",
         "attn_pooler_queries"},
        {VISION("'pool_type':'avg'"), OSPREY_UNSUPPORTED, "vision_cfg", "\"pool_type\" is avg"},
        {VISION("'pos_embed_type':'sin_cos_2d'"), OSPREY_UNSUPPORTED, "vision_cfg", "sin_cos_2d"},
        {VISION("'norm_kwargs':{'eps':1e-6}"), OSPREY_UNSUPPORTED, "vision_cfg", "norm_kwargs"},
        {VISION("'invented':false"), OSPREY_UNSUPPORTED, "vision_cfg", "\"invented\""},
        {VISION("'layers':[3,4,6]"), OSPREY_FORMAT, "vision_cfg", "four for a ResNet"},
        {VISION("'layers':[3,4,6,0]"), OSPREY_FORMAT, "vision_cfg", "between 1 and 1024"},
        {VISION("'layers':[3,4,6,'3']"), OSPREY_FORMAT, "vision_cfg", "between 1 and 1024"},
        {VISION("'layers':[3,4,6,3],'width':63"), OSPREY_FORMAT, "vision_cfg", "even \"width\""},
        {VISION("'layers':[3,4,6,3],'image_size':[224,288]"), OSPREY_FORMAT, "vision_cfg",
         "square"},
        {VISION("'layers':[3,4,6,3],'width':64,'image_size':1"), OSPREY_FORMAT, "vision_cfg",
         "\"image_size\" is 1; a ResNet"},
        {VISION("'layers':[3,4,6,3],'width':64,'image_size':63"), OSPREY_FORMAT, "vision_cfg",
         "\"image_size\" is 63"},
        {VISION("'layers':'12'"), OSPREY_FORMAT, "vision_cfg", "layers"},
        {VISION("'width':32"), OSPREY_FORMAT, "vision_cfg", "into 0 attention heads"},
        {VISION("'width':772"), OSPREY_FORMAT, "vision_cfg", "into 12 attention heads"},
        {VISION("'width':100000"), OSPREY_LIMIT, "vision_cfg", "width"},
        {VISION("'mlp_ratio':1e300"), OSPREY_FORMAT, "vision_cfg", "mlp_ratio"},
        {VISION("'mlp_ratio':'4'"), OSPREY_FORMAT, "vision_cfg", "mlp_ratio"},
        {VISION("'mlp_ratio':-4"), OSPREY_FORMAT, "vision_cfg", "mlp_ratio"},
        {VISION("'image_size':[224]"), OSPREY_FORMAT, "vision_cfg", "list of two"},
        {VISION("'image_size':[224,-1]"), OSPREY_LIMIT, "vision_cfg", "image_size"},
        {VISION("'patch_size':[14,16]"), OSPREY_UNSUPPORTED, "vision_cfg", "not square"},
        {VISION("'patch_size':300"), OSPREY_LIMIT, "vision_cfg", "between 1 and 224"},
        {TEXT("'hf_model_name':'xlm-roberta-base','layers':12"), OSPREY_UNSUPPORTED, "text_cfg",
         "\"layers\""},
        {TEXT("'hf_model_name':'xlm-roberta-base','tokenizer_mode':'clips'"), OSPREY_UNSUPPORTED,
         "text_cfg", "\"tokenizer_mode\" is clips"},
        {TEXT("'hf_model_name':'xlm-roberta-base','hf_pooler_type':3"), OSPREY_FORMAT, "text_cfg",
         "hf_pooler_type"},
        {TEXT("'hf_model_name':'xlm-roberta-base','context_length':0"), OSPREY_FORMAT, "text_cfg",
         "context_length"},
        {TEXT("'hf_model_name':7"), OSPREY_FORMAT, "text_cfg", "hf_model_name"},
        {TEXT("'pooler_type':'mean_pooler'"), OSPREY_UNSUPPORTED, "text_cfg", "pooler_type"},
        {TEXT("'pool_type':'last'"), OSPREY_UNSUPPORTED, "text_cfg", "one by one"},
        {TEXT("'pool_type':'last','proj_bias':true"), OSPREY_UNSUPPORTED, "text_cfg",
         "\"no_causal_mask\""},
        {TEXT("'pool_type':'first'"), OSPREY_UNSUPPORTED, "text_cfg", "argmax, eos and last"},
        {TEXT(SIGLIP_TEXT "'norm_kwargs':{'eps':1}"), OSPREY_FORMAT, "norm_kwargs", "\"eps\" is 1"},
        {TEXT(SIGLIP_TEXT "'norm_kwargs':{'eps':1e-6,'bias':false}"), OSPREY_UNSUPPORTED,
         "norm_kwargs", "\"bias\""},
        {TEXT(SIGLIP_TEXT "'norm_kwargs':3"), OSPREY_FORMAT, "text_cfg", "norm_kwargs"},
        {TEXT(SIGLIP_TEXT "'act_kwargs':{'approximate':'sigmoid'}"), OSPREY_UNSUPPORTED,
         "act_kwargs", "\"approximate\" is \"sigmoid\"; supported is tanh"},
        {MODEL("'quick_gelu':true,", "", "'act_kwargs':{'approximate':'tanh'}", ""),
         OSPREY_UNSUPPORTED, "act_kwargs", "without \"quick_gelu\""},
        {TEXT(SIGLIP_TEXT "'tokenizer_kwargs':{'strip_sep_token':true}"), OSPREY_UNSUPPORTED,
         "tokenizer_kwargs", "\"strip_sep_token\" is set"},
        {TEXT(SIGLIP_TEXT "'tokenizer_kwargs':{'clean':'as well as you can, please'}"),
         OSPREY_UNSUPPORTED, "tokenizer_kwargs", "\"clean\" is \"as well"},
        {TEXT(SIGLIP_TEXT "'tokenizer_kwargs':{'clean':3}"), OSPREY_FORMAT, "tokenizer_kwargs",
         "\"clean\""},
        {TEXT("'pool_type':'last','no_causal_mask':true,'proj_type':'none','width':64,'heads':1"),
         OSPREY_FORMAT, "text_cfg", "\"width\" is 64 without a projection"},
        {TEXT("'proj_type':'mlp'"), OSPREY_UNSUPPORTED, "text_cfg", "\"proj_type\" is \"mlp\""},
        {TEXT("'pool_type':'eos','eos_id':49408"), OSPREY_FORMAT, "text_cfg", "\"eos_id\""},
        {TEXT("'no_causal_mask':3"), OSPREY_FORMAT, "text_cfg", "no_causal_mask"},
        {TEXT("'embed_cls':true"), OSPREY_UNSUPPORTED, "text_cfg",
         "\"embed_cls\" is supported together with \"custom_text\""},
        {TEXT("'embed_cls':1"), OSPREY_FORMAT, "text_cfg", "embed_cls"},
        {TEXT("'embed_cls':true,'no_causal_mask':true"), OSPREY_UNSUPPORTED, "text_cfg",
         "\"embed_cls\" is supported with a causal mask"},
        {TEXT("'embed_cls':true,'pad_id':1"), OSPREY_UNSUPPORTED, "text_cfg", "a \"pad_id\" of 0"},
        {TEXT("'proj_type':'none'"), OSPREY_UNSUPPORTED, "text_cfg", "\"proj_type\" none"},
        {TEXT("'proj_bias':true"), OSPREY_UNSUPPORTED, "text_cfg", "proj_bias"},
        {TEXT("'tokenizer_kwargs':{'clean':'canonicalize'}"), OSPREY_UNSUPPORTED,
         "text_cfg: tokenizer_kwargs", "MetaCLIP 2, RoBERTa and XLM-RoBERTa alone"},
        {TEXT("'heads':7"), OSPREY_FORMAT, "text_cfg", "7 attention heads"},
        {TEXT("'context_length':0"), OSPREY_FORMAT, "text_cfg", "context_length"},
        {PREPROCESS("'mode':'L'"), OSPREY_UNSUPPORTED, "preprocess_cfg", "\"mode\""},
        {PREPROCESS("'interpolation':'nearest'"), OSPREY_UNSUPPORTED, "preprocess_cfg", "nearest"},
        {PREPROCESS("'resize_mode':'stretch'"), OSPREY_UNSUPPORTED, "preprocess_cfg", "stretch"},
        {PREPROCESS("'fill_color':256"), OSPREY_FORMAT, "preprocess_cfg", "fill_color"},
        {PREPROCESS("'std':[0.5,0.5,0]"), OSPREY_FORMAT, "preprocess_cfg", "\"std\" has a"},
        {MODEL("", "'image_size':[224,288]", "", ""), OSPREY_UNSUPPORTED, "preprocess_cfg",
         "not square"},
    };
    assert_configs_refused(&kind, refusals, sizeof refusals / sizeof *refusals);
}

static void test_reads_the_golden_models(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t embed_dim, image_size, layers, heads, mlp_width, vocabulary;
        bool foreign_tokenizer;
    } models[] = {
        {"openclip-rn", 24, 64, 5, 2, 0, 674, true},
        {"openclip-vit-p14-quickgelu-builtin", 16, 28, 2, 2, 88, 49408, false},
        {"openclip-vit-p16-gelu", 20, 32, 2, 3, 96, 674, true},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const osprey__model_config config = read_golden_config(&kind, models[i].name);
        assert_int_equal(config.embed_dim, models[i].embed_dim);
        assert_int_equal(config.image.image_height, models[i].image_size);
        assert_int_equal(config.image.layers, models[i].layers);
        assert_int_equal(config.image.heads, models[i].heads);
        assert_int_equal(config.image.mlp_width, models[i].mlp_width);
        assert_int_equal(config.text.vocabulary, models[i].vocabulary);
        assert_int_equal(config.foreign_tokenizer, models[i].foreign_tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_vit_options),
        cmocka_unit_test(test_trunks_of_timm),
        cmocka_unit_test(test_siglip),
        cmocka_unit_test(test_text_towers_of_transformers),
        cmocka_unit_test(test_end_token_has_a_default),
        cmocka_unit_test(test_resnet_is_rn50x4),
        cmocka_unit_test(test_options_without_effect_are_accepted),
        cmocka_unit_test(test_refuses_wrong_settings),
        cmocka_unit_test(test_reads_the_golden_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
