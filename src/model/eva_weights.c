/* SPDX-License-Identifier: Apache-2.0 */
#include "model/eva_weights.h"

#include "base/status.h"
#include "model/timm_trunks.h"

#define TRUNK "visual.trunk."
#define BLOCK TRUNK "blocks.0."

static bool is_pe(const osprey__weights *weights)
{
    return osprey__weights_find(weights, TRUNK "norm_pre.weight") &&
           osprey__weights_find(weights, TRUNK "attn_pool.latent");
}

bool osprey__is_eva(const osprey__weights *weights)
{
    const bool separate = osprey__weights_find(weights, BLOCK "attn.q_proj.bias") &&
                          !osprey__weights_find(weights, BLOCK "attn.k_proj.bias");
    return is_pe(weights) || (osprey__weights_find(weights, TRUNK "cls_token") &&
                              (separate || osprey__weights_find(weights, BLOCK "attn.q_bias")));
}

static osprey_status read_sizes(const osprey__shape_reader *shapes, osprey__image_config *image)
{
    static const char patch[] = TRUNK "patch_embed.proj.weight";
    const bool gated = osprey__shape_has(shapes, BLOCK "mlp.fc1_g.weight");
    const size_t widest = OSPREY__CONFIG_WIDTH_MAX;
    image->activation = gated ? OSPREY_ACTIVATION_SILU : OSPREY_ACTIVATION_GELU;
    OSPREY_TRY(osprey__shape_dim(shapes, patch, 4, 0, widest, &image->width));
    OSPREY_TRY(
        osprey__shape_dim(shapes, patch, 4, 3, OSPREY__CONFIG_IMAGE_MAX, &image->patch_size));
    OSPREY_TRY(osprey__shape_dim(shapes, gated ? BLOCK "mlp.fc1_g.weight" : BLOCK "mlp.fc1.weight",
                                 2, 0, widest, &image->mlp_width));
    OSPREY_TRY(osprey__shape_image_side(shapes, TRUNK "pos_embed",
                                        osprey__shape_has(shapes, TRUNK "cls_token"),
                                        image->patch_size, &image->image_height));
    image->layers = osprey__shape_blocks(shapes, TRUNK "blocks.", 0, ".norm1.weight");
    image->image_width = image->image_height;
    return OSPREY_OK;
}

static osprey_status read_eva_sizes(const osprey__shape_reader *shapes, osprey__image_config *image)
{
    *image = (osprey__image_config){.kind = OSPREY__IMAGE_EVA, .layer_norm_epsilon = 1e-6F};
    return read_sizes(shapes, image);
}

static osprey_status read_pe_sizes(const osprey__shape_reader *shapes, osprey__image_config *image)
{
    *image = (osprey__image_config){
        .kind = OSPREY__IMAGE_PE, .layer_norm_epsilon = 1e-5F, .pool_heads = OSPREY__PE_POOL_HEADS};
    OSPREY_TRY(osprey__shape_dim(shapes, TRUNK "attn_pool.mlp.fc1.weight", 2, 0,
                                 OSPREY__CONFIG_WIDTH_MAX, &image->pool_mlp_width));
    return read_sizes(shapes, image);
}

osprey_status osprey__eva_shapes(const osprey__shape_reader *shapes, osprey__image_config *image)
{
    return (is_pe(shapes->weights) ? read_pe_sizes : read_eva_sizes)(shapes, image);
}

/* What the entry says, beside sizes that are those of the configuration. */
static osprey_status complete(const osprey__shape_reader *shapes, const osprey__timm_entry *entry,
                              const osprey__image_config *said, osprey__model_config *config)
{
    osprey__image_config *image = &config->image;
    if (said->image_height != image->image_height || said->image_width != image->image_width)
        return osprey__fail(shapes->error, OSPREY_FORMAT, config->file,
                            "\"image_size\" is %zu x %zu, but the positions in the weights are "
                            "those of %zu x %zu pixels",
                            said->image_height, said->image_width, image->image_height,
                            image->image_width);
    image->branch_norm = entry->branch_norm;
    image->rotary_side = entry->rotary_side;
    image->rotary_first = entry->rotary_first;
    return osprey__timm_heads(shapes, entry, image->width, &image->heads);
}

osprey_status osprey__read_eva(const osprey__shape_reader *shapes, const osprey__timm_entry *entry,
                               osprey__model_config *config)
{
    const osprey__image_config said = config->image;
    OSPREY_TRY(osprey__timm_check_use(config, "token", "", shapes->error));
    OSPREY_TRY(read_eva_sizes(shapes, &config->image));
    return complete(shapes, entry, &said, config);
}

osprey_status osprey__read_pe(const osprey__shape_reader *shapes, const osprey__timm_entry *entry,
                              osprey__model_config *config)
{
    const osprey__image_config said = config->image;
    OSPREY_TRY(osprey__timm_check_use(config, "map", "", shapes->error));
    OSPREY_TRY(read_pe_sizes(shapes, &config->image));
    return complete(shapes, entry, &said, config);
}
