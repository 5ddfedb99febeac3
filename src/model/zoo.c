/* SPDX-License-Identifier: Apache-2.0 */
#include "model/zoo.h"

#include "base/buffer.h"
#include "base/status.h"
#include "format/config_values.h"
#include "model/eva_weights.h"
#include "model/hf_text.h"
#include "model/mobile_weights.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define GELU_ONLY(name)      NULL
#define GELU_AND_QUICK(name) name "-quickgelu"
#define RESNET_HEAD_WIDTH    64 /* of the attention pool, 32 times as wide as the first stage */

/* Ids of the end of a text: MetaCLIP 2 has either tokenizer. */
enum { MT5_END = 1, XLM_V_END = 2 };

#define TEXT_TOWER(text_width, text_layers, text_kind)                                             \
    SIZED_TEXT_TOWER(77, text_width, text_layers, (text_width) / 64, text_kind)
#define SIZED_TEXT_TOWER(tokens, text_width, text_layers, text_heads, text_kind)                   \
    {                                                                                              \
        .kind = OSPREY__TEXT_##text_kind, .vocabulary = 49408, .context_length = (tokens),         \
        .width = (text_width), .layers = (text_layers), .heads = (text_heads),                     \
        .mlp_width = 4 * (text_width), .layer_norm_epsilon = 1e-5F,                                \
        .pooling = OSPREY__POOL_HIGHEST_ID,                                                        \
    }

/* What all families have, and behind it what the image tower's has besides. */
#define ZOO_ENTRY(name, quick, size, stream_width, embedding, text_tower, ...)                     \
    {.gelu_name = name,                                                                            \
     .quick_name = quick,                                                                          \
     .config = {.layout = "openclip",                                                              \
                .embed_dim = (embedding),                                                          \
                .image = {.image_height = (size),                                                  \
                          .image_width = (size),                                                   \
                          .width = (stream_width),                                                 \
                          __VA_ARGS__},                                                            \
                .text = text_tower}},

#define ZOO_VIT(name, activations, size, patch, vision_width, vision_layers, head_width, mlp,      \
                embedding, text_width, text_layers)                                                \
    ZOO_ENTRY(name, activations(name), size, vision_width, embedding,                              \
              TEXT_TOWER(text_width, text_layers, CLIP), .kind = OSPREY__IMAGE_VIT,                \
              .layers = (vision_layers), .heads = (vision_width) / (head_width),                   \
              .mlp_width = (mlp), .patch_size = (patch), .layer_norm_epsilon = 1e-5F)

#define WORLDWIDE_TEXT(ids, end, text_width, text_layers)                                          \
    {                                                                                              \
        .kind = OSPREY__TEXT_CLIP, .vocabulary = (ids), .context_length = 77,                      \
        .width = (text_width), .layers = (text_layers), .heads = (text_width) / 64,                \
        .mlp_width = 4 * (text_width), .layer_norm_epsilon = 1e-5F,                                \
        .pooling = OSPREY__POOL_FIRST_END, .end_id = (end),                                        \
    }

#define ZOO_WORLDWIDE(name, activations, size, patch, vision_width, vision_layers, head_width,     \
                      mlp, embedding, ids, end, text_width, text_layers)                           \
    ZOO_ENTRY(name, activations(name), size, vision_width, embedding,                              \
              WORLDWIDE_TEXT(ids, end, text_width, text_layers), .kind = OSPREY__IMAGE_VIT,        \
              .layers = (vision_layers), .heads = (vision_width) / (head_width),                   \
              .mlp_width = (mlp), .patch_size = (patch), .layer_norm_epsilon = 1e-5F)

#define ZOO_RESNET(name, activations, size, vision_width, stage1, stage2, stage3, stage4,          \
                   embedding, text_width, text_layers)                                             \
    ZOO_ENTRY(name, activations(name), size, vision_width, embedding,                              \
              TEXT_TOWER(text_width, text_layers, CLIP), .kind = OSPREY__IMAGE_MODIFIED_RESNET,    \
              .layers = (stage1) + (stage2) + (stage3) + (stage4),                                 \
              .stage_layers = {stage1, stage2, stage3, stage4},                                    \
              .heads = (vision_width)*32 / RESNET_HEAD_WIDTH,                                      \
              .activation = OSPREY_ACTIVATION_RELU)

#define ZOO_EVA(name, size, patch, vision_width, vision_layers, head_width, mlp, act, branch,      \
                rotary, embedding, text_width, text_layers)                                        \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              TEXT_TOWER(text_width, text_layers, CLIP), .kind = OSPREY__IMAGE_EVA,                \
              .layers = (vision_layers), .heads = (vision_width) / (head_width),                   \
              .mlp_width = (mlp), .patch_size = (patch), .activation = OSPREY_ACTIVATION_##act,    \
              .layer_norm_epsilon = 1e-6F, .branch_norm = (branch), .rotary_side = (rotary))

#define ZOO_PE(name, size, patch, vision_width, vision_layers, head_width, mlp, side, first,       \
               embedding, tokens, text_width, text_layers)                                         \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              SIZED_TEXT_TOWER(tokens, text_width, text_layers, (text_width) / 64, CLIP),          \
              .kind = OSPREY__IMAGE_PE, .layers = (vision_layers),                                 \
              .heads = (vision_width) / (head_width), .mlp_width = (mlp), .patch_size = (patch),   \
              .activation = OSPREY_ACTIVATION_GELU, .layer_norm_epsilon = 1e-5F,                   \
              .pool_heads = OSPREY__PE_POOL_HEADS, .pool_mlp_width = 4 * (vision_width),           \
              .rotary_side = (side), .rotary_first = (first))

/* MLPs of FastViT are three times as wide as their stage, or four times where there are five, and
 * the last stage has heads of 32. */
#define ZOO_FASTVIT(name, size, vision_width, stage1, stage2, stage3, stage4, stage5, embedding,   \
                    text_width, text_layers)                                                       \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              TEXT_TOWER(text_width, text_layers, CLIP_FILLED), .kind = OSPREY__IMAGE_FASTVIT,     \
              .layers = (stage1) + (stage2) + (stage3) + (stage4) + (stage5),                      \
              .stage_layers = {stage1, stage2, stage3, stage4, stage5},                            \
              .heads = (vision_width) * ((stage5) ? 16 : 8) / 32,                                  \
              .mlp_width = ((stage5) ? 4 : 3) * (vision_width),                                    \
              .activation = OSPREY_ACTIVATION_GELU,                                                \
              .layer_norm_epsilon = (stage5) ? OSPREY__FASTVIT_NORM_EPSILON : 0)

#define ZOO_CONV_STEM_VIT(name, size, patch, stem, vision_width, vision_layers, head_width, mlp,   \
                          embedding, text_width, text_layers)                                      \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              TEXT_TOWER(text_width, text_layers, CLIP), .kind = OSPREY__IMAGE_CONV_STEM_VIT,      \
              .stem_width = (stem), .layers = (vision_layers),                                     \
              .heads = (vision_width) / (head_width), .mlp_width = (mlp), .patch_size = (patch),   \
              .activation = OSPREY_ACTIVATION_GELU, .layer_norm_epsilon = 1e-6F)

#define ZOO_TRUNK_VIT(name, size, patch, vision_width, vision_layers, head_width, mlp, embedding,  \
                      text_width, text_layers)                                                     \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              TEXT_TOWER(text_width, text_layers, CLIP_FILLED), .kind = OSPREY__IMAGE_VIT,         \
              .layers = (vision_layers), .heads = (vision_width) / (head_width),                   \
              .mlp_width = (mlp), .patch_size = (patch), .layer_norm_epsilon = 1e-5F,              \
              .is_trunk = true)

#define ZOO_CONVNEXT(name, size, vision_width, stage1, stage2, stage3, stage4, epsilon, mlp,       \
                     embedding, text_width, text_layers)                                           \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              TEXT_TOWER(text_width, text_layers, CLIP), .kind = OSPREY__IMAGE_CONVNEXT,           \
              .layers = (stage1) + (stage2) + (stage3) + (stage4),                                 \
              .stage_layers = {stage1, stage2, stage3, stage4}, .mlp_width = 4 * (vision_width),   \
              .activation = OSPREY_ACTIVATION_GELU, .layer_norm_epsilon = (epsilon),               \
              .mlp_projected = (mlp))

#define ZOO_VITAMIN(name, size, stem, vision_width, vision_layers, head_width, no_positions,       \
                    embedding, text_width, text_layers, text_heads)                                \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              SIZED_TEXT_TOWER(77, text_width, text_layers, text_heads, CLIP),                     \
              .kind = OSPREY__IMAGE_VITAMIN, .stem_width = (stem), .stage_layers = {2, 4},         \
              .layers = (vision_layers), .heads = (vision_width) / (head_width),                   \
              .mlp_width = 2 * (vision_width), .patch_size = 1,                                    \
              .activation = OSPREY_ACTIVATION_GELU, .layer_norm_epsilon = 1e-6F,                   \
              .unplaced = (no_positions))

#define COCA_TEXT(ids, text_width, text_layers)                                                    \
    {                                                                                              \
        .kind = OSPREY__TEXT_COCA, .vocabulary = (ids), .context_length = 76,                      \
        .width = (text_width), .layers = (text_layers), .heads = (text_width) / 64,                \
        .mlp_width = 4 * (text_width), .layer_norm_epsilon = 1e-5F, .pooling = OSPREY__POOL_LAST,  \
    }

#define ZOO_COCA(name, size, patch, vision_width, vision_layers, head_width, mlp, queries, heads_, \
                 embedding, ids, text_width, text_layers)                                          \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding, COCA_TEXT(ids, text_width, text_layers),  \
              .kind = OSPREY__IMAGE_VIT, .layers = (vision_layers),                                \
              .heads = (vision_width) / (head_width), .mlp_width = (mlp), .patch_size = (patch),   \
              .layer_norm_epsilon = 1e-5F, .pool_queries = (queries), .pool_heads = (heads_))

#define SIGLIP_TEXT(ids, tokens, text_width, text_layers, text_heads, text_mlp, act, projected)    \
    {                                                                                              \
        .kind = OSPREY__TEXT_SIGLIP, .vocabulary = (ids), .context_length = (tokens),              \
        .width = (text_width), .layers = (text_layers), .heads = (text_heads),                     \
        .mlp_width = (text_mlp), .activation = OSPREY_ACTIVATION_##act,                            \
        .layer_norm_epsilon = 1e-6F, .pooling = OSPREY__POOL_LAST, .unprojected = !(projected),    \
    }

#define ZOO_SIGLIP(name, size, patch, vision_width, vision_layers, head_width, mlp, act, ...)      \
    ZOO_ENTRY(name, NULL, size, vision_width, vision_width, SIGLIP_TEXT(__VA_ARGS__),              \
              .kind = OSPREY__IMAGE_VIT, .layers = (vision_layers),                                \
              .heads = (vision_width) / (head_width), .mlp_width = (mlp), .patch_size = (patch),   \
              .activation = OSPREY_ACTIVATION_##act, .layer_norm_epsilon = 1e-6F,                  \
              .attention_pooled = true)

#define ROBERTA_TEXT(ids, text_width, text_layers, between)                                        \
    {                                                                                              \
        .kind = OSPREY__TEXT_ROBERTA, .vocabulary = (ids), .context_length = 77, .positions = 514, \
        .first_position = OSPREY__ROBERTA_FIRST_POSITION, .token_types = 1, .width = (text_width), \
        .layers = (text_layers), .heads = (text_width) / OSPREY__ROBERTA_HEAD_WIDTH,               \
        .mlp_width = 4 * (text_width), .layer_norm_epsilon = OSPREY__ROBERTA_NORM_EPSILON,         \
        .pooling = OSPREY__POOL_MEAN, .projection_width = (between),                               \
    }

#define ZOO_ROBERTA(name, size, patch, vision_width, vision_layers, head_width, mlp, act,          \
                    embedding, between, ids, text_width, text_layers)                              \
    ZOO_ENTRY(name, NULL, size, vision_width, embedding,                                           \
              ROBERTA_TEXT(ids, text_width, text_layers, between), .kind = OSPREY__IMAGE_VIT,      \
              .layers = (vision_layers), .heads = (vision_width) / (head_width),                   \
              .mlp_width = (mlp), .patch_size = (patch), .activation = OSPREY_ACTIVATION_##act,    \
              .layer_norm_epsilon = 1e-5F)

const osprey__zoo_entry osprey__zoo[OSPREY__ZOO_ENTRIES] = {
#include "model/zoo.def"
};

/* What MobileCLIP was trained with: colours from 0 to 1, or of five stages OpenAI's. */
static osprey_preprocessing mobile_preprocessing(const osprey__model_config *config)
{
    osprey_preprocessing how = config->preprocessing;
    how.resample = OSPREY_RESAMPLE_BILINEAR;
    if (config->image.stage_layers[4]) return how;
    for (size_t i = 0; i < 3; i++) {
        how.mean[i] = 0;
        how.std[i] = 1;
    }
    return how;
}

static osprey__model_config siglip_config(const osprey__zoo_entry *entry)
{
    osprey__model_config config = entry->config;
    config.file = entry->gelu_name;
    config.preprocessing =
        osprey__siglip_preprocessing(config.image.image_height, config.image.image_width);
    config.foreign_tokenizer = true;
    snprintf(config.text_cleaning, sizeof config.text_cleaning, "canonicalize");
    return config;
}

osprey__model_config osprey__zoo_config(const osprey__zoo_entry *entry, bool quick_gelu)
{
    if (entry->config.text.kind == OSPREY__TEXT_SIGLIP) return siglip_config(entry);
    osprey__model_config config = entry->config;
    const osprey_activation activation =
        quick_gelu ? OSPREY_ACTIVATION_QUICK_GELU : OSPREY_ACTIVATION_GELU;
    config.file = quick_gelu ? entry->quick_name : entry->gelu_name;
    config.text.activation = activation;
    if (config.image.kind == OSPREY__IMAGE_VIT) config.image.activation = activation;
    config.preprocessing =
        osprey__clip_preprocessing(config.image.image_height, config.image.image_width);
    config.preprocessing.crop_rounds_half_even = true;
    const osprey__image_kind kind = config.image.kind;
    if (kind == OSPREY__IMAGE_FASTVIT || kind == OSPREY__IMAGE_CONV_STEM_VIT)
        config.preprocessing = mobile_preprocessing(&config);
    if (kind == OSPREY__IMAGE_PE) {
        config.preprocessing =
            osprey__siglip_preprocessing(config.image.image_height, config.image.image_width);
        config.preprocessing.resample = OSPREY_RESAMPLE_BILINEAR;
        config.preprocessing.crop_rounds_half_even = true;
    }
    if (config.text.pooling == OSPREY__POOL_FIRST_END) {
        config.foreign_tokenizer = config.piece_tokenizer = true;
        snprintf(config.text_cleaning, sizeof config.text_cleaning, "%s",
                 config.text.end_id == MT5_END ? "canonicalize" : "whitespace");
    }
    if (config.text.kind == OSPREY__TEXT_ROBERTA) {
        config.image.activation = entry->config.image.activation;
        config.foreign_tokenizer = true;
        snprintf(config.text_cleaning, sizeof config.text_cleaning, "whitespace");
    }
    return config;
}

/* How many characters both begin with, whatever their case. */
static size_t alike(const char *left, const char *right)
{
    size_t count = 0;
    while (left[count] &&
           tolower((unsigned char)left[count]) == tolower((unsigned char)right[count]))
        count++;
    return count;
}

/* Names those that begin like it: "coca_ViT-B-32, coca_ViT-L-14, coca_base". All of them would not
 * fit into a message. */
static osprey_status fail_unknown(const char *name, osprey_error *error)
{
    enum { MOST = 8 };
    size_t best = 0, count = 0;
    for (size_t i = 0; i < OSPREY__ZOO_ENTRIES; i++) {
        const size_t here = alike(osprey__zoo[i].gelu_name, name);
        if (here > best) best = here;
    }
    osprey__buffer names = {0};
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < OSPREY__ZOO_ENTRIES && count < MOST && status == OSPREY_OK; i++)
        if (alike(osprey__zoo[i].gelu_name, name) == best)
            status = osprey__buffer_print(&names, error, "%s%s%s", count++ ? ", " : "",
                                          osprey__zoo[i].gelu_name,
                                          osprey__zoo[i].quick_name ? "[-quickgelu]" : "");
    if (status == OSPREY_OK)
        status =
            osprey__fail(error, OSPREY_NOT_FOUND, name,
                         "no such architecture; the nearest of the %u names that there are: %.*s",
                         OSPREY__ZOO_ENTRIES, (int)names.length, names.bytes);
    osprey__buffer_free(&names);
    return status;
}

osprey_status osprey__zoo_find(const char *name, osprey__model_config *config, osprey_error *error)
{
    for (size_t i = 0; i < OSPREY__ZOO_ENTRIES; i++) {
        const osprey__zoo_entry *entry = &osprey__zoo[i];
        const bool quick = entry->quick_name && strcmp(entry->quick_name, name) == 0;
        if (!quick && strcmp(entry->gelu_name, name) != 0) continue;
        *config = osprey__zoo_config(entry, quick);
        return OSPREY_OK;
    }
    return fail_unknown(name, error);
}

static bool same_image_shapes(const osprey__image_config *a, const osprey__image_config *b)
{
    const bool same_size = !b->image_height || a->image_height == b->image_height;
    return same_size && a->kind == b->kind && a->is_trunk == b->is_trunk &&
           a->mlp_projected == b->mlp_projected && a->width == b->width && a->layers == b->layers &&
           a->mlp_width == b->mlp_width && a->patch_size == b->patch_size &&
           a->pool_queries == b->pool_queries &&
           memcmp(a->stage_layers, b->stage_layers, sizeof a->stage_layers) == 0;
}

static bool same_text_shapes(const osprey__text_config *a, const osprey__text_config *b)
{
    const bool end_alike = (a->kind == OSPREY__TEXT_COCA) == (b->kind == OSPREY__TEXT_COCA);
    return end_alike && a->vocabulary == b->vocabulary && a->context_length == b->context_length &&
           a->width == b->width && a->layers == b->layers && a->mlp_width == b->mlp_width &&
           a->projection_width == b->projection_width;
}

const osprey__zoo_entry *osprey__zoo_fit(const osprey__model_config *shapes,
                                         const osprey__zoo_entry *after)
{
    for (size_t i = after ? (size_t)(after - osprey__zoo) + 1 : 0; i < OSPREY__ZOO_ENTRIES; i++) {
        const osprey__model_config *config = &osprey__zoo[i].config;
        if (config->embed_dim == shapes->embed_dim &&
            same_image_shapes(&config->image, &shapes->image) &&
            same_text_shapes(&config->text, &shapes->text))
            return &osprey__zoo[i];
    }
    return NULL;
}
