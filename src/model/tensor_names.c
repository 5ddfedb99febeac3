/* SPDX-License-Identifier: Apache-2.0 */
#include "model/tensor_names.h"

#include <stddef.h>

#define HUGGINGFACE_BLOCK                                                                          \
    {                                                                                              \
        .norm1 = "layer_norm1.", .norm2 = "layer_norm2.", .q = "self_attn.q_proj.",                \
        .k = "self_attn.k_proj.", .v = "self_attn.v_proj.",                                        \
        .attention_out = "self_attn.out_proj.", .mlp_in = "mlp.fc1.", .mlp_out = "mlp.fc2."        \
    }

static const char *const huggingface_prefixes[] = {
    "text_model.", "text_projection.", "vision_model.", "visual_projection.", NULL,
};
static const char *const openclip_prefixes[] = {"transformer.", "visual.", NULL};
static const char *const openclip_prefixed_prefixes[] = {"text.", "visual.", NULL};

#define HUGGINGFACE_VIT                                                                            \
    .image_blocks = {"vision_model.encoder.layers.", HUGGINGFACE_BLOCK},                           \
    .image_position = "vision_model.embeddings.position_embedding.weight",                         \
    .image_post_norm = "vision_model.post_layernorm."

/* "pre_layrnorm" is so spelt in every published file. */
#define HUGGINGFACE_IMAGE                                                                          \
    HUGGINGFACE_VIT, .image_class = "vision_model.embeddings.class_embedding",                     \
                     .image_patch = "vision_model.embeddings.patch_embedding.weight",              \
                     .image_pre_norm = "vision_model.pre_layrnorm.",                               \
                     .image_projection = "visual_projection.weight"

#define HUGGINGFACE_TEXT                                                                           \
    .text_blocks = {"text_model.encoder.layers.", HUGGINGFACE_BLOCK},                              \
    .text_token = "text_model.embeddings.token_embedding.weight",                                  \
    .text_position = "text_model.embeddings.position_embedding.weight",                            \
    .text_norm = "text_model.final_layer_norm."

const osprey__layout_names osprey__huggingface_names = {
    HUGGINGFACE_IMAGE,
    HUGGINGFACE_TEXT,
    .text_projection = "text_projection.weight",
    .temperature = "logit_scale",
    .projections_transposed = false,
    .tower_prefixes = huggingface_prefixes,
};

static const char *const siglip_prefixes[] = {"text_model.", "vision_model.", NULL};

const osprey__layout_names osprey__siglip_names = {
    HUGGINGFACE_VIT,
    HUGGINGFACE_TEXT,
    .image_patch = "vision_model.embeddings.patch_embedding.",
    .image_pool = {.probe = "vision_model.head.probe",
                   .kv = "vision_model.head.attention.in_proj_",
                   .attention_out = "vision_model.head.attention.out_proj.",
                   .norm = "vision_model.head.layernorm.",
                   .mlp_in = "vision_model.head.mlp.fc1.",
                   .mlp_out = "vision_model.head.mlp.fc2."},
    .text_projection = "text_model.head.",
    .temperature = "logit_scale",
    .tower_prefixes = siglip_prefixes,
};

#define BERT_BLOCK                                                                                 \
    {                                                                                              \
        .norm1 = "attention.output.LayerNorm.", .norm2 = "output.LayerNorm.",                      \
        .q = "attention.self.query.", .k = "attention.self.key.", .v = "attention.self.value.",    \
        .attention_out = "attention.output.dense.", .mlp_in = "intermediate.dense.",               \
        .mlp_out = "output.dense."                                                                 \
    }

#define BERT_TEXT(prefix)                                                                          \
    .text_blocks = {prefix "encoder.layer.", BERT_BLOCK},                                          \
    .text_token = prefix "embeddings.word_embeddings.weight",                                      \
    .text_position = prefix "embeddings.position_embeddings.weight",                               \
    .text_token_type = prefix "embeddings.token_type_embeddings.weight",                           \
    .text_norm = prefix "embeddings.LayerNorm."

/* Both were published with a pooler that nothing reads. */
static const char *const chinese_clip_prefixes[] = {
    "text_model.encoder.", "text_model.embeddings.", "text_projection.",
    "vision_model.",       "visual_projection.",     NULL,
};
static const char *const bert_prefixes[] = {"encoder.", "embeddings.", NULL};

const osprey__layout_names osprey__chinese_clip_names = {
    HUGGINGFACE_IMAGE,
    BERT_TEXT("text_model."),
    .text_projection = "text_projection.weight",
    .temperature = "logit_scale",
    .tower_prefixes = chinese_clip_prefixes,
};

const osprey__layout_names osprey__bert_names = {
    BERT_TEXT(""),
    .tower_prefixes = bert_prefixes,
};

#define OPENCLIP_BLOCK                                                                             \
    {                                                                                              \
        .norm1 = "ln_1.", .norm2 = "ln_2.", .qkv = "attn.in_proj_",                                \
        .attention_out = "attn.out_proj.", .mlp_in = "mlp.c_fc.", .mlp_out = "mlp.c_proj."         \
    }

#define OPENCLIP_TEXT(text, projection, prefixes)                                                  \
    .text_blocks = {text "transformer.resblocks.", OPENCLIP_BLOCK}, .text_class = text "cls_emb",  \
    .text_token = text "token_embedding.weight", .text_position = text "positional_embedding",     \
    .text_norm = text "ln_final.", .text_projection = text projection,                             \
    .temperature = "logit_scale", .projections_transposed = true, .tower_prefixes = prefixes

#define OPENCLIP_IMAGE                                                                             \
    .image_blocks = {"visual.transformer.resblocks.", OPENCLIP_BLOCK},                             \
    .image_class = "visual.class_embedding", .image_patch = "visual.conv1.weight",                 \
    .image_position = "visual.positional_embedding", .image_pre_norm = "visual.ln_pre.",           \
    .image_post_norm = "visual.ln_post.", .image_projection = "visual.proj",                       \
    .image_query_pool = {.queries = "visual.attn_pool.query",                                      \
                         .query_norm = "visual.attn_pool.ln_q.",                                   \
                         .key_norm = "visual.attn_pool.ln_k.",                                     \
                         .q = "visual.attn_pool.attn.q_proj_weight",                               \
                         .k = "visual.attn_pool.attn.k_proj_weight",                               \
                         .v = "visual.attn_pool.attn.v_proj_weight",                               \
                         .qkv = "visual.attn_pool.attn.in_proj_",                                  \
                         .attention_out = "visual.attn_pool.attn.out_proj."}

/* timm's AttentionPoolLatent, of SigLIP and the Perception Encoder. */
#define TIMM_POOL                                                                                  \
    .image_pool = {.probe = "visual.trunk.attn_pool.latent",                                       \
                   .q = "visual.trunk.attn_pool.q.",                                               \
                   .kv = "visual.trunk.attn_pool.kv.",                                             \
                   .attention_out = "visual.trunk.attn_pool.proj.",                                \
                   .norm = "visual.trunk.attn_pool.norm.",                                         \
                   .mlp_in = "visual.trunk.attn_pool.mlp.fc1.",                                    \
                   .mlp_out = "visual.trunk.attn_pool.mlp.fc2."}

#define OPENCLIP_NAMES(text, prefixes)                                                             \
    {                                                                                              \
        OPENCLIP_IMAGE, TIMM_POOL, OPENCLIP_TEXT(text, "text_projection", prefixes)                \
    }

const osprey__layout_names osprey__openclip_names = OPENCLIP_NAMES("", openclip_prefixes);
const osprey__layout_names osprey__openclip_prefixed_names =
    OPENCLIP_NAMES("text.", openclip_prefixed_prefixes);

const osprey__layout_names osprey__openclip_hf_text_names = {
    OPENCLIP_IMAGE,
    BERT_TEXT("text.transformer."),
    .text_pooler = "text.transformer.pooler.dense.",
    .text_projection = "text.proj.weight",
    .text_mlp = {"text.proj.0.weight", "text.proj.2.weight"},
    .temperature = "logit_scale",
    .projections_transposed = true,
    .tower_prefixes = openclip_prefixed_prefixes,
};

/* timm's VisionTransformer. */
#define TIMM_VIT                                                                                   \
    .image_blocks = {"visual.trunk.blocks.",                                                       \
                     {.norm1 = "norm1.",                                                           \
                      .norm2 = "norm2.",                                                           \
                      .qkv = "attn.qkv.",                                                          \
                      .attention_out = "attn.proj.",                                               \
                      .mlp_in = "mlp.fc1.",                                                        \
                      .mlp_out = "mlp.fc2."}},                                                     \
    .image_position = "visual.trunk.pos_embed", .image_post_norm = "visual.trunk.norm.",           \
    .batched = true

const osprey__layout_names osprey__openclip_conv_stem_names = {
    TIMM_VIT,
    .image_class = "visual.trunk.cls_token",
    .image_patch = "visual.trunk.patch_embed.backbone.2.conv.",
    .image_projection = "visual.trunk.head.",
    OPENCLIP_TEXT("text.", "text_projection", openclip_prefixed_prefixes),
};

const osprey__layout_names osprey__openclip_trunk_vit_names = {
    TIMM_VIT,
    .image_class = "visual.trunk.cls_token",
    .image_patch = "visual.trunk.patch_embed.proj.weight",
    .image_pre_norm = "visual.trunk.norm_pre.",
    .image_projection = "visual.trunk.head.",
    OPENCLIP_TEXT("text.", "text_projection", openclip_prefixed_prefixes),
};

const osprey__layout_names osprey__openclip_siglip_names = {
    TIMM_VIT,
    .image_patch = "visual.trunk.patch_embed.proj.",
    TIMM_POOL,
    OPENCLIP_TEXT("text.", "text_projection.", openclip_prefixed_prefixes),
};

static const char *const flax_prefixes[] = {
    "Transformer/", "embedding/", "cls",   "pre_logits/",          "head/", "stem/", "MixerBlock_",
    "conv_root/",   "gn_root/",   "block", "pre_head_layer_norm/", NULL};

#define FLAX_BLOCK(norm, attention, mlp)                                                           \
    {                                                                                              \
        .norm1 = "LayerNorm_0/", .norm2 = norm "/", .q = attention "/query/",                      \
        .k = attention "/key/", .v = attention "/value/", .attention_out = attention "/out/",      \
        .mlp_in = mlp "/Dense_0/", .mlp_out = mlp "/Dense_1/"                                      \
    }
#define PRE_LINEN_BLOCK FLAX_BLOCK("LayerNorm_2", "MultiHeadDotProductAttention_1", "MlpBlock_3")
#define LINEN_BLOCK     FLAX_BLOCK("LayerNorm_1", "MultiHeadDotProductAttention_0", "MlpBlock_0")

#define FLAX_IMAGE(prefix, ...)                                                                    \
    .image_blocks = {prefix "Transformer/encoderblock_", __VA_ARGS__},                             \
    .image_class = prefix "cls", .image_patch = prefix "embedding/",                               \
    .image_position = prefix "Transformer/posembed_input/pos_embedding",                           \
    .image_post_norm = prefix "Transformer/encoder_norm/"

const osprey__layout_names osprey__flax_names = {
    FLAX_IMAGE("", PRE_LINEN_BLOCK),
    .image_pre_logits = "pre_logits/",
    .head = "head/",
    .batched = true,
    .flax = true,
    .tower_prefixes = flax_prefixes,
};

static const char *const lit_prefixes[] = {"img/", "txt/", NULL};

#define BERT_ENCODER "txt/BertEncoder_0/"

/* The text tower is flaxformer's BertEncoder. */
#define LIT_NAMES(...)                                                                             \
    {                                                                                              \
        FLAX_IMAGE("img/", __VA_ARGS__),                                                           \
            .image_projection = "img/head/",                                                       \
            .text_blocks = {BERT_ENCODER "encoder_block/layer_sequence/layers_",                   \
                            {                                                                      \
                                .norm1 = "attention_block/layer_norm/",                            \
                                .norm2 = "mlp_block/layer_norm/",                                  \
                                .q = "attention_block/attention_layer/query/",                     \
                                .k = "attention_block/attention_layer/key/",                       \
                                .v = "attention_block/attention_layer/value/",                     \
                                .attention_out = "attention_block/dense_layer/",                   \
                                .mlp_in = "mlp_block/mlp/dense_layer/",                            \
                                .mlp_out = "mlp_block/dense_layer/",                               \
                            },                                                                     \
                            .heads_joined = true},                                                 \
            .text_token = BERT_ENCODER "embedder/embedders_token_ids/embedding",                   \
            .text_position = BERT_ENCODER "embedder/embedders_position_ids/embedding",             \
            .text_token_type = BERT_ENCODER "embedder/embedders_segment_ids/embedding",            \
            .text_norm = BERT_ENCODER "layer_norm/", .text_projection = "txt/head/",               \
            .temperature = "t", .batched = true, .flax = true, .tower_prefixes = lit_prefixes,     \
    }

const osprey__layout_names osprey__lit_names[OSPREY__LIT_NAMES] = {LIT_NAMES(PRE_LINEN_BLOCK),
                                                                   LIT_NAMES(LINEN_BLOCK)};
