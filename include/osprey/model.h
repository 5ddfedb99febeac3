/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model as published: weights mapped from its files, configuration, preprocessing, tokenizer.
 *
 * Opening reads and checks everything small and maps the weights; nothing is computed. A model is
 * never changed afterwards, so any number of threads and sessions may share it. It has to outlive
 * its sessions. Its files stay mapped while it is open: replace them (a new file, renamed over the
 * old one), never truncate them, or the process gets the system's SIGBUS.
 *
 *     osprey_error error;
 *     osprey_model *model = NULL;
 *     if (osprey_model_open("clip-vit-base-patch32", &model, &error) != OSPREY_OK)
 *         fprintf(stderr, "%s: %s\n", error.subject, error.message);
 *     printf("%zu\n", osprey_model_get_info(model)->embed_dim); // 512
 *     osprey_model_free(model);
 */
#ifndef OSPREY_MODEL_H
#define OSPREY_MODEL_H

#include <osprey/error.h>
#include <osprey/image.h>
#include <osprey/tokenizer.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct osprey_model osprey_model;

typedef enum osprey_activation {
    OSPREY_ACTIVATION_NONE,
    OSPREY_ACTIVATION_RELU,
    OSPREY_ACTIVATION_GELU,       /* x * Phi(x), with erf */
    OSPREY_ACTIVATION_GELU_TANH,  /* the tanh approximation */
    OSPREY_ACTIVATION_QUICK_GELU, /* x * sigmoid(1.702 x), OpenAI's CLIP */
    OSPREY_ACTIVATION_TANH,
    OSPREY_ACTIVATION_SILU, /* x * sigmoid(x); of the gate of a gated MLP, EVA-02 */
} osprey_activation;

/* "relu", "gelu", ... Static storage. */
OSPREY_API const char *osprey_activation_name(osprey_activation activation);

/* How the weights of linears and convolutions are stored, and what they are multiplied in. */
typedef enum osprey_precision {
    OSPREY_PRECISION_FP32,
    OSPREY_PRECISION_BF16, /* both factors, summed in fp32 */
    OSPREY_PRECISION_FP16, /* both factors where the CPU multiplies such, short sums too; else of
                              the weights only, multiplied in fp32 */
    OSPREY_PRECISION_INT8, /* weights by output channel, activations by row, found while running */
    OSPREY_PRECISION_INT4, /* weights in groups of 32, activations as for int8 */
} osprey_precision;

#define OSPREY_PRECISIONS 5

/* "fp32", "bf16", ... Static storage. */
OSPREY_API const char *osprey_precision_name(osprey_precision precision);

#define OSPREY_STAGES_MAX 5 /* of a convolutional tower */

/* The shape of one tower. Fields that an architecture does not have are 0. */
typedef struct osprey_tower_info {
    const char *architecture; /* "vit", "modified_resnet", "hybrid", "mixer", "eva",
                                 "conv_stem_vit", "fastvit", "convnext",
                                 "perception_encoder", "vitamin", "clip_text", "coca_text", "bert"
                                 or "siglip_text"; static storage */
    uint64_t parameters;      /* elements of the tensors that the tower uses */
    size_t width;             /* of the residual stream; the first stage's of a tower in stages */
    size_t layers;            /* blocks; a ResNet's bottlenecks; of all stages */
    size_t heads;
    size_t mlp_width;                       /* the first stage's; a Mixer's over the channels, */
    size_t token_mlp_width;                 /* and over the tokens */
    size_t patch_size;                      /* a hybrid's: of its ResNet's feature map */
    size_t stage_layers[OSPREY_STAGES_MAX]; /* bottlenecks of each stage of a ResNet, also of a
                                               hybrid's; blocks of a FastViT's, or of a
                                               ConvNeXt's */
    osprey_activation activation;
} osprey_tower_info;

#define OSPREY_TEMPLATES_MAX      1024 /* that a model can bring */
#define OSPREY_TEMPLATE_BYTES_MAX 1024 /* of each, without its NUL */

/* All strings live as long as the model. */
typedef struct osprey_model_info {
    const char *name;          /* the last component of the directory, or a bare weight file's name
                                  without its ending; an engine's: of its source's */
    const char *layout;        /* "huggingface", "openclip", "openai", "vision_transformer" or
                                  "engine" */
    const char *arch;          /* OpenCLIP's name of it, where a bare file has one; else NULL */
    const char *identified_by; /* what told the architecture: "config.json", "--arch", ... */
    const char *weight_format; /* "safetensors", "PyTorch checkpoint", "TorchScript archive",
                                  "NumPy archive" or "engine" */
    const char *note;     /* NULL; where there are several weight files: which is used, and why the
                             safer one is not */
    const char *not_read; /* NULL; what an embedding does not need of the weights: CoCa's decoder of
                             captions */
    size_t embed_dim;     /* D: elements of an embedding, the same for both towers */
    size_t head_classes;  /* of the classification head behind the embeddings
                             (osprey_label_set_create_classes); 0: the model has none */
    const char *head_labels; /* what these classes are: "ImageNet-1k" or "ImageNet-21k", known by
                                their number; NULL where osprey has no names for them */
    size_t image_height, image_width; /* of the largest square, where the model takes pictures in
                                         any proportions; 0 without an image tower */
    size_t context_length; /* most tokens of a text, start and end token included; 0 without a
                              text tower */
    float logit_scale;     /* what the cosine is multiplied by: exp of the stored value; 0 where
                              one of the towers is missing */
    float logit_bias;      /* added to it; 0 but for SigLIP */
    osprey_tower_info image, text; /* architecture NULL, all 0: the model has no such tower */
    osprey_preprocessing preprocessing;
    const char *const
        *templates; /* sentences with {} or {label} where a label goes, of which the
                       embeddings are averaged: the model's own, or what most know
                       labels best by, "a photo of a {}."; none without a text tower */
    size_t template_count;
    const char *weight_dtype; /* of most elements: "F32", "F16", "BF16" */
    size_t file_count;        /* what was read, */
    const char *const *files; /* with its path */
} osprey_model_info;

/* How a model is opened; zero gives every default. The strings are only read while it is opened. */
typedef struct osprey_model_options {
    /*
     * OpenCLIP's name of the architecture, such as "ViT-B-32" or "ViT-B-32-quickgelu", for weights
     * that come without a configuration, or in place of open_clip_config.json. src/model/zoo.def
     * has all names.
     */
    const char *arch;
    /* In place of a directory's own weights: the name of a file in it, or a path. */
    const char *weights;
    /*
     * Pixels along both sides of an image, a multiple of the patch size (32 of a ResNet); 0: as
     * trained. The embeddings of patches' positions are interpolated as the library of the layout
     * does: bicubic as in transformers, bicubic with antialiasing as in open_clip, linear as in
     * google-research/vision_transformer. Not of an MLP-Mixer, nor of a model that takes pictures
     * of any size. An engine has the size that it was compiled with.
     */
    size_t image_size;
} osprey_model_options;

/*
 * Opens a directory in one of two published layouts:
 * - Hugging Face (CLIPModel, ChineseCLIPModel, SiglipModel, Siglip2Model): config.json,
 * preprocessor_config.json, tokenizer files, and model.safetensors or pytorch_model.bin (or the
 * .index.json of one with its shards); or a BertModel as a sentence encoder, with what
 * sentence-transformers keeps beside it: such a model has a text tower alone;
 * - OpenCLIP: open_clip_config.json, and open_clip_model.safetensors or
 *   open_clip_pytorch_model.bin;
 * or a weight file; or an engine, which osprey_engine_compile wrote (engine.h).
 *
 * A directory's safest file is read, safetensors first; one that is damaged is passed over, and
 * info's note says so. A weight file is known by its content: safetensors, what torch.save wrote (a
 * zip file, PyTorch 1.6 and later; nothing in it is executed), a TorchScript archive, a NumPy
 * archive (not compressed). It may be
 * - in Hugging Face's or OpenCLIP's layout: its directory has the configuration;
 * - OpenAI's own (ViT-B-32.pt, RN50x4.pt, ...), which needs nothing beside it;
 * - google-research/vision_transformer's (.npz: ViT-B_16.npz and the like), which needs nothing
 *   beside it, and has no text tower; LiT's (LiT-B16B_2.npz) has one, and needs its vocabulary,
 *   LiT-B16B_2.txt or vocab.txt, beside it;
 * - OpenCLIP's alone: the architecture is that of arch, or the only published one that fits.
 * A configuration may bring templates for labels:
 * task_specific_params.zero-shot-image-classification.hypothesis_template, a string or a list of
 * them. Files without a tokenizer beside them get CLIP's own; files without a configuration the
 * preprocessing of OpenAI's models.
 *
 * The caller frees *model with osprey_model_free.
 * Errors: OSPREY_NOT_FOUND (the missing file is named, with what would fit), OSPREY_FORMAT
 * (malformed, or configuration and weights contradict each other: the tensor is named),
 * OSPREY_UNSUPPORTED (an architecture, format or option that osprey does not have; weights that fit
 * two architectures, which are named), OSPREY_INVALID_ARGUMENT (options that do not go with path),
 * OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_model_open(const char *path, osprey_model **model,
                                           osprey_error *error);

/* The same with options, which may be NULL. */
OSPREY_API osprey_status osprey_model_open_with(const char *path,
                                                const osprey_model_options *options,
                                                osprey_model **model, osprey_error *error);

OSPREY_API const osprey_model_info *osprey_model_get_info(const osprey_model *model);

/* Lives as long as the model. NULL: a model, or an engine, without a text tower. */
OSPREY_API const osprey_tokenizer *osprey_model_tokenizer(const osprey_model *model);

/* Takes NULL. */
OSPREY_API void osprey_model_free(osprey_model *model);

#ifdef __cplusplus
}
#endif

#endif
