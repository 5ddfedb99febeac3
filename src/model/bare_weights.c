/* SPDX-License-Identifier: Apache-2.0 */
#include "model/bare_weights.h"

#include "base/status.h"
#include "format/config_values.h"
#include "model/convnext_weights.h"
#include "model/eva_weights.h"
#include "model/hf_text.h"
#include "model/mobile_weights.h"
#include "model/shape_reader.h"
#include "model/zoo.h"

#include <stdio.h>
#include <string.h>

#define HEAD_WIDTH 64 /* of every model of OpenAI's */

typedef struct bare_file {
    osprey__shape_reader shapes;
    const char *text; /* prefix of the text tower's names */
} bare_file;

static bool has(const osprey__weights *weights, const char *name)
{
    return osprey__weights_find(weights, name);
}

bool osprey__has_huggingface_names(const osprey__weights *weights)
{
    return has(weights, "text_model.embeddings.token_embedding.weight") ||
           has(weights, "vision_model.embeddings.patch_embedding.weight") ||
           has(weights, "embeddings.word_embeddings.weight");
}

static bool is_openai(const osprey__weights *weights)
{
    return osprey__weights_format(weights) == OSPREY__TORCH_SCRIPT ||
           (has(weights, "input_resolution") && has(weights, "context_length") &&
            has(weights, "vocab_size"));
}

/* Towers of other families that OpenCLIP has under its names. is_named: --arch says which. */
static osprey_status check_family(const osprey__weights *weights, const char *file, bool is_named,
                                  osprey_error *error)
{
    static const struct {
        const char *prefix, *family;
        bool may_be_named,
            may_be_known; /* some of them are read: where named, or by their shapes */
    } others[] = {
        {"visual.trunk.", "an image tower of timm", true, true},
        {"text.transformer.embeddings.", "a text tower of transformers", true, false},
        {"text.transformer.encoder.", "a text tower of transformers", true, false},
        {"text.proj.", "a text tower of transformers", true, false},
        {"text.transformer.shared.", "a text tower of transformers", false, false},
        {"image_encoder.", "an image tower of another library", false, false},
        /* All else in these wrappers is unwrapped. */
        {"_image_encoder.", "TinyCLIP's search for layers to leave out", false, false},
        {"_text_encoder.", "TinyCLIP's search for layers to leave out", false, false},
    };
    size_t count;
    const osprey__tensor *tensors = osprey__weights_tensors(weights, &count);
    const bool is_known =
        osprey__is_eva(weights) || osprey__is_mobile(weights) || osprey__is_convnext(weights);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
            if ((is_named && others[k].may_be_named) || (is_known && others[k].may_be_known))
                continue;
            if (strncmp(tensors[i].name, others[k].prefix, strlen(others[k].prefix)) == 0)
                return osprey__fail(
                    error, OSPREY_UNSUPPORTED, file,
                    "tensor \"%.200s\" belongs to %s; of OpenCLIP's towers osprey "
                    "has CLIP's own ViT, ResNet and text transformer, those of CoCa, EVA, "
                    "MobileCLIP and ConvNeXt, the Perception Encoder's, and SigLIP's, ViTamin's, "
                    "RoBERTa's and XLM-RoBERTa's, which --arch names",
                    tensors[i].name, others[k].family);
        }
    }
    if (is_named || is_known || has(weights, "visual.conv1.weight")) return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                        "a file of weights, but of no model that osprey knows: there is neither "
                        "\"visual.conv1.weight\" (OpenAI, OpenCLIP) nor "
                        "\"vision_model.embeddings.patch_embedding.weight\" (Hugging Face)");
}

static osprey_status check_heads(const bare_file *r, const char *tower, size_t width)
{
    if (width % HEAD_WIDTH == 0) return OSPREY_OK;
    return osprey__fail(r->shapes.error, OSPREY_UNSUPPORTED, r->shapes.file,
                        "its %s tower is %zu wide, which heads of %u, as OpenAI's models have "
                        "them, do not divide: it needs an open_clip_config.json beside it",
                        tower, width, HEAD_WIDTH);
}

/* Positions are those of a square, and a class token or the mean. */
static osprey_status read_grid(const bare_file *r, const char *name, size_t *side)
{
    const size_t most = (size_t)OSPREY__CONFIG_IMAGE_MAX * OSPREY__CONFIG_IMAGE_MAX;
    size_t positions = 0;
    OSPREY_TRY(osprey__shape_dim(&r->shapes, name, 2, 0, most, &positions));
    *side = osprey__shape_square_side(positions - 1);
    if (*side > 0) return OSPREY_OK;
    return osprey__fail(r->shapes.error, OSPREY_UNSUPPORTED, r->shapes.file,
                        "tensor \"%s\" has %zu positions, which are no square and one: it needs an "
                        "open_clip_config.json beside it",
                        name, positions);
}

static osprey_status read_vit(const bare_file *r, osprey__image_config *image)
{
    size_t side = 0;
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_VIT, .layer_norm_epsilon = 1e-5F};
    OSPREY_TRY(osprey__shape_dim(&r->shapes, "visual.conv1.weight", 4, 0, OSPREY__CONFIG_WIDTH_MAX,
                                 &image->width));
    OSPREY_TRY(osprey__shape_dim(&r->shapes, "visual.conv1.weight", 4, 3, OSPREY__CONFIG_IMAGE_MAX,
                                 &image->patch_size));
    OSPREY_TRY(osprey__shape_dim(&r->shapes, "visual.transformer.resblocks.0.mlp.c_fc.weight", 2, 0,
                                 OSPREY__CONFIG_WIDTH_MAX, &image->mlp_width));
    OSPREY_TRY(read_grid(r, "visual.positional_embedding", &side));
    image->layers = osprey__shape_blocks(&r->shapes, "visual.transformer.resblocks.", 0,
                                         ".attn.in_proj_weight");
    image->image_height = side * image->patch_size;
    return OSPREY_OK;
}

static osprey_status read_resnet(const bare_file *r, osprey__image_config *image)
{
    size_t side = 0;
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_MODIFIED_RESNET,
                                    .activation = OSPREY_ACTIVATION_RELU};
    OSPREY_TRY(osprey__shape_dim(&r->shapes, "visual.layer1.0.conv1.weight", 4, 0,
                                 OSPREY__CONFIG_WIDTH_MAX / 32, &image->width));
    OSPREY_TRY(read_grid(r, "visual.attnpool.positional_embedding", &side));
    for (size_t stage = 0; stage < 4; stage++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "visual.layer%zu.", stage + 1);
        image->stage_layers[stage] = osprey__shape_blocks(&r->shapes, prefix, 0, ".conv1.weight");
        image->layers += image->stage_layers[stage];
    }
    image->image_height = side * 32;
    return OSPREY_OK;
}

static osprey_status read_text(const bare_file *r, osprey__text_config *text)
{
    char name[128];
    *text = (osprey__text_config){.layer_norm_epsilon = 1e-5F};
    snprintf(name, sizeof name, "%stoken_embedding.weight", r->text);
    OSPREY_TRY(osprey__shape_dim(&r->shapes, name, 2, 0, OSPREY__CONFIG_VOCABULARY_MAX,
                                 &text->vocabulary));
    OSPREY_TRY(osprey__shape_dim(&r->shapes, name, 2, 1, OSPREY__CONFIG_WIDTH_MAX, &text->width));
    snprintf(name, sizeof name, "%spositional_embedding", r->text);
    OSPREY_TRY(osprey__shape_dim(&r->shapes, name, 2, 0, OSPREY__CONFIG_CONTEXT_MAX,
                                 &text->context_length));
    snprintf(name, sizeof name, "%stransformer.resblocks.0.mlp.c_fc.weight", r->text);
    OSPREY_TRY(
        osprey__shape_dim(&r->shapes, name, 2, 0, OSPREY__CONFIG_WIDTH_MAX, &text->mlp_width));
    snprintf(name, sizeof name, "%stransformer.resblocks.", r->text);
    text->layers = osprey__shape_blocks(&r->shapes, name, 0, ".attn.in_proj_weight");
    return OSPREY_OK;
}

/* TinyCLIP with automatic inheritance leaves out heads, layer by layer. */
static osprey_status check_uniform(const bare_file *r)
{
    static const char ending[] = ".attn.in_proj_weight";
    size_t count;
    const osprey__tensor *tensors = osprey__weights_tensors(r->shapes.weights, &count);
    for (size_t i = 0; i < count; i++) {
        const osprey__tensor *t = &tensors[i];
        const size_t length = strlen(t->name), wanted = sizeof ending - 1;
        if (length < wanted || strcmp(t->name + length - wanted, ending) != 0 || t->rank != 2 ||
            t->dims[0] / 3 >= t->dims[1])
            continue;
        return osprey__fail(r->shapes.error, OSPREY_UNSUPPORTED, r->shapes.file,
                            "tensor \"%.200s\" has the shape [%zu, %zu]: a layer with fewer heads "
                            "than the tower is wide, as TinyCLIP's automatic inheritance (its "
                            "\"auto\" models) makes them; osprey reads its other models",
                            t->name, t->dims[0], t->dims[1]);
    }
    return OSPREY_OK;
}

/* All that shapes can tell: everything but heads and activations. */
static osprey_status read_shapes(const bare_file *r, osprey__model_config *config)
{
    *config = (osprey__model_config){.file = "the rest of the file"};
    osprey__image_config *image = &config->image;
    char name[128];
    if (osprey__is_eva(r->shapes.weights))
        OSPREY_TRY(osprey__eva_shapes(&r->shapes, image));
    else if (osprey__is_mobile(r->shapes.weights))
        OSPREY_TRY(osprey__mobile_shapes(&r->shapes, image));
    else if (osprey__is_convnext(r->shapes.weights))
        OSPREY_TRY(osprey__convnext_shapes(&r->shapes, image));
    else
        OSPREY_TRY(has(r->shapes.weights, "visual.proj") ? read_vit(r, image)
                                                         : read_resnet(r, image));
    OSPREY_TRY(read_text(r, &config->text));
    snprintf(name, sizeof name, "%stext_projection", r->text);
    OSPREY_TRY(
        osprey__shape_dim(&r->shapes, name, 2, 1, OSPREY__CONFIG_WIDTH_MAX, &config->embed_dim));
    if (image->image_height > OSPREY__CONFIG_IMAGE_MAX)
        return osprey__fail(r->shapes.error, OSPREY_LIMIT, r->shapes.file,
                            "its images would be %zu pixels wide; at most %u are allowed",
                            image->image_height, OSPREY__CONFIG_IMAGE_MAX);
    image->image_width = image->image_height;
    return OSPREY_OK;
}

/* Weights of OpenAI's, in a published shape or not. */
static osprey_status complete_openai(const bare_file *r, osprey__model_config *config)
{
    osprey__image_config *image = &config->image;
    const size_t widest = image->kind == OSPREY__IMAGE_VIT ? image->width : 32 * image->width;
    OSPREY_TRY(check_heads(r, "image", widest));
    OSPREY_TRY(check_heads(r, "text", config->text.width));
    config->layout = "openai";
    image->heads = widest / HEAD_WIDTH;
    config->text.heads = config->text.width / HEAD_WIDTH;
    config->text.activation = OSPREY_ACTIVATION_QUICK_GELU;
    if (image->kind == OSPREY__IMAGE_VIT) image->activation = OSPREY_ACTIVATION_QUICK_GELU;
    config->preprocessing = osprey__clip_preprocessing(image->image_height, image->image_width);
    config->preprocessing.crop_rounds_half_even = true;
    return OSPREY_OK;
}

/* What CoCa's towers have besides: a class token, whose position is the last, and a pool. */
static osprey_status read_coca(const bare_file *r, osprey__model_config *config)
{
    char name[128];
    snprintf(name, sizeof name, "%scls_emb", r->text);
    if (has(r->shapes.weights, name)) {
        config->text.kind = OSPREY__TEXT_COCA;
        config->text.context_length--;
    }
    static const char queries[] = "visual.attn_pool.query";
    if (!has(r->shapes.weights, queries)) return OSPREY_OK;
    return osprey__shape_dim(&r->shapes, queries, 2, 0, OSPREY__CONFIG_WIDTH_MAX,
                             &config->image.pool_queries);
}

static osprey_status find_config(const bare_file *r, osprey__model_config *config,
                                 const char **reason)
{
    const char *format = osprey__weight_format_name(osprey__weights_format(r->shapes.weights));
    OSPREY_TRY(read_shapes(r, config));
    if (is_openai(r->shapes.weights) && config->image.image_height) {
        *reason = "names and shapes, as OpenAI's own loader";
        return complete_openai(r, config);
    }
    OSPREY_TRY(read_coca(r, config));
    const osprey__zoo_entry *entry = osprey__zoo_fit(config, NULL), *other = entry;
    if (!entry)
        return osprey__fail(r->shapes.error, OSPREY_UNSUPPORTED, r->shapes.file,
                            "%s with the names of OpenCLIP, but with the shapes of none of its "
                            "architectures that osprey knows: it needs an open_clip_config.json "
                            "beside it",
                            format);
    if (entry->quick_name)
        return osprey__fail(r->shapes.error, OSPREY_UNSUPPORTED, r->shapes.file,
                            "%s with the names of OpenCLIP; its shapes fit %s and %s, which differ "
                            "in the activation: name one with --arch",
                            format, entry->gelu_name, entry->quick_name);
    while (other && other->config.image.image_height == entry->config.image.image_height)
        other = osprey__zoo_fit(config, other);
    if (other)
        return osprey__fail(r->shapes.error, OSPREY_UNSUPPORTED, r->shapes.file,
                            "%s with the names of OpenCLIP; its shapes fit %s and %s, which differ "
                            "in the size of images: name one with --arch",
                            format, entry->gelu_name, other->gelu_name);
    *config = osprey__zoo_config(entry, false);
    *reason = "shapes, which one published architecture has";
    return OSPREY_OK;
}

osprey_status osprey__bare_weights_config(const osprey__weights *weights, const char *arch,
                                          osprey__model_config *config, const char **reason,
                                          osprey_error *error)
{
    size_t count;
    const bool prefixed =
        has(weights, "text.token_embedding.weight") || osprey__is_hf_text(weights);
    const bare_file r = {{weights, osprey__weights_files(weights, &count)[0], error},
                         prefixed ? "text." : ""};
    OSPREY_TRY(check_family(weights, r.shapes.file, arch, error));
    OSPREY_TRY(check_uniform(&r));
    if (arch) {
        OSPREY_TRY(osprey__zoo_find(arch, config, error));
        *reason = "--arch";
    } else {
        OSPREY_TRY(find_config(&r, config, reason));
    }
    config->bare = true;
    config->text_is_prefixed = prefixed;
    config->has_logit_bias = has(weights, "logit_bias");
    return OSPREY_OK;
}
