/* SPDX-License-Identifier: Apache-2.0 */
/* config.json as transformers' CLIPConfig, MetaClip2Config, ChineseCLIPConfig, SiglipConfig,
 * Siglip2Config, BertConfig, RobertaConfig and XLMRobertaConfig read it, with the defaults that a
 * sparse one leaves out. */
#include "base/json.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "format/config_values.h"
#include "format/model_config.h"

#include <limits.h>
#include <string.h>

/* Files saved before transformers 4.31 carry this end id, which never was the tokenizer's;
 * CLIPTextModel takes it as the sign to pool at the highest id. */
#define LEGACY_END_ID 2

/*
 * "text_config_dict" is how old versions saved a section. transformers completes it with the
 * defaults and lets it win over the section at every key, so that the latter has no effect at all.
 */
static osprey_status open_section(const osprey__config_section *whole, const char *key,
                                  const char *legacy_key, osprey__config_section *section,
                                  osprey_error *error)
{
    OSPREY_TRY(osprey__config_section_open(whole, legacy_key, section, error));
    if (section->object) return OSPREY_OK;
    return osprey__config_section_open(whole, key, section, error);
}

/* All but the sizes of pictures and patches. image holds the defaults. */
static osprey_status read_image_blocks(const osprey__config_section *section,
                                       osprey__image_config *image, osprey_error *error)
{
    size_t channels = 3;
    OSPREY_TRY(osprey__config_dimension(section, "hidden_size", OSPREY__CONFIG_WIDTH_MAX,
                                        &image->width, error));
    OSPREY_TRY(osprey__config_dimension(section, "intermediate_size", OSPREY__CONFIG_WIDTH_MAX,
                                        &image->mlp_width, error));
    OSPREY_TRY(osprey__config_dimension(section, "num_hidden_layers", OSPREY__CONFIG_LAYERS_MAX,
                                        &image->layers, error));
    OSPREY_TRY(osprey__config_dimension(section, "num_attention_heads", OSPREY__CONFIG_WIDTH_MAX,
                                        &image->heads, error));
    OSPREY_TRY(
        osprey__json_size(section->object, "num_channels", section->label, &channels, error));
    if (channels != 3)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"num_channels\" is %zu; osprey reads pictures with 3", channels);
    OSPREY_TRY(osprey__config_activation(section, &image->activation, error));
    OSPREY_TRY(
        osprey__config_epsilon(section, "layer_norm_eps", &image->layer_norm_epsilon, error));
    return osprey__config_check_heads(section, image->width, image->heads, error);
}

static osprey_status read_image(const osprey__config_section *section, osprey__image_config *image,
                                osprey_error *error)
{
    OSPREY_TRY(osprey__config_dimension(section, "image_size", OSPREY__CONFIG_IMAGE_MAX,
                                        &image->image_height, error));
    OSPREY_TRY(osprey__config_dimension(section, "patch_size", image->image_height,
                                        &image->patch_size, error));
    image->image_width = image->image_height;
    return read_image_blocks(section, image, error);
}

/* Siglip2VisionConfig's, whose "num_patches" are those of the positions. How many a picture has,
 * the preprocessor says. */
static osprey_status read_naflex_image(const osprey__config_section *section,
                                       osprey__image_config *image, osprey_error *error)
{
    size_t positions = 256, side = 1;
    OSPREY_TRY(osprey__config_dimension(section, "patch_size", OSPREY__CONFIG_IMAGE_MAX,
                                        &image->patch_size, error));
    OSPREY_TRY(osprey__config_dimension(section, "num_patches", OSPREY__CONFIG_PATCHES_MAX,
                                        &positions, error));
    while (side * side < positions) side++;
    if (side * side != positions)
        return osprey__fail(error, OSPREY_FORMAT, section->label,
                            "\"num_patches\" is %zu; the positions have to be a square", positions);
    image->position_side = side;
    return read_image_blocks(section, image, error);
}

static osprey_status read_pooling(const osprey__config_section *section, osprey__text_config *text,
                                  osprey_error *error)
{
    text->end_id = 49407;
    OSPREY_TRY(
        osprey__json_size(section->object, "eos_token_id", section->label, &text->end_id, error));
    text->pooling =
        text->end_id == LEGACY_END_ID ? OSPREY__POOL_HIGHEST_ID : OSPREY__POOL_FIRST_END;
    if (text->end_id < text->vocabulary) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, section->label,
                        "\"eos_token_id\" is %zu, outside the vocabulary of %zu", text->end_id,
                        text->vocabulary);
}

/* What all text towers call the same. */
static osprey_status read_blocks(const osprey__config_section *section, osprey__text_config *text,
                                 osprey_error *error)
{
    OSPREY_TRY(osprey__config_dimension(section, "hidden_size", OSPREY__CONFIG_WIDTH_MAX,
                                        &text->width, error));
    OSPREY_TRY(osprey__config_dimension(section, "intermediate_size", OSPREY__CONFIG_WIDTH_MAX,
                                        &text->mlp_width, error));
    OSPREY_TRY(osprey__config_dimension(section, "num_hidden_layers", OSPREY__CONFIG_LAYERS_MAX,
                                        &text->layers, error));
    OSPREY_TRY(osprey__config_dimension(section, "num_attention_heads", OSPREY__CONFIG_WIDTH_MAX,
                                        &text->heads, error));
    OSPREY_TRY(osprey__config_activation(section, &text->activation, error));
    OSPREY_TRY(osprey__config_epsilon(section, "layer_norm_eps", &text->layer_norm_epsilon, error));
    return osprey__config_check_heads(section, text->width, text->heads, error);
}

static osprey_status read_text(const osprey__config_section *section, osprey__text_config *text,
                               osprey_error *error)
{
    *text = (osprey__text_config){.vocabulary = 49408,
                                  .context_length = 77,
                                  .width = 512,
                                  .layers = 12,
                                  .heads = 8,
                                  .mlp_width = 2048,
                                  .activation = OSPREY_ACTIVATION_QUICK_GELU,
                                  .layer_norm_epsilon = 1e-5F};
    OSPREY_TRY(osprey__config_dimension(section, "vocab_size", OSPREY__CONFIG_VOCABULARY_MAX,
                                        &text->vocabulary, error));
    OSPREY_TRY(osprey__config_dimension(section, "max_position_embeddings",
                                        OSPREY__CONFIG_CONTEXT_MAX, &text->context_length, error));
    OSPREY_TRY(read_pooling(section, text, error));
    return read_blocks(section, text, error);
}

/* BertConfig's, XLMRobertaConfig's and ChineseCLIPTextConfig's, which have the same defaults;
 * RobertaConfig's but for the vocabulary, which every file has. */
static osprey_status read_bert(const osprey__config_section *section, osprey__text_config *text,
                               osprey_error *error)
{
    *text = (osprey__text_config){.kind = OSPREY__TEXT_BERT,
                                  .vocabulary = 30522,
                                  .positions = 512,
                                  .token_types = 2,
                                  .width = 768,
                                  .layers = 12,
                                  .heads = 12,
                                  .mlp_width = 3072,
                                  .activation = OSPREY_ACTIVATION_GELU,
                                  .layer_norm_epsilon = 1e-12F,
                                  .pooling = OSPREY__POOL_FIRST};
    const char *positions = "absolute";
    bool is_decoder = false;
    OSPREY_TRY(osprey__config_dimension(section, "vocab_size", OSPREY__CONFIG_VOCABULARY_MAX,
                                        &text->vocabulary, error));
    OSPREY_TRY(osprey__config_dimension(section, "max_position_embeddings",
                                        OSPREY__CONFIG_CONTEXT_MAX, &text->positions, error));
    OSPREY_TRY(osprey__config_dimension(section, "type_vocab_size", OSPREY__CONFIG_WIDTH_MAX,
                                        &text->token_types, error));
    OSPREY_TRY(read_blocks(section, text, error));
    OSPREY_TRY(osprey__json_string(section->object, "position_embedding_type", section->label,
                                   &positions, error));
    OSPREY_TRY(
        osprey__json_bool(section->object, "is_decoder", section->label, &is_decoder, error));
    text->context_length = text->positions;
    if (strcmp(positions, "absolute") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"position_embedding_type\" is \"%s\"; supported is \"absolute\"",
                            positions);
    if (is_decoder)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"is_decoder\": osprey has BERT as an encoder");
    return OSPREY_OK;
}

/* The two towers of CLIP, or of Chinese-CLIP. */
static osprey_status read_towers(const osprey__config_section *whole, bool bert,
                                 osprey__model_config *config, osprey_error *error)
{
    osprey__config_section section;
    config->embed_dim = 512;
    OSPREY_TRY(osprey__config_dimension(whole, "projection_dim", OSPREY__CONFIG_WIDTH_MAX,
                                        &config->embed_dim, error));
    config->image = (osprey__image_config){.kind = OSPREY__IMAGE_VIT,
                                           .image_height = 224,
                                           .width = 768,
                                           .layers = 12,
                                           .heads = 12,
                                           .mlp_width = 3072,
                                           .patch_size = 32,
                                           .activation = OSPREY_ACTIVATION_QUICK_GELU,
                                           .layer_norm_epsilon = 1e-5F};
    OSPREY_TRY(open_section(whole, "vision_config", "vision_config_dict", &section, error));
    OSPREY_TRY(read_image(&section, &config->image, error));
    OSPREY_TRY(open_section(whole, "text_config", "text_config_dict", &section, error));
    OSPREY_TRY((bert ? read_bert : read_text)(&section, &config->text, error));
    config->preprocessing =
        osprey__clip_preprocessing(config->image.image_height, config->image.image_width);
    return OSPREY_OK;
}

/* MetaClip2Config's: CLIP's towers and defaults. A text ends where its end id says, whichever. */
static osprey_status read_metaclip2(const osprey__config_section *whole,
                                    osprey__model_config *config, osprey_error *error)
{
    OSPREY_TRY(read_towers(whole, false, config, error));
    config->text.pooling = OSPREY__POOL_FIRST_END;
    config->piece_tokenizer = true;
    return OSPREY_OK;
}

/* SiglipTextConfig's. The token that fills texts up is the tokenizer's: the files of SigLIP 2 leave
 * SigLIP's here. */
static osprey_status read_siglip_text(const osprey__config_section *section,
                                      osprey__text_config *text, osprey_error *error)
{
    *text = (osprey__text_config){.kind = OSPREY__TEXT_SIGLIP,
                                  .vocabulary = 32000,
                                  .context_length = 64,
                                  .width = 768,
                                  .layers = 12,
                                  .heads = 12,
                                  .mlp_width = 3072,
                                  .activation = OSPREY_ACTIVATION_GELU_TANH,
                                  .layer_norm_epsilon = 1e-6F,
                                  .pooling = OSPREY__POOL_LAST};
    OSPREY_TRY(osprey__config_dimension(section, "vocab_size", OSPREY__CONFIG_VOCABULARY_MAX,
                                        &text->vocabulary, error));
    OSPREY_TRY(osprey__config_dimension(section, "max_position_embeddings",
                                        OSPREY__CONFIG_CONTEXT_MAX, &text->context_length, error));
    return read_blocks(section, text, error);
}

/* The two towers of SiglipConfig, or of Siglip2Config (NaFlex), whose embeddings are as wide as the
 * image tower. */
static osprey_status read_siglip(const osprey__config_section *whole, bool naflex,
                                 osprey__model_config *config, osprey_error *error)
{
    osprey__config_section section;
    bool pools = true;
    config->has_logit_bias = true;
    config->image = (osprey__image_config){.kind = OSPREY__IMAGE_VIT,
                                           .image_height = 224,
                                           .width = 768,
                                           .layers = 12,
                                           .heads = 12,
                                           .mlp_width = 3072,
                                           .patch_size = 16,
                                           .activation = OSPREY_ACTIVATION_GELU_TANH,
                                           .layer_norm_epsilon = 1e-6F,
                                           .attention_pooled = true};
    OSPREY_TRY(osprey__config_section_open(whole, "vision_config", &section, error));
    OSPREY_TRY((naflex ? read_naflex_image : read_image)(&section, &config->image, error));
    OSPREY_TRY(osprey__json_bool(section.object, "vision_use_head", section.label, &pools, error));
    if (!pools)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section.label,
                            "\"vision_use_head\" is false: without the head that pools its tokens "
                            "the image tower has no embedding");
    config->embed_dim = config->image.width;
    OSPREY_TRY(osprey__config_section_open(whole, "text_config", &section, error));
    OSPREY_TRY(read_siglip_text(&section, &config->text, error));
    size_t projected = config->text.width;
    OSPREY_TRY(osprey__config_dimension(&section, "projection_size", OSPREY__CONFIG_WIDTH_MAX,
                                        &projected, error));
    if (projected != config->embed_dim)
        return osprey__fail(error, OSPREY_FORMAT, section.label,
                            "\"projection_size\" is %zu, but the image tower is %zu wide, as both "
                            "towers' embeddings have to be",
                            projected, config->embed_dim);
    osprey__image_config *image = &config->image;
    config->preprocessing =
        naflex ? osprey__naflex_preprocessing(image->patch_size, 256)
               : osprey__siglip_preprocessing(image->image_height, image->image_width);
    if (naflex)
        image->image_height = image->image_width = osprey__naflex_side(&config->preprocessing);
    return OSPREY_OK;
}

/* BertModel, RobertaModel or XLMRobertaModel, of which sentence encoders take the mean. */
static osprey_status read_sentence_encoder(const osprey__config_section *whole, bool roberta,
                                           osprey__model_config *config, osprey_error *error)
{
    osprey__text_config *text = &config->text;
    OSPREY_TRY(read_bert(whole, text, error));
    text->pooling = OSPREY__POOL_MEAN;
    config->embed_dim = text->width;
    if (!roberta) return OSPREY_OK;
    size_t padding_id = 1;
    OSPREY_TRY(osprey__json_size(whole->object, "pad_token_id", whole->label, &padding_id, error));
    if (text->positions < 3 || padding_id > text->positions - 3)
        return osprey__fail(error, OSPREY_FORMAT, whole->label,
                            "\"max_position_embeddings\" is %zu, which leaves a text no two tokens "
                            "behind the positions up to \"pad_token_id\", %zu",
                            text->positions, padding_id);
    text->first_position = padding_id + 1;
    text->context_length = text->positions - text->first_position;
    return OSPREY_OK;
}

osprey_status osprey__hf_config_parse(json_t *root, const char *file, osprey__model_config *config,
                                      osprey_error *error)
{
    osprey__config_section whole;
    const char *type = NULL;
    OSPREY_TRY(osprey__config_section_whole(root, file, &whole, error));
    OSPREY_TRY(osprey__json_string(root, "model_type", file, &type, error));
    if (!type)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "it has no \"model_type\"; a CLIP model's says \"clip\"");
    if (json_is_object(json_object_get(root, "quantization_config")))
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "\"quantization_config\": osprey reads weights in F32, F16 and BF16");
    *config = (osprey__model_config){.layout = "huggingface", .file = "config.json"};
    if (strcmp(type, "clip") == 0) return read_towers(&whole, false, config, error);
    if (strcmp(type, "metaclip_2") == 0) return read_metaclip2(&whole, config, error);
    if (strcmp(type, "chinese_clip") == 0) return read_towers(&whole, true, config, error);
    if (strcmp(type, "siglip") == 0) return read_siglip(&whole, false, config, error);
    if (strcmp(type, "siglip2") == 0) return read_siglip(&whole, true, config, error);
    const bool roberta = strcmp(type, "roberta") == 0 || strcmp(type, "xlm-roberta") == 0;
    if (roberta || strcmp(type, "bert") == 0)
        return read_sentence_encoder(&whole, roberta, config, error);
    return osprey__fail(
        error, OSPREY_UNSUPPORTED, file,
        "\"model_type\" is \"%s\"; supported are \"clip\", \"metaclip_2\", "
        "\"chinese_clip\", \"siglip\", \"siglip2\", \"bert\", \"roberta\" and \"xlm-roberta\"",
        type);
}

/* Reads the preprocessing from directory/name; *found stays false where that has none. */
static osprey_status read_preprocessing(const char *directory, const char *name,
                                        const char *section, const char *model_file,
                                        osprey__model_config *config, osprey_error *error)
{
    char path[PATH_MAX];
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, name, error));
    if (!osprey__file_exists(path)) return OSPREY_OK;
    json_t *root = NULL;
    OSPREY_TRY(osprey__json_read(path, OSPREY__CONFIG_BYTES_MAX, &root, error));
    json_t *object = section ? json_object_get(root, section) : root;
    osprey_status status = OSPREY_OK;
    if (object) {
        config->preprocessing_file = name;
        status = osprey__preprocessor_config_parse(object, path, model_file, config, error);
    }
    json_decref(root);
    return status;
}

osprey_status osprey__hf_config_read(const char *directory, osprey__model_config *config,
                                     osprey_error *error)
{
    char path[PATH_MAX];
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, "config.json", error));
    json_t *root = NULL;
    OSPREY_TRY(osprey__json_read(path, OSPREY__CONFIG_BYTES_MAX, &root, error));
    osprey_status status = osprey__hf_config_parse(root, path, config, error);
    json_decref(root);
    OSPREY_TRY(status);
    if (!config->image.layers) return osprey__sentence_config_read(directory, config, error);
    /* transformers 5 saves the image processor inside the processor's file, which wins. */
    OSPREY_TRY(read_preprocessing(directory, "processor_config.json", "image_processor", path,
                                  config, error));
    if (config->preprocessing_file) return OSPREY_OK;
    OSPREY_TRY(
        read_preprocessing(directory, "preprocessor_config.json", NULL, path, config, error));
    if (config->preprocessing_file) return OSPREY_OK;
    /* Pictures prepared in another way than in training give wrong results without a word. */
    return osprey__fail(
        error, OSPREY_NOT_FOUND, directory,
        "preprocessor_config.json is missing, which says how pictures are "
        "prepared; processor_config.json with an \"image_processor\" would fit too");
}
