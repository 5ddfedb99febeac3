/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "model/timm_trunks.h"

#define TRUNK "visual.trunk."

osprey_status osprey__read_siglip(const osprey__shape_reader *shapes,
                                  const osprey__timm_entry *entry, osprey__model_config *config)
{
    static const char patch[] = TRUNK "patch_embed.proj.weight";
    osprey__image_config *image = &config->image;
    const size_t widest = OSPREY__CONFIG_WIDTH_MAX;
    OSPREY_TRY(osprey__timm_check_use(config, "map", "none", shapes->error));
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_VIT,
                                    .image_height = image->image_height,
                                    .image_width = image->image_width,
                                    .activation = entry->activation,
                                    .layer_norm_epsilon = 1e-6F,
                                    .attention_pooled = true};
    const size_t shorter =
        image->image_height < image->image_width ? image->image_height : image->image_width;
    OSPREY_TRY(osprey__shape_dim(shapes, patch, 4, 0, widest, &image->width));
    OSPREY_TRY(osprey__shape_dim(shapes, patch, 4, 3, shorter, &image->patch_size));
    OSPREY_TRY(osprey__shape_dim(shapes, TRUNK "blocks.0.mlp.fc1.weight", 2, 0, widest,
                                 &image->mlp_width));
    image->layers = osprey__shape_blocks(shapes, TRUNK "blocks.", 0, ".norm1.weight");
    if (image->width != config->embed_dim)
        return osprey__fail(shapes->error, OSPREY_FORMAT, config->file,
                            "\"embed_dim\" is %zu, but the image tower is %zu wide, as its "
                            "embeddings without a projection are",
                            config->embed_dim, image->width);
    return osprey__timm_heads(shapes, entry, image->width, &image->heads);
}
