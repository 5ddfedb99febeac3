/* SPDX-License-Identifier: Apache-2.0 */
/* open_clip_config.json as open_clip 3 reads it. */
#include "base/json.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "format/config_values.h"
#include "format/model_config.h"

#include <limits.h>
#include <string.h>

/*
 * A key that open_clip has, and the one value that osprey has. An unknown key is refused like a
 * known one with another value: either may change the result.
 */
typedef struct option {
    const char *key;
    const char *only; /* null, Python's None, is accepted too */
} option;

#define ANY NULL /* read below, or without effect on an embedding */
#define OFF ""   /* null or false */

static const option model_options[] = {
    {"embed_dim", ANY},
    {"vision_cfg", ANY},
    {"text_cfg", ANY},
    {"quick_gelu", ANY},
    {"custom_text", ANY},
    {"init_logit_scale", ANY},
    {"output_dict", ANY},
    {"init_logit_bias", ANY},
    {"nonscalar_logit_scale", ANY},
    {"multimodal_cfg", ANY},
    {"pad_id", ANY}, /* of captions */
    {NULL, NULL},
};

/* The order of final norm and pooling (final_ln_after_pool) is the same for one token. */
static const option image_options[] = {
    {"image_size", ANY},
    {"layers", ANY},
    {"width", ANY},
    {"head_width", ANY},
    {"mlp_ratio", ANY},
    {"patch_size", ANY},
    {"patch_dropout", ANY},
    {"output_tokens", ANY},
    {"final_ln_after_pool", ANY},
    {"attn_pooler_queries", ANY},
    {"attn_pooler_heads", ANY},
    {"timm_model_name", ANY},
    {"timm_model_pretrained", ANY},
    {"timm_pool", ANY},
    {"timm_proj", ANY},
    {"timm_proj_bias", ANY},
    {"timm_drop", ANY},
    {"timm_drop_path", ANY},
    {"pool_type", "tok"},
    {"pos_embed_type", "learnable"},
    {"block_type", "default"},
    {"attentional_pool", ANY},
    {"no_ln_pre", OFF},
    {"ls_init_value", OFF},
    {"act_kwargs", OFF},
    {"norm_kwargs", OFF},
    {"qk_norm", OFF},
    {"scaled_cosine_attn", OFF},
    {"scale_heads", OFF},
    {"scale_attn_inner", OFF},
    {"scale_attn", OFF},
    {"scale_fc", OFF},
    {NULL, NULL},
};

static const option text_options[] = {
    {"context_length", ANY},
    {"vocab_size", ANY},
    {"layers", ANY},
    {"width", ANY},
    {"heads", ANY},
    {"mlp_ratio", ANY},
    {"pool_type", ANY},
    {"eos_id", ANY},
    {"hf_tokenizer_name", ANY},
    {"pad_id", ANY},
    {"output_tokens", ANY},
    {"final_ln_after_pool", ANY},
    {"hf_model_pretrained", ANY},
    {"hf_proj_type", ANY},
    {"no_causal_mask", ANY},
    {"hf_pooler_type", ANY},
    {"proj_type", ANY},
    {"block_type", "default"},
    {"tokenizer_kwargs", ANY},
    {"proj_bias", ANY},
    {"act_kwargs", ANY},
    {"norm_kwargs", ANY},
    {"hf_model_name", OFF},
    {"tokenizer_mode", OFF},
    {"embed_cls", ANY},
    {"ls_init_value", OFF},
    {"qk_norm", OFF},
    {"scaled_cosine_attn", OFF},
    {"scale_heads", OFF},
    {"scale_attn_inner", OFF},
    {"scale_attn", OFF},
    {"scale_fc", OFF},
    {NULL, NULL},
};

/* Of a tower of transformers', which has its sizes from elsewhere. */
static const option hf_text_options[] = {
    {"context_length", ANY},   {"hf_tokenizer_name", ANY},
    {"hf_model_name", ANY},    {"hf_model_pretrained", ANY},
    {"hf_proj_type", ANY},     {"proj", ANY},
    {"hf_pooler_type", ANY},   {"pooler_type", ANY},
    {"tokenizer_kwargs", ANY}, {"tokenizer_mode", OFF},
    {"output_tokens", ANY},    {"width", ANY},
    {"pad_id", ANY},           {NULL, NULL},
};

/* Of CoCa's decoder of captions, which is not read. */
static const option decoder_options[] = {
    {"context_length", ANY}, {"vocab_size", ANY},    {"width", ANY},
    {"layers", ANY},         {"heads", ANY},         {"dim_head", ANY},
    {"n_queries", ANY},      {"mlp_ratio", ANY},     {"attn_pooler_heads", ANY},
    {"ls_init_value", ANY},  {"pad_id", ANY},        {"eos_id", ANY},
    {"embed_cls", ANY},      {"output_tokens", ANY}, {NULL, NULL},
};

static osprey_status check_options(const osprey__config_section *section, const option *options,
                                   osprey_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(section->object, key, value)
    {
        const option *known = options;
        while (known->key && strcmp(known->key, key) != 0) known++;
        if (!known->key)
            return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                                "\"%s\" is an option that osprey does not support", key);
        if (!known->only || json_is_null(value) || (!*known->only && json_is_false(value)))
            continue;
        const char *text = json_string_value(value);
        if (text && strcmp(text, known->only) == 0) continue;
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"%s\" is %s, which osprey does not support", key,
                            text ? text : "set");
    }
    return OSPREY_OK;
}

/* open_clip's int(width * mlp_ratio). */
static osprey_status read_mlp_width(const osprey__config_section *section, size_t width,
                                    size_t *mlp_width, osprey_error *error)
{
    const json_t *found = json_object_get(section->object, "mlp_ratio");
    const double ratio = found && !json_is_null(found) ? json_number_value(found) : 4;
    const double product = (double)width * ratio;
    if (!(product >= 1 && product <= OSPREY__CONFIG_WIDTH_MAX))
        return osprey__fail(error, OSPREY_FORMAT, section->label,
                            "\"mlp_ratio\" has to be a number that makes an MLP between 1 and %u "
                            "wide",
                            OSPREY__CONFIG_WIDTH_MAX);
    *mlp_width = (size_t)product;
    return OSPREY_OK;
}

/* Nothing of it counts, but what makes no sense shows that the file is not what it seems. */
static osprey_status check_decoder(const osprey__config_section *section, osprey_error *error)
{
    static const char *const sizes[] = {"context_length", "vocab_size", "layers",           "heads",
                                        "dim_head",       "n_queries",  "attn_pooler_heads"};
    size_t pad_id = 0, width = 512, mlp_width;
    OSPREY_TRY(check_options(section, decoder_options, error));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = 1;
        OSPREY_TRY(osprey__config_dimension(section, sizes[i], OSPREY__CONFIG_VOCABULARY_MAX, &size,
                                            error));
    }
    OSPREY_TRY(osprey__config_dimension(section, "width", OSPREY__CONFIG_WIDTH_MAX, &width, error));
    OSPREY_TRY(read_mlp_width(section, width, &mlp_width, error));
    return osprey__json_size(section->object, "pad_id", section->label, &pad_id, error);
}

/* CoCa's attention pool, of heads that share the embedding's width. */
static osprey_status read_query_pool(const osprey__config_section *section, size_t embed_dim,
                                     osprey__image_config *image, osprey_error *error)
{
    const json_t *found = json_object_get(section->object, "attentional_pool");
    const char *kind = json_string_value(found);
    bool is_pooled = false;
    if (kind)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"attentional_pool\" is \"%.80s\"; supported are true and false",
                            kind);
    OSPREY_TRY(
        osprey__json_bool(section->object, "attentional_pool", section->label, &is_pooled, error));
    if (!is_pooled) return OSPREY_OK;
    image->pool_queries = 256;
    image->pool_heads = 8;
    OSPREY_TRY(osprey__config_dimension(section, "attn_pooler_queries", OSPREY__CONFIG_WIDTH_MAX,
                                        &image->pool_queries, error));
    OSPREY_TRY(osprey__config_dimension(section, "attn_pooler_heads", OSPREY__CONFIG_WIDTH_MAX,
                                        &image->pool_heads, error));
    if (embed_dim % image->pool_heads == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, section->label,
                        "\"attn_pooler_heads\" is %zu, which does not divide \"embed_dim\", %zu",
                        image->pool_heads, embed_dim);
}

static osprey_status read_vit(const osprey__config_section *section, size_t head_width,
                              bool quick_gelu, size_t embed_dim, osprey__image_config *image,
                              osprey_error *error)
{
    image->kind = OSPREY__IMAGE_VIT;
    image->layer_norm_epsilon = 1e-5F;
    image->activation = quick_gelu ? OSPREY_ACTIVATION_QUICK_GELU : OSPREY_ACTIVATION_GELU;
    image->layers = 12;
    image->patch_size = 16;
    image->heads = image->width / head_width;
    size_t patch_width = 0;
    OSPREY_TRY(osprey__config_dimension(section, "layers", OSPREY__CONFIG_LAYERS_MAX,
                                        &image->layers, error));
    const size_t shorter =
        image->image_height < image->image_width ? image->image_height : image->image_width;
    OSPREY_TRY(osprey__config_dimension_pair(section, "patch_size", shorter, &image->patch_size,
                                             &patch_width, error));
    if (patch_width != image->patch_size)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"patch_size\" is not square");
    OSPREY_TRY(read_mlp_width(section, image->width, &image->mlp_width, error));
    OSPREY_TRY(read_query_pool(section, embed_dim, image, error));
    return osprey__config_check_heads(section, image->width, image->heads, error);
}

static osprey_status read_resnet(const osprey__config_section *section, const json_t *stages,
                                 size_t head_width, osprey__image_config *image,
                                 osprey_error *error)
{
    image->kind = OSPREY__IMAGE_MODIFIED_RESNET;
    image->activation = OSPREY_ACTIVATION_RELU;
    if (json_array_size(stages) != 4)
        return osprey__fail(error, OSPREY_FORMAT, section->label,
                            "\"layers\" has to be a whole number, or four for a ResNet");
    for (size_t i = 0; i < 4; i++) {
        const json_int_t blocks = json_integer_value(json_array_get(stages, i));
        if (blocks < 1 || blocks > (json_int_t)OSPREY__CONFIG_LAYERS_MAX)
            return osprey__fail(error, OSPREY_FORMAT, section->label,
                                "\"layers\" has to hold whole numbers between 1 and %u",
                                OSPREY__CONFIG_LAYERS_MAX);
        image->stage_layers[i] = (size_t)blocks;
        image->layers += (size_t)blocks;
    }
    if (image->width % 2 != 0 || image->image_height != image->image_width)
        return osprey__fail(error, OSPREY_FORMAT, section->label,
                            "a ResNet needs an even \"width\" and a square \"image_size\"");
    /* Five halvings, of which only the first rounds up, have to leave what the pool expects. */
    const size_t side = image->image_height;
    if (side < 32 || (side + 1) / 32 != side / 32)
        return osprey__fail(error, OSPREY_FORMAT, section->label,
                            "\"image_size\" is %zu; a ResNet halves it five times, so it has to be "
                            "a multiple of 32, or up to 30 more",
                            side);
    /* The last stage is 32 times as wide as the first. */
    image->heads = image->width * 32 / head_width;
    return osprey__config_check_heads(section, image->width * 32, image->heads, error);
}

/* A text with a limit, or fallback where the key is absent; null is none. */
static osprey_status read_short_text(const osprey__config_section *section, const char *key,
                                     const char *fallback, size_t capacity, char *text,
                                     osprey_error *error)
{
    const json_t *found = json_object_get(section->object, key);
    const char *value = found ? "" : fallback;
    OSPREY_TRY(osprey__json_string(section->object, key, section->label, &value, error));
    if (strlen(value) >= capacity)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"%s\" is \"%.80s\", which osprey does not support", key, value);
    memcpy(text, value, strlen(value) + 1);
    return OSPREY_OK;
}

/* With open_clip's defaults. */
static osprey_status read_trunk(const osprey__config_section *section, osprey__timm_trunk *trunk,
                                osprey_error *error)
{
    OSPREY_TRY(
        read_short_text(section, "timm_model_name", "", sizeof trunk->name, trunk->name, error));
    if (!*trunk->name) return OSPREY_OK;
    trunk->name[strcspn(trunk->name, ".")] = '\0'; /* the tag of timm's own weights */
    OSPREY_TRY(
        read_short_text(section, "timm_pool", "avg", sizeof trunk->pool, trunk->pool, error));
    OSPREY_TRY(
        read_short_text(section, "timm_proj", "linear", sizeof trunk->proj, trunk->proj, error));
    return osprey__json_bool(section->object, "timm_proj_bias", section->label, &trunk->proj_biased,
                             error);
}

static osprey_status read_image(const osprey__config_section *section, bool quick_gelu,
                                osprey__model_config *config, osprey_error *error)
{
    osprey__image_config *image = &config->image;
    OSPREY_TRY(check_options(section, image_options, error));
    *image = (osprey__image_config){.image_height = 224, .image_width = 224, .width = 768};
    size_t head_width = 64;
    OSPREY_TRY(osprey__config_dimension_pair(section, "image_size", OSPREY__CONFIG_IMAGE_MAX,
                                             &image->image_height, &image->image_width, error));
    OSPREY_TRY(read_trunk(section, &config->trunk, error));
    if (*config->trunk.name) return OSPREY_OK;
    OSPREY_TRY(
        osprey__config_dimension(section, "width", OSPREY__CONFIG_WIDTH_MAX, &image->width, error));
    OSPREY_TRY(osprey__config_dimension(section, "head_width", OSPREY__CONFIG_WIDTH_MAX,
                                        &head_width, error));
    const json_t *layers = json_object_get(section->object, "layers");
    if (json_is_array(layers)) return read_resnet(section, layers, head_width, image, error);
    return read_vit(section, head_width, quick_gelu, config->embed_dim, image, error);
}

static osprey_status read_pooling(const osprey__config_section *section, osprey__text_config *text,
                                  osprey_error *error)
{
    const char *pooling = "argmax";
    OSPREY_TRY(osprey__json_string(section->object, "pool_type", section->label, &pooling, error));
    const bool is_last = strcmp(pooling, "last") == 0;
    if (is_last || strcmp(pooling, "argmax") == 0) {
        text->pooling = is_last ? OSPREY__POOL_LAST : OSPREY__POOL_HIGHEST_ID;
        return OSPREY_OK;
    }
    if (strcmp(pooling, "eos") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"pool_type\" is \"%s\"; supported are argmax, eos and last", pooling);
    text->pooling = OSPREY__POOL_FIRST_END;
    text->end_id = 2;
    OSPREY_TRY(osprey__json_size(section->object, "eos_id", section->label, &text->end_id, error));
    if (text->end_id < text->vocabulary) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, section->label,
                        "\"eos_id\" is %zu, outside the vocabulary of %zu", text->end_id,
                        text->vocabulary);
}

/* CoCa's: a class token behind the text takes the place of what "pool_type" says. */
static osprey_status read_coca(const osprey__config_section *section, bool is_plain,
                               osprey__text_config *text, osprey_error *error)
{
    size_t pad_id = 0;
    OSPREY_TRY(osprey__json_size(section->object, "pad_id", section->label, &pad_id, error));
    text->kind = OSPREY__TEXT_COCA;
    text->pooling = OSPREY__POOL_LAST;
    text->end_id = 0;
    if (is_plain && pad_id == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                        "\"embed_cls\" is supported with a causal mask, a projection without a "
                        "bias, and a \"pad_id\" of 0, as CoCa has them");
}

/* Which of the towers it is: what goes with the last token is SigLIP's. */
static osprey_status read_kind(const osprey__config_section *section, osprey__text_config *text,
                               osprey_error *error)
{
    const char *projection = "linear";
    bool sees_all = false, biased = false, has_class = false;
    OSPREY_TRY(osprey__json_bool(section->object, "embed_cls", section->label, &has_class, error));
    OSPREY_TRY(
        osprey__json_bool(section->object, "no_causal_mask", section->label, &sees_all, error));
    OSPREY_TRY(osprey__json_bool(section->object, "proj_bias", section->label, &biased, error));
    OSPREY_TRY(read_pooling(section, text, error));
    OSPREY_TRY(
        osprey__json_string(section->object, "proj_type", section->label, &projection, error));
    const bool siglip = text->pooling == OSPREY__POOL_LAST;
    text->unprojected = strcmp(projection, "none") == 0;
    if (!text->unprojected && strcmp(projection, "linear") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"proj_type\" is \"%s\"; supported are linear, and none in SigLIP",
                            projection);
    if (has_class)
        return read_coca(section, !sees_all && !biased && !text->unprojected, text, error);
    if ((siglip && !sees_all) || siglip != (biased || text->unprojected))
        return osprey__fail(
            error, OSPREY_UNSUPPORTED, section->label,
            "\"pool_type\" last, \"no_causal_mask\" and \"proj_bias\", or "
            "\"proj_type\" none, are supported together, as SigLIP has them, and not "
            "one by one");
    text->kind = siglip     ? OSPREY__TEXT_SIGLIP
                 : sees_all ? OSPREY__TEXT_CLIP_FILLED
                            : OSPREY__TEXT_CLIP;
    return OSPREY_OK;
}

/* What open_clip gives torch's GELU and LayerNorm. */
static osprey_status read_arguments(const osprey__config_section *section, bool quick_gelu,
                                    osprey__text_config *text, osprey_error *error)
{
    static const option gelu[] = {{"approximate", ANY}, {NULL, NULL}};
    static const option norm[] = {{"eps", ANY}, {NULL, NULL}};
    const char *approximate = "none";
    osprey__config_section arguments;
    OSPREY_TRY(osprey__config_section_open(section, "norm_kwargs", &arguments, error));
    OSPREY_TRY(check_options(&arguments, norm, error));
    OSPREY_TRY(osprey__config_epsilon(&arguments, "eps", &text->layer_norm_epsilon, error));
    OSPREY_TRY(osprey__config_section_open(section, "act_kwargs", &arguments, error));
    OSPREY_TRY(check_options(&arguments, gelu, error));
    OSPREY_TRY(
        osprey__json_string(arguments.object, "approximate", arguments.label, &approximate, error));
    text->activation = quick_gelu ? OSPREY_ACTIVATION_QUICK_GELU : OSPREY_ACTIVATION_GELU;
    if (strcmp(approximate, "none") == 0) return OSPREY_OK;
    if (quick_gelu || strcmp(approximate, "tanh") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, arguments.label,
                            "\"approximate\" is \"%s\"; supported is tanh, without \"quick_gelu\"",
                            approximate);
    text->activation = OSPREY_ACTIVATION_GELU_TANH;
    return OSPREY_OK;
}

static osprey_status read_text(const osprey__config_section *section, bool quick_gelu,
                               osprey__text_config *text, osprey_error *error)
{
    OSPREY_TRY(check_options(section, text_options, error));
    *text = (osprey__text_config){.vocabulary = 49408,
                                  .context_length = 77,
                                  .width = 512,
                                  .layers = 12,
                                  .heads = 8,
                                  .layer_norm_epsilon = 1e-5F};
    OSPREY_TRY(osprey__config_dimension(section, "vocab_size", OSPREY__CONFIG_VOCABULARY_MAX,
                                        &text->vocabulary, error));
    OSPREY_TRY(osprey__config_dimension(section, "context_length", OSPREY__CONFIG_CONTEXT_MAX,
                                        &text->context_length, error));
    OSPREY_TRY(
        osprey__config_dimension(section, "width", OSPREY__CONFIG_WIDTH_MAX, &text->width, error));
    OSPREY_TRY(osprey__config_dimension(section, "layers", OSPREY__CONFIG_LAYERS_MAX, &text->layers,
                                        error));
    OSPREY_TRY(
        osprey__config_dimension(section, "heads", OSPREY__CONFIG_WIDTH_MAX, &text->heads, error));
    OSPREY_TRY(read_mlp_width(section, text->width, &text->mlp_width, error));
    OSPREY_TRY(read_kind(section, text, error));
    OSPREY_TRY(read_arguments(section, quick_gelu, text, error));
    return osprey__config_check_heads(section, text->width, text->heads, error);
}

/* A tower of transformers': open_clip leaves its sizes to that library's own configuration. */
static osprey_status read_hf_text(const osprey__config_section *section, osprey__hf_text *from,
                                  osprey__text_config *text, osprey_error *error)
{
    /* "proj" and "pooler_type" were open_clip's names before. */
    OSPREY_TRY(check_options(section, hf_text_options, error));
    const bool is_old = !json_object_get(section->object, "hf_proj_type") &&
                        !json_object_get(section->object, "hf_pooler_type");
    *text = (osprey__text_config){.kind = OSPREY__TEXT_ROBERTA, .context_length = 77};
    OSPREY_TRY(osprey__config_dimension(section, "context_length", OSPREY__CONFIG_CONTEXT_MAX,
                                        &text->context_length, error));
    OSPREY_TRY(read_short_text(section, is_old ? "proj" : "hf_proj_type", "mlp", sizeof from->proj,
                               from->proj, error));
    return read_short_text(section, is_old ? "pooler_type" : "hf_pooler_type", "mean_pooler",
                           sizeof from->pooler, from->pooler, error);
}

/* Which tokenizer it is, its files say; here, what open_clip does to texts before. */
static osprey_status read_tokenizer(const osprey__config_section *section,
                                    osprey__model_config *config, osprey_error *error)
{
    static const option options[] = {{"clean", ANY}, {"strip_sep_token", OFF}, {NULL, NULL}};
    const osprey__text_config *text = &config->text;
    const char *name = NULL;
    osprey__config_section arguments;
    OSPREY_TRY(
        osprey__json_string(section->object, "hf_tokenizer_name", section->label, &name, error));
    config->foreign_tokenizer = name && *name;
    /* CLIP's own end is the last id; SentencePiece's is among the first. */
    config->piece_tokenizer = config->foreign_tokenizer && text->kind == OSPREY__TEXT_CLIP &&
                              text->pooling == OSPREY__POOL_FIRST_END &&
                              text->end_id + 1 < text->vocabulary;
    const bool cleans =
        text->kind == OSPREY__TEXT_SIGLIP || *config->hf_text.name || config->piece_tokenizer;
    OSPREY_TRY(osprey__config_section_open(section, "tokenizer_kwargs", &arguments, error));
    OSPREY_TRY(check_options(&arguments, options, error));
    OSPREY_TRY(read_short_text(&arguments, "clean", cleans ? "whitespace" : "",
                               sizeof config->text_cleaning, config->text_cleaning, error));
    if (cleans || !*config->text_cleaning) return OSPREY_OK;
    return osprey__fail(
        error, OSPREY_UNSUPPORTED, arguments.label,
        "\"clean\" is \"%s\"; osprey cleans texts for the text towers of SigLIP, MetaCLIP 2, "
        "RoBERTa and XLM-RoBERTa alone",
        config->text_cleaning);
}

static osprey_status read_fill(const osprey__config_section *section, osprey_preprocessing *how,
                               osprey_error *error)
{
    size_t fill = 0;
    OSPREY_TRY(osprey__json_size(section->object, "fill_color", section->label, &fill, error));
    if (fill > UINT8_MAX)
        return osprey__fail(error, OSPREY_FORMAT, section->label,
                            "\"fill_color\" is %zu; it has to be between 0 and 255", fill);
    memset(how->fill, (int)fill, sizeof how->fill);
    return OSPREY_OK;
}

/* "size" is passed over as open_clip does it: the image tower's own size counts. */
static osprey_status read_preprocessing(const osprey__config_section *section,
                                        const osprey__image_config *image,
                                        osprey_preprocessing *how, osprey_error *error)
{
    *how = osprey__clip_preprocessing(image->image_height, image->image_width);
    how->crop_rounds_half_even = true;
    const char *mode = "RGB", *interpolation = "bicubic", *resize = "shortest";
    const char *file = section->label;
    OSPREY_TRY(osprey__json_string(section->object, "mode", file, &mode, error));
    OSPREY_TRY(osprey__json_string(section->object, "interpolation", file, &interpolation, error));
    OSPREY_TRY(osprey__json_string(section->object, "resize_mode", file, &resize, error));
    if (strcmp(mode, "RGB") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file, "\"mode\" is \"%s\", not RGB", mode);

    if (strcmp(interpolation, "bilinear") == 0)
        how->resample = OSPREY_RESAMPLE_BILINEAR;
    else if (strcmp(interpolation, "bicubic") != 0 && strcmp(interpolation, "random") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"interpolation\" is \"%s\"; supported are bicubic and bilinear",
                            interpolation);

    if (strcmp(resize, "longest") == 0) {
        how->resize = OSPREY_RESIZE_LONGEST;
    } else if (strcmp(resize, "squash") == 0) {
        how->resize = OSPREY_RESIZE_EXACT;
        how->center_crop = false;
    } else if (strcmp(resize, "shortest") != 0) {
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"resize_mode\" is \"%s\"; supported are shortest, longest and squash",
                            resize);
    }
    if (how->resize != OSPREY_RESIZE_EXACT && image->image_height != image->image_width)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"resize_mode\" is \"%s\", but the model's pictures are not square; "
                            "supported is squash",
                            resize);
    OSPREY_TRY(read_fill(section, how, error));
    OSPREY_TRY(osprey__config_colours(section, "mean", how->mean, error));
    OSPREY_TRY(osprey__config_colours(section, "std", how->std, error));
    return osprey__config_check_std(section, "std", how, error);
}

osprey_status osprey__openclip_config_parse(json_t *root, const char *file,
                                            osprey__model_config *config, osprey_error *error)
{
    *config = (osprey__model_config){.layout = "openclip", .file = "open_clip_config.json"};
    osprey__config_section whole, model, section;
    OSPREY_TRY(osprey__config_section_whole(root, file, &whole, error));
    OSPREY_TRY(osprey__config_section_open(&whole, "model_cfg", &model, error));
    if (!model.object) return osprey__fail(error, OSPREY_FORMAT, file, "it has no \"model_cfg\"");
    static const char *const required[] = {"embed_dim", "vision_cfg", "text_cfg"};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        if (!json_object_get(model.object, required[i]))
            return osprey__fail(error, OSPREY_FORMAT, model.label, "it has no \"%s\"", required[i]);
    }
    size_t pad_id = 0;
    OSPREY_TRY(check_options(&model, model_options, error));
    OSPREY_TRY(osprey__json_size(model.object, "pad_id", model.label, &pad_id, error));
    OSPREY_TRY(osprey__config_section_open(&model, "multimodal_cfg", &section, error));
    if (section.object) OSPREY_TRY(check_decoder(&section, error));
    OSPREY_TRY(osprey__config_dimension(&model, "embed_dim", OSPREY__CONFIG_WIDTH_MAX,
                                        &config->embed_dim, error));
    bool quick_gelu = false;
    OSPREY_TRY(osprey__json_bool(model.object, "quick_gelu", model.label, &quick_gelu, error));
    OSPREY_TRY(osprey__json_bool(model.object, "custom_text", model.label,
                                 &config->text_is_prefixed, error));
    const json_t *bias = json_object_get(model.object, "init_logit_bias");
    config->has_logit_bias = bias && !json_is_null(bias);

    OSPREY_TRY(osprey__config_section_open(&model, "vision_cfg", &section, error));
    OSPREY_TRY(read_image(&section, quick_gelu, config, error));
    OSPREY_TRY(osprey__config_section_open(&model, "text_cfg", &section, error));
    OSPREY_TRY(read_short_text(&section, "hf_model_name", "", sizeof config->hf_text.name,
                               config->hf_text.name, error));
    if (*config->hf_text.name) {
        config->text_is_prefixed = true;
        OSPREY_TRY(read_hf_text(&section, &config->hf_text, &config->text, error));
    } else {
        OSPREY_TRY(read_text(&section, quick_gelu, &config->text, error));
    }
    if (config->text.kind == OSPREY__TEXT_COCA && !config->text_is_prefixed)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section.label,
                            "\"embed_cls\" is supported together with \"custom_text\"");
    if (config->text.unprojected && config->text.width != config->embed_dim)
        return osprey__fail(error, OSPREY_FORMAT, section.label,
                            "\"width\" is %zu without a projection, but \"embed_dim\" %zu",
                            config->text.width, config->embed_dim);
    OSPREY_TRY(read_tokenizer(&section, config, error));
    OSPREY_TRY(osprey__config_section_open(&whole, "preprocess_cfg", &section, error));
    return read_preprocessing(&section, &config->image, &config->preprocessing, error);
}

osprey_status osprey__openclip_config_read(const char *directory, osprey__model_config *config,
                                           osprey_error *error)
{
    char path[PATH_MAX];
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, "open_clip_config.json", error));
    json_t *root = NULL;
    OSPREY_TRY(osprey__json_read(path, OSPREY__CONFIG_BYTES_MAX, &root, error));
    osprey_status status = osprey__openclip_config_parse(root, path, config, error);
    json_decref(root);
    return status;
}
