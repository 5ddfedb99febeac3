/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mobile_weights.h"

#include "base/status.h"
#include "model/eva_weights.h"
#include "model/timm_trunks.h"

#define TRUNK OSPREY__MOBILE_TRUNK
#define STEM  TRUNK "patch_embed.backbone."
#define PATCH TRUNK "patch_embed.proj.weight"

#define FASTVIT_IMAGE 256 /* pixels along a side, of every published one */

/* Of a FastViT, with as many blocks in each stage as are there. */
static osprey_status read_stages(const osprey__shape_reader *shapes, size_t stages,
                                 osprey__image_config *image)
{
    const size_t widest = OSPREY__CONFIG_WIDTH_MAX;
    const char *stem = TRUNK "stem.0.reparam_conv.weight";
    if (!osprey__shape_has(shapes, stem)) stem = TRUNK "stem.0.conv_kxk.0.conv.weight";
    OSPREY_TRY(osprey__shape_dim(shapes, stem, 4, 0, widest, &image->width));
    OSPREY_TRY(osprey__shape_dim(shapes, TRUNK "stages.0.blocks.0.mlp.fc1.weight", 4, 0, widest,
                                 &image->mlp_width));
    image->layers = osprey__shape_stages(shapes, TRUNK "stages.", ".mlp.fc1.weight", stages,
                                         image->stage_layers);
    return OSPREY_OK;
}

osprey_status osprey__read_fastvit(const osprey__shape_reader *shapes,
                                   const osprey__timm_entry *entry, osprey__model_config *config)
{
    osprey__image_config *image = &config->image;
    OSPREY_TRY(osprey__timm_check_use(config, "avg", "", shapes->error));
    OSPREY_TRY(osprey__timm_check_size(config, osprey__fastvit_cell(entry->stages), shapes->error));
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_FASTVIT,
                                    .image_height = image->image_height,
                                    .image_width = image->image_width,
                                    .activation = OSPREY_ACTIVATION_GELU,
                                    .layer_norm_epsilon =
                                        entry->stages == 5 ? OSPREY__FASTVIT_NORM_EPSILON : 0};
    OSPREY_TRY(read_stages(shapes, entry->stages, image));
    const size_t there = osprey__fastvit_stages(image);
    if (there < entry->stages)
        return osprey__fail(shapes->error, OSPREY_NOT_FOUND, shapes->file,
                            "there is no tensor \"" TRUNK
                            "stages.%zu.blocks.0.mlp.fc1.weight\", but %s has %zu stages",
                            there, entry->name, entry->stages);
    /* Those of the first stage with attention divide it; each stage is twice as wide. */
    OSPREY_TRY(osprey__timm_heads(shapes, entry, image->width << OSPREY__FASTVIT_CONV_STAGES,
                                  &image->heads));
    image->heads <<= entry->stages - OSPREY__FASTVIT_CONV_STAGES - 1;
    return OSPREY_OK;
}

/* Of what stands behind the stem, whose patches are made by that filter. */
static osprey_status read_vit(const osprey__shape_reader *shapes, const char *filter,
                              osprey__image_config *image)
{
    const size_t widest = OSPREY__CONFIG_WIDTH_MAX;
    OSPREY_TRY(osprey__shape_dim(shapes, filter, 4, 0, widest, &image->width));
    OSPREY_TRY(
        osprey__shape_dim(shapes, filter, 4, 3, OSPREY__CONFIG_IMAGE_MAX, &image->patch_size));
    OSPREY_TRY(osprey__shape_dim(shapes, TRUNK "blocks.0.mlp.fc1.weight", 2, 0, widest,
                                 &image->mlp_width));
    image->layers = osprey__shape_blocks(shapes, TRUNK "blocks.", 0, ".norm1.weight");
    return OSPREY_OK;
}

osprey_status osprey__read_conv_stem_vit(const osprey__shape_reader *shapes,
                                         const osprey__timm_entry *entry,
                                         osprey__model_config *config)
{
    osprey__image_config *image = &config->image;
    OSPREY_TRY(osprey__timm_check_use(config, "token", "", shapes->error));
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_CONV_STEM_VIT,
                                    .image_height = image->image_height,
                                    .image_width = image->image_width,
                                    .activation = OSPREY_ACTIVATION_GELU,
                                    .layer_norm_epsilon = 1e-6F};
    OSPREY_TRY(osprey__shape_dim(shapes, STEM "0.conv.weight", 4, 0, OSPREY__CONFIG_WIDTH_MAX,
                                 &image->stem_width));
    OSPREY_TRY(read_vit(shapes, STEM "2.conv.weight", image));
    OSPREY_TRY(osprey__timm_check_size(config, OSPREY__CONV_STEM_REDUCTION * image->patch_size,
                                       shapes->error));
    return osprey__timm_heads(shapes, entry, image->width, &image->heads);
}

osprey_status osprey__read_clip_vit(const osprey__shape_reader *shapes,
                                    const osprey__timm_entry *entry, osprey__model_config *config)
{
    osprey__image_config *image = &config->image;
    OSPREY_TRY(osprey__timm_check_use(config, "token", "", shapes->error));
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_VIT,
                                    .image_height = image->image_height,
                                    .image_width = image->image_width,
                                    .activation = OSPREY_ACTIVATION_GELU,
                                    .layer_norm_epsilon = 1e-5F,
                                    .is_trunk = true};
    OSPREY_TRY(read_vit(shapes, PATCH, image));
    OSPREY_TRY(osprey__timm_check_size(config, image->patch_size, shapes->error));
    return osprey__timm_heads(shapes, entry, image->width, &image->heads);
}

/* A gate behind the last stage, a stem of plain convolutions, a norm before the first block: a
 * Perception Encoder has that too. */
bool osprey__is_mobile(const osprey__weights *weights)
{
    return osprey__weights_find(weights, TRUNK "final_conv.se.fc1.weight") ||
           osprey__weights_find(weights, STEM "0.conv.weight") ||
           (osprey__weights_find(weights, TRUNK "norm_pre.weight") && !osprey__is_eva(weights));
}

osprey_status osprey__mobile_shapes(const osprey__shape_reader *shapes, osprey__image_config *image)
{
    static const char positions[] = TRUNK "pos_embed";
    size_t *side = &image->image_height;
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_FASTVIT, .image_height = FASTVIT_IMAGE};
    if (osprey__shape_has(shapes, TRUNK "final_conv.se.fc1.weight"))
        return read_stages(shapes, OSPREY_STAGES_MAX, image);
    image->is_trunk = osprey__shape_has(shapes, TRUNK "norm_pre.weight");
    if (image->is_trunk) {
        image->kind = OSPREY__IMAGE_VIT;
        OSPREY_TRY(read_vit(shapes, PATCH, image));
        return osprey__shape_image_side(shapes, positions, 1, image->patch_size, side);
    }
    image->kind = OSPREY__IMAGE_CONV_STEM_VIT;
    OSPREY_TRY(read_vit(shapes, STEM "2.conv.weight", image));
    return osprey__shape_image_side(shapes, positions, 0,
                                    OSPREY__CONV_STEM_REDUCTION * image->patch_size, side);
}
