/* SPDX-License-Identifier: Apache-2.0 */
#include "model/vitamin_weights.h"

#include "base/status.h"
#include "format/model_config.h"
#include "model/timm_trunks.h"

#define TRUNK    OSPREY__VITAMIN_TRUNK
#define BACKBONE OSPREY__VITAMIN_BACKBONE

static osprey_status read_stages(const osprey__shape_reader *shapes, osprey__image_config *image)
{
    static const char *const stages[] = {BACKBONE "stages.0.", BACKBONE "stages.1."};
    for (size_t stage = 0; stage < OSPREY__VITAMIN_STAGES; stage++) {
        image->stage_layers[stage] =
            osprey__shape_blocks(shapes, stages[stage], 0, ".pre_norm.weight");
        if (!image->stage_layers[stage])
            return osprey__fail(shapes->error, OSPREY_NOT_FOUND, shapes->file,
                                "there is no tensor \"%s0.pre_norm.weight\", but a ViTamin has "
                                "%u stages of convolutions",
                                stages[stage], OSPREY__VITAMIN_STAGES);
    }
    return OSPREY_OK;
}

osprey_status osprey__read_vitamin(const osprey__shape_reader *shapes,
                                   const osprey__timm_entry *entry, osprey__model_config *config)
{
    osprey__image_config *image = &config->image;
    const size_t widest = OSPREY__CONFIG_WIDTH_MAX, stages = OSPREY__VITAMIN_STAGES;
    OSPREY_TRY(osprey__timm_check_use(config, "", "linear", shapes->error));
    OSPREY_TRY(osprey__timm_check_size(config, OSPREY__VITAMIN_CELL, shapes->error));
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_VITAMIN,
                                    .image_height = image->image_height,
                                    .image_width = image->image_width,
                                    .patch_size = 1,
                                    .activation = OSPREY_ACTIVATION_GELU,
                                    .layer_norm_epsilon = 1e-6F,
                                    .unplaced = entry->unplaced};
    OSPREY_TRY(osprey__shape_dim(shapes, BACKBONE "stem.conv1.weight", 4, 0, widest >> stages,
                                 &image->stem_width));
    OSPREY_TRY(osprey__shape_dim(shapes, BACKBONE "pool.proj.weight", 4, 0, widest, &image->width));
    OSPREY_TRY(
        osprey__shape_dim(shapes, TRUNK "blocks.0.mlp.w0.weight", 2, 0, widest, &image->mlp_width));
    image->layers = osprey__shape_blocks(shapes, TRUNK "blocks.", 0, ".norm1.weight");
    OSPREY_TRY(read_stages(shapes, image));
    return osprey__timm_heads(shapes, entry, image->width, &image->heads);
}
