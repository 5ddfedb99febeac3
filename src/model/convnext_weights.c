/* SPDX-License-Identifier: Apache-2.0 */
#include "model/convnext_weights.h"

#include "base/status.h"
#include "model/timm_trunks.h"

#include <string.h>

#define TRUNK OSPREY__CONVNEXT_TRUNK
#define BLOCK TRUNK "stages.0.blocks.0."

bool osprey__is_convnext(const osprey__weights *weights)
{
    return osprey__weights_find(weights, BLOCK "conv_dw.weight") &&
           osprey__weights_find(weights, BLOCK "gamma");
}

osprey_status osprey__convnext_shapes(const osprey__shape_reader *shapes,
                                      osprey__image_config *image)
{
    const size_t widest = OSPREY__CONFIG_WIDTH_MAX >> (OSPREY__CONVNEXT_STAGES - 1);
    *image = (osprey__image_config){
        .kind = OSPREY__IMAGE_CONVNEXT,
        .activation = OSPREY_ACTIVATION_GELU,
        .mlp_projected = osprey__shape_has(shapes, OSPREY__CONVNEXT_HEAD "mlp.fc1.weight"),
    };
    OSPREY_TRY(osprey__shape_dim(shapes, TRUNK "stem.0.weight", 4, 0, widest, &image->width));
    OSPREY_TRY(osprey__shape_dim(shapes, BLOCK "mlp.fc1.weight", 2, 0, widest, &image->mlp_width));
    image->layers = osprey__shape_stages(shapes, TRUNK "stages.", ".conv_dw.weight",
                                         OSPREY__CONVNEXT_STAGES, image->stage_layers);
    for (size_t stage = 0; stage < OSPREY__CONVNEXT_STAGES; stage++)
        if (!image->stage_layers[stage])
            return osprey__fail(
                shapes->error, OSPREY_NOT_FOUND, shapes->file,
                "there is no tensor \"" TRUNK
                "stages.%zu.blocks.0.conv_dw.weight\", but a ConvNeXt has %u stages",
                stage, OSPREY__CONVNEXT_STAGES);
    return OSPREY_OK;
}

osprey_status osprey__read_convnext(const osprey__shape_reader *shapes,
                                    const osprey__timm_entry *entry, osprey__model_config *config)
{
    osprey__image_config *image = &config->image;
    const osprey__image_config said = *image;
    const bool mlp = strcmp(config->trunk.proj, "mlp") == 0;
    /* Its own pool is the mean. */
    const char *pool = strcmp(config->trunk.pool, "avg") == 0 ? "avg" : "";
    OSPREY_TRY(osprey__timm_check_use(config, pool, mlp ? "mlp" : "linear", shapes->error));
    OSPREY_TRY(osprey__timm_check_size(config, OSPREY__CONVNEXT_CELL, shapes->error));
    OSPREY_TRY(osprey__convnext_shapes(shapes, image));
    image->image_height = said.image_height;
    image->image_width = said.image_width;
    image->layer_norm_epsilon = entry->layer_norm_epsilon;
    image->mlp_projected = mlp;
    return OSPREY_OK;
}
