/* SPDX-License-Identifier: Apache-2.0 */
#include "model/flax_weights.h"

#include "base/status.h"
#include "model/shape_reader.h"
#include "model/towers.h"

#include <stdio.h>

/* Families that are published in the same way; what each is known by. */
static osprey_status check_family(const osprey__shape_reader *r)
{
    static const struct {
        const char *name, *family;
    } others[] = {
        {"params/img/embedding/kernel", "a model of big_vision's, of two towers"},
        {"params/embedding/kernel", "a model of big_vision's"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (osprey__shape_has(r, others[i].name))
            return osprey__fail(
                r->error, OSPREY_UNSUPPORTED, r->file,
                "array \"%s\" belongs to %s; of JAX's models osprey has the ViT, the hybrid, "
                "the Mixer and LiT of vision_transformer",
                others[i].name, others[i].family);
    }
    if (osprey__shape_has(r, "embedding/kernel") || osprey__shape_has(r, "stem/kernel"))
        return OSPREY_OK;
    return osprey__fail(r->error, OSPREY_UNSUPPORTED, r->file,
                        "a NumPy archive, but of no model that osprey knows: there is no "
                        "\"embedding/kernel\" (ViT of vision_transformer) and no \"stem/kernel\" "
                        "(Mixer)");
}

osprey_preprocessing osprey__flax_preprocessing(size_t size)
{
    return (osprey_preprocessing){
        .resize = OSPREY_RESIZE_EXACT,
        .resize_height = size,
        .resize_width = size,
        .resample = OSPREY_RESAMPLE_BILINEAR,
        .crop_height = size,
        .crop_width = size,
        .rescale = true,
        .rescale_factor = 1.0F / 255,
        .normalize = true,
        .mean = {0.5F, 0.5F, 0.5F},
        .std = {0.5F, 0.5F, 0.5F},
    };
}

#define POSITIONS_MAX ((size_t)OSPREY__CONFIG_IMAGE_MAX * OSPREY__CONFIG_IMAGE_MAX)

/* The image's size, from the positions: those of a square, and of a class token if there is one. */
static osprey_status set_image_size(const osprey__shape_reader *r, const char *name,
                                    size_t positions, bool class_token, osprey__image_config *image)
{
    const size_t side = osprey__shape_square_side(positions - class_token);
    if (!side)
        return osprey__fail(r->error, OSPREY_UNSUPPORTED, r->file,
                            "tensor \"%s\" has %zu positions, which are no square%s", name,
                            positions, class_token ? " and one" : "");
    image->image_height = image->image_width =
        side * image->patch_size * osprey__stem_reduction(image);
    if (image->image_height <= OSPREY__CONFIG_IMAGE_MAX) return OSPREY_OK;
    return osprey__fail(r->error, OSPREY_LIMIT, r->file,
                        "its images would be %zu pixels wide; at most %u are allowed",
                        image->image_height, OSPREY__CONFIG_IMAGE_MAX);
}

static osprey_status read_mixer(const osprey__shape_reader *r, osprey__image_config *image)
{
    static const char mixing[] = "MixerBlock_0/token_mixing/Dense_0/kernel";
    size_t positions = 0;
    *image = (osprey__image_config){
        .kind = OSPREY__IMAGE_MIXER,
        .layers = osprey__shape_blocks(r, "MixerBlock_", 0, "/LayerNorm_0/scale"),
        .activation = OSPREY_ACTIVATION_GELU_TANH,
        .layer_norm_epsilon = 1e-6F,
    };
    OSPREY_TRY(
        osprey__shape_dim(r, "stem/kernel", 4, 0, OSPREY__CONFIG_IMAGE_MAX, &image->patch_size));
    OSPREY_TRY(osprey__shape_dim(r, "stem/kernel", 4, 3, OSPREY__CONFIG_WIDTH_MAX, &image->width));
    OSPREY_TRY(
        osprey__shape_dim(r, mixing, 2, 1, OSPREY__CONFIG_WIDTH_MAX, &image->token_mlp_width));
    OSPREY_TRY(osprey__shape_dim(r, "MixerBlock_0/channel_mixing/Dense_0/kernel", 2, 1,
                                 OSPREY__CONFIG_WIDTH_MAX, &image->mlp_width));
    OSPREY_TRY(osprey__shape_dim(r, mixing, 2, 0, POSITIONS_MAX, &positions));
    return set_image_size(r, mixing, positions, false, image);
}

/* The ResNet before a ViT, if there is one. */
static osprey_status read_stem(const osprey__shape_reader *r, osprey__image_config *image)
{
    const size_t groups = OSPREY__STEM_GROUPS;
    if (!osprey__shape_has(r, "conv_root/kernel")) return OSPREY_OK;
    image->kind = OSPREY__IMAGE_HYBRID;
    OSPREY_TRY(osprey__shape_dim(r, "conv_root/kernel", 4, 3, OSPREY__CONFIG_WIDTH_MAX / groups,
                                 &image->stem_width));
    if (image->stem_width % groups != 0)
        return osprey__fail(r->error, OSPREY_UNSUPPORTED, r->file,
                            "tensor \"conv_root/kernel\" has %zu filters; a multiple of the %zu "
                            "groups that are normalised would be right",
                            image->stem_width, groups);
    for (size_t stage = 0; stage < 4; stage++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "block%zu/unit", stage + 1);
        image->stage_layers[stage] = osprey__shape_blocks(r, prefix, 1, "/conv1/kernel");
        if (!image->stage_layers[stage]) break;
    }
    return OSPREY_OK;
}

/* Dimension index of a tensor of the first block. */
static osprey_status block_dim(const osprey__shape_reader *r,
                               const osprey__transformer_names *names, const char *tail,
                               size_t rank, size_t index, size_t limit, size_t *dim)
{
    osprey__tensor_name name = osprey__tensor_name_print("%s0/%skernel", names->blocks, tail);
    return osprey__shape_dim(r, name.text, rank, index, limit, dim);
}

osprey_status osprey__flax_read_vit(const osprey__shape_reader *r,
                                    const osprey__layout_names *names, osprey__image_config *image)
{
    const osprey__transformer_names *blocks = &names->image_blocks;
    osprey__tensor_name norm = osprey__tensor_name_print("/%sscale", blocks->names.norm1);
    osprey__tensor_name patch = osprey__tensor_name_print("%skernel", names->image_patch);
    *image = (osprey__image_config){
        .kind = OSPREY__IMAGE_VIT,
        .layers = osprey__shape_blocks(r, blocks->blocks, 0, norm.text),
        .activation = OSPREY_ACTIVATION_GELU_TANH,
        .layer_norm_epsilon = 1e-6F,
        .mean_pooled = !osprey__shape_has(r, names->image_class),
    };
    OSPREY_TRY(read_stem(r, image));
    OSPREY_TRY(
        osprey__shape_dim(r, patch.text, 4, 0, OSPREY__CONFIG_IMAGE_MAX, &image->patch_size));
    OSPREY_TRY(osprey__shape_dim(r, patch.text, 4, 3, OSPREY__CONFIG_WIDTH_MAX, &image->width));
    OSPREY_TRY(block_dim(r, blocks, blocks->names.q, 3, 1, image->width, &image->heads));
    OSPREY_TRY(block_dim(r, blocks, blocks->names.mlp_in, 2, 1, OSPREY__CONFIG_WIDTH_MAX,
                         &image->mlp_width));
    size_t positions = 0;
    OSPREY_TRY(osprey__shape_dim(r, names->image_position, 3, 1, POSITIONS_MAX, &positions));
    return set_image_size(r, names->image_position, positions, !image->mean_pooled, image);
}

static osprey_status read_classifier(const osprey__shape_reader *r, osprey__image_config *image)
{
    if (osprey__shape_has(r, "stem/kernel")) return read_mixer(r, image);
    OSPREY_TRY(osprey__flax_read_vit(r, &osprey__flax_names, image));
    image->has_pre_logits = osprey__shape_has(r, "pre_logits/kernel");
    return OSPREY_OK;
}

osprey_status osprey__flax_weights_config(const osprey__weights *weights,
                                          osprey__model_config *config, osprey_error *error)
{
    size_t count;
    const osprey__shape_reader r = {weights, osprey__weights_files(weights, &count)[0], error};
    osprey__image_config *image = &config->image;
    *config = (osprey__model_config){
        .layout = "vision_transformer",
        .file = "the rest of the file",
        .bare = true,
    };
    OSPREY_TRY(check_family(&r));
    OSPREY_TRY(read_classifier(&r, image));
    config->embed_dim = image->width;
    if (image->has_pre_logits)
        OSPREY_TRY(osprey__shape_dim(&r, "pre_logits/kernel", 2, 1, OSPREY__CONFIG_WIDTH_MAX,
                                     &config->embed_dim));
    if (osprey__shape_has(&r, "head/kernel"))
        OSPREY_TRY(osprey__shape_dim(&r, "head/kernel", 2, 1, OSPREY__CONFIG_CLASSES_MAX,
                                     &config->head_classes));
    config->preprocessing = osprey__flax_preprocessing(image->image_height);
    return OSPREY_OK;
}
