/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model's configuration files say, in one neutral form for all layouts.
 *
 * A reader checks each value by itself and against its neighbours (ranges, heads that divide the
 * width, preprocessing that ends at the model's image size), not against the weights: that is the
 * model layer's. A setting that changes the result and that osprey does not have is refused by
 * name, never ignored. Any thread may call.
 *
 *     osprey__model_config config;
 *     OSPREY_TRY(osprey__hf_config_read("clip-vit-base-patch32", &config, error));
 *     // config.image.width == 768
 */
#ifndef OSPREY_FORMAT_MODEL_CONFIG_H
#define OSPREY_FORMAT_MODEL_CONFIG_H

#include <osprey/error.h>
#include <osprey/image.h>
#include <osprey/model.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Nothing published comes near these; they keep products of sizes far from overflow. */
#define OSPREY__CONFIG_BYTES_MAX      (16u << 20) /* of one configuration file */
#define OSPREY__CONFIG_WIDTH_MAX      65536u
#define OSPREY__CONFIG_LAYERS_MAX     1024u
#define OSPREY__CONFIG_IMAGE_MAX      16384u
#define OSPREY__CONFIG_PATCHES_MAX    65536u
#define OSPREY__CONFIG_CONTEXT_MAX    65536u
#define OSPREY__CONFIG_VOCABULARY_MAX 16777216u
#define OSPREY__CONFIG_CLASSES_MAX    1048576u

typedef enum osprey__image_kind {
    OSPREY__IMAGE_VIT,
    OSPREY__IMAGE_MODIFIED_RESNET, /* CLIP's, with three-convolution stem and attention pool */
    OSPREY__IMAGE_HYBRID,          /* a ViT over the feature map of a ResNet with group norms */
    OSPREY__IMAGE_MIXER,           /* MLP-Mixer, whose tokens are pooled by their mean */
    OSPREY__IMAGE_EVA,             /* EVA-CLIP's ViT, as timm has it */
    OSPREY__IMAGE_CONV_STEM_VIT, /* MobileCLIP-B's: a ViT whose patches three convolutions make, as
                                    timm has it */
    OSPREY__IMAGE_FASTVIT,       /* MobileCLIP's: convolutions, and attention in the last stages, as
                                    timm has it */
    OSPREY__IMAGE_CONVNEXT,      /* convolutions alone, as timm has it, and OpenCLIP's projection */
    OSPREY__IMAGE_PE,      /* the Perception Encoder: EVA's class in timm, with a norm before the
                              blocks and an attention pool behind them */
    OSPREY__IMAGE_VITAMIN, /* a ViT with gated MLPs behind two stages of convolutions, as timm has
                              it, and OpenCLIP's projection */
} osprey__image_kind;

typedef enum osprey__text_kind {
    OSPREY__TEXT_CLIP, /* causal, norms before attention and MLP */
    OSPREY__TEXT_BERT,
    OSPREY__TEXT_SIGLIP, /* norms as CLIP's, but every token sees all, those of the padding too */
    OSPREY__TEXT_CLIP_FILLED, /* as CLIP's, but every token sees all, also those of the padding, id
                                 0, which fills texts up to the context */
    OSPREY__TEXT_COCA,        /* as CLIP's, and behind the padding a class token, the embedding's */
    OSPREY__TEXT_ROBERTA, /* as BERT, but a token of the padding's id is masked wherever it stands
                             (OpenCLIP's RoBERTa and XLM-RoBERTa) */
} osprey__text_kind;

typedef enum osprey__text_pooling {
    OSPREY__POOL_HIGHEST_ID, /* the first token with the text's highest id */
    OSPREY__POOL_FIRST_END,  /* the first token with end_id */
    OSPREY__POOL_FIRST,      /* the first token; BERT's [CLS] */
    OSPREY__POOL_MEAN,       /* of all tokens */
    OSPREY__POOL_LAST,       /* the last token, of the padding where there is any */
} osprey__text_pooling;

typedef struct osprey__image_config {
    osprey__image_kind kind;
    size_t image_height, image_width;     /* of the input; where pictures are cut into patches
                                             (OSPREY_RESIZE_PATCHES), of the largest square */
    size_t trained_height, trained_width; /* that the weights' positions are of, where the input was
                                             set to another size; else 0 */
    size_t width;                         /* of the residual stream; a ResNet's first stage */
    size_t layers; /* blocks; a ResNet's bottlenecks in all stages; 0: the model
                      has no image tower, and the rest is 0 too */
    size_t stage_layers[OSPREY_STAGES_MAX]; /* ResNet, also a hybrid's: bottlenecks of each stage;
                                               FastViT, ConvNeXt: blocks; ViTamin: of the stages
                                               before its layers */
    size_t stem_width; /* hybrid: of the ResNet's first convolution; of a convolutional stem's */
    size_t heads;      /* ResNet: of the attention pool; 0 in a Mixer or a ConvNeXt */
    size_t mlp_width;  /* 0 in a ResNet; a Mixer's over channels; ConvNeXt: of the first stage */
    size_t token_mlp_width; /* Mixer: of the MLP over tokens */
    size_t patch_size;      /* 0 in a ResNet or ConvNeXt; a hybrid's on the feature map */
    osprey_activation activation;
    float layer_norm_epsilon; /* 0 in a ResNet, and where a FastViT has batch norms alone */
    size_t position_side;  /* ViT of pictures in any proportions (NaFlex): patches along a side of
                              the positions, which are resized for each; else 0 */
    bool is_trunk;         /* ViT: CLIP's as timm has it, in OpenCLIP's files */
    bool unplaced;         /* ViTamin: its tokens have no positions */
    bool mean_pooled;      /* ViT without a class token: the mean of its tokens */
    bool attention_pooled; /* the same: what a learned query finds in them, and an MLP (SigLIP) */
    size_t pool_queries; /* ViT: of CoCa's attention pool, of which the first query's result is the
                            embedding; 0: there is none */
    size_t pool_heads;   /* of that, or of a Perception Encoder's pool; else 0 */
    size_t pool_mlp_width; /* Perception Encoder: of the MLP in its pool */
    bool has_projection;   /* LiT: a layer to the embedding's width, where the file has one */
    bool has_pre_logits;   /* ViT of vision_transformer's: a layer with tanh behind the pooling,
                              to the embedding's width */
    bool branch_norm;      /* EVA: norms stand behind attention and MLP, before the additions */
    bool mlp_projected;    /* ConvNeXt: an MLP leads to the embedding, not a matrix */
    size_t rotary_side;    /* EVA, Perception Encoder: patches along a side that the angles by which
                              queries and keys are turned are meant for; 0: they are not turned */
    size_t rotary_first;   /* the same: place of the first row and column of patches */
} osprey__image_config;

#define OSPREY__CONV_STEM_REDUCTION 8 /* strides of 4 and 2 before the patches */

#define OSPREY__VITAMIN_CELL 16 /* the stem, two stages and what follows them each halve */

/* Pixels, along a side, of a position that patches are made of: what a hybrid's ResNet, or a
 * convolutional stem, reduces. */
static inline size_t osprey__stem_reduction(const osprey__image_config *image)
{
    size_t pixels = 4; /* convolution and pool, then every stage but the first */
    if (image->kind == OSPREY__IMAGE_CONV_STEM_VIT) return OSPREY__CONV_STEM_REDUCTION;
    if (image->kind == OSPREY__IMAGE_VITAMIN) return OSPREY__VITAMIN_CELL;
    if (image->kind != OSPREY__IMAGE_HYBRID) return 1;
    for (size_t stage = 1; stage < 4; stage++) pixels <<= image->stage_layers[stage] > 0;
    return pixels;
}

typedef struct osprey__text_config {
    osprey__text_kind kind;
    size_t vocabulary;
    size_t context_length;
    size_t positions; /* BERT: that the tower has, of which texts use the first context_length */
    size_t first_position; /* BERT: row of the positions' table of a text's first token: 0, and in
                              RoBERTa the padding's id and one */
    size_t token_types;    /* BERT: that it has, of which every token is of the first */
    size_t width;
    size_t layers; /* 0: the model has no text tower, and the rest is 0 too */
    size_t heads;
    size_t mlp_width;
    osprey_activation activation;
    float layer_norm_epsilon;
    osprey__text_pooling pooling;
    size_t end_id;           /* OSPREY__POOL_FIRST_END */
    bool unprojected;        /* the pooled token is the embedding: OpenCLIP's proj_type "none" */
    bool has_pooler;         /* BERT: a linear with tanh behind the pooling */
    size_t projection_width; /* BERT: of the layer within a projection that is an MLP; else 0 */
} osprey__text_config;

#define OSPREY__ROBERTA_PADDING 1 /* id of the padding of every RoBERTa, XLM-RoBERTa too */

/* Rows that the tower may compute for one text. */
static inline size_t osprey__text_rows_most(const osprey__text_config *text)
{
    return text->context_length + (text->kind == OSPREY__TEXT_COCA);
}

/* How OpenCLIP uses an image tower of timm's: vision_cfg's timm_... */
typedef struct osprey__timm_trunk {
    char name[64];    /* timm's of the architecture; "": the tower is OpenCLIP's own */
    char pool[16];    /* "token", "avg", "map", ... ; "": the tower's own way */
    char proj[8];     /* "linear", "mlp" or "none"; "": the tower's own head is the projection */
    bool proj_biased; /* "linear", "mlp": with a bias behind */
} osprey__timm_trunk;

/* How OpenCLIP uses a text tower of transformers': text_cfg's hf_... */
typedef struct osprey__hf_text {
    char name[64];   /* of the model on Hugging Face; "": the tower is OpenCLIP's own */
    char pooler[32]; /* "mean_pooler", "cls_pooler", ... */
    char proj[8];    /* "linear" or "mlp"; "": none */
} osprey__hf_text;

typedef struct osprey__model_config {
    const char *layout; /* "huggingface", "openclip", "openai" or "vision_transformer"; static
                           storage, as the names below */
    const char *file;   /* "config.json", ... */
    bool bare;          /* from no file: file is what errors call the source */
    const char *preprocessing_file; /* NULL where there is none besides file */
    const char *modules_file;       /* sentence-transformers' modules.json; or NULL */
    char pooling_file[64];          /* of its Pooling module, within the directory; or empty */
    size_t embed_dim;
    size_t head_classes; /* of the classification head behind the embedding; 0: none */
    osprey__image_config image;
    osprey__timm_trunk trunk; /* where it has a name, image is but its kind of size: the rest is the
                                 weights' to tell (model/timm_trunks.h) */
    osprey__text_config text;
    osprey__hf_text hf_text; /* where it has a name, text is but its kind and the context: the rest
                                is the weights' to tell (model/hf_text.h) */
    osprey_preprocessing preprocessing;
    bool has_logit_bias;    /* a tensor logit_bias is among the weights: the model was trained with
                               a sigmoid for each pair of image and text (SigLIP), not a softmax */
    bool text_is_prefixed;  /* OpenCLIP's custom_text: the text tower's names begin with "text." */
    bool foreign_tokenizer; /* OpenCLIP's hf_tokenizer_name: not CLIP's own vocabulary */
    bool piece_tokenizer;   /* MetaCLIP 2: CLIP's towers with XLM-RoBERTa's kind of tokenizer */
    char text_cleaning[16]; /* OpenCLIP's SigLIP, MetaCLIP 2 and (XLM-)RoBERTa: what is done to
                               texts before they are tokenized, by open_clip's name
                               (input/text/text_cleaning.h); else empty */
} osprey__model_config;

/*
 * Hugging Face: directory/config.json of model_type "clip", "metaclip_2", "chinese_clip", "siglip"
 * (also SigLIP 2 of fixed resolution) or "siglip2" (of variable), full, sparse or legacy
 * (text_config_dict, vision_config_dict), with the defaults and precedence of transformers'
 * CLIPConfig, MetaClip2Config, SiglipConfig and Siglip2Config; then preprocessing from
 * processor_config.json or preprocessor_config.json, of which one has to be there. Or of model_type
 * "bert", "roberta" or "xlm-roberta", and what osprey__sentence_config_read finds. Errors:
 * OSPREY_NOT_FOUND, OSPREY_FORMAT (file and key are named), OSPREY_UNSUPPORTED (the setting is
 * named), OSPREY_LIMIT, OSPREY_IO, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__hf_config_read(const char *directory, osprey__model_config *config,
                                     osprey_error *error);

/*
 * What sentence-transformers keeps beside a BertModel, RobertaModel or XLMRobertaModel:
 * modules.json, of Transformer, Pooling (the mean or the first token) and perhaps Normalize; the
 * longest text in sentence_bert_config.json, or in tokenizer_config.json; and no prompt in
 * config_sentence_transformers.json. Without modules.json the embedding is the mean, as that
 * library has it then. Errors as above.
 */
osprey_status osprey__sentence_config_read(const char *directory, osprey__model_config *config,
                                           osprey_error *error);

/* OpenCLIP: directory/open_clip_config.json, with the defaults of open_clip's CLIPVisionCfg,
 * CLIPTextCfg and PreprocessCfg. Errors as above. */
osprey_status osprey__openclip_config_read(const char *directory, osprey__model_config *config,
                                           osprey_error *error);

/*
 * The same from parsed JSON; file is what errors name. osprey__hf_config_parse leaves the
 * preprocessing that the model has without a file of its own.
 */
osprey_status osprey__hf_config_parse(json_t *root, const char *file, osprey__model_config *config,
                                      osprey_error *error);
osprey_status osprey__openclip_config_parse(json_t *root, const char *file,
                                            osprey__model_config *config, osprey_error *error);

/*
 * Preprocessing of transformers' CLIPImageProcessor, old and new form, SiglipImageProcessor, for a
 * model whose image size is config's, which came from model_file, or Siglip2ImageProcessor, which
 * says what size that is. root: preprocessor_config.json, or the "image_processor" of
 * processor_config.json.
 */
osprey_status osprey__preprocessor_config_parse(json_t *root, const char *file,
                                                const char *model_file,
                                                osprey__model_config *config, osprey_error *error);

#endif
