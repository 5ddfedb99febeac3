/* SPDX-License-Identifier: Apache-2.0 */
#include "model/timm_trunks.h"

#include "base/status.h"

#include <string.h>

static const osprey__timm_entry entries[] = {
#define OSPREY__TIMM_ENTRY(...) {__VA_ARGS__},
#define OSPREY__TIMM_EVA(timm_name, width, branch, side)                                           \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_eva, .head_width = width,           \
                       .branch_norm = branch, .rotary_side = side)
#define OSPREY__TIMM_PE(timm_name, width, side, first)                                             \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_pe, .head_width = width,            \
                       .rotary_side = side, .rotary_first = first)
#define OSPREY__TIMM_FASTVIT(timm_name, width, stage_count)                                        \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_fastvit, .head_width = width,       \
                       .stages = stage_count)
#define OSPREY__TIMM_CONV_STEM_VIT(timm_name, width)                                               \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_conv_stem_vit, .head_width = width)
#define OSPREY__TIMM_CLIP_VIT(timm_name, width)                                                    \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_clip_vit, .head_width = width)
#define OSPREY__TIMM_SIGLIP(timm_name, width, act)                                                 \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_siglip, .head_width = width,        \
                       .activation = OSPREY_ACTIVATION_##act)
#define OSPREY__TIMM_CONVNEXT(timm_name, epsilon)                                                  \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_convnext,                           \
                       .layer_norm_epsilon = epsilon)
#define OSPREY__TIMM_VITAMIN(timm_name, width, without_positions)                                  \
    OSPREY__TIMM_ENTRY(.name = timm_name, .read = osprey__read_vitamin, .head_width = width,       \
                       .unplaced = without_positions)
#include "model/timm_trunks.def"
#undef OSPREY__TIMM_EVA
#undef OSPREY__TIMM_PE
#undef OSPREY__TIMM_FASTVIT
#undef OSPREY__TIMM_CONV_STEM_VIT
#undef OSPREY__TIMM_CLIP_VIT
#undef OSPREY__TIMM_SIGLIP
#undef OSPREY__TIMM_CONVNEXT
#undef OSPREY__TIMM_VITAMIN
#undef OSPREY__TIMM_ENTRY
};

#define ENTRIES (sizeof entries / sizeof *entries)

osprey_status osprey__timm_check_use(const osprey__model_config *config, const char *pool,
                                     const char *proj, osprey_error *error)
{
    const osprey__timm_trunk *trunk = &config->trunk;
    const char *quote = *proj ? "\"" : "";
    if (strcmp(trunk->pool, pool) == 0 && strcmp(trunk->proj, proj) == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, config->file,
                        "\"timm_pool\" is \"%s\" and \"timm_proj\" \"%s\"; of %s osprey has the "
                        "published form, \"%s\" and %s%s%s",
                        trunk->pool, trunk->proj, trunk->name, pool, quote, *proj ? proj : "null",
                        quote);
}

osprey_status osprey__timm_heads(const osprey__shape_reader *shapes,
                                 const osprey__timm_entry *entry, size_t width, size_t *heads)
{
    *heads = width / entry->head_width;
    if (width % entry->head_width == 0) return OSPREY_OK;
    return osprey__fail(shapes->error, OSPREY_FORMAT, shapes->file,
                        "the image tower is %zu wide, which the heads of %s, %zu wide, do not "
                        "divide",
                        width, entry->name, entry->head_width);
}

osprey_status osprey__timm_check_size(const osprey__model_config *config, size_t cell,
                                      osprey_error *error)
{
    const osprey__image_config *image = &config->image;
    if (image->image_height % cell == 0 && image->image_width % cell == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, config->file,
                        "\"image_size\" is %zu x %zu; multiples of %zu would be right for %s",
                        image->image_height, image->image_width, cell, config->trunk.name);
}

/* By families: all names would be longer than a message. */
static osprey_status fail_unknown(const char *name, const char *file, osprey_error *error)
{
    return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                        "\"timm_model_name\" is \"%s\"; of timm's image towers osprey has those of "
                        "EVA CLIP (eva_*, eva02_*), MobileCLIP (fastvit_mci*, vit_base_mci_224), "
                        "ConvNeXt (convnext_*), the Perception Encoder (vit_pe_core_*), ViTamin "
                        "(vitamin_*), SigLIP (vit_*_siglip_*) and vit_large_patch14_clip_224",
                        name);
}

osprey_status osprey__timm_trunk_config(const osprey__weights *weights,
                                        osprey__model_config *config, osprey_error *error)
{
    size_t count;
    const osprey__shape_reader shapes = {weights, osprey__weights_files(weights, &count)[0], error};
    for (size_t i = 0; i < ENTRIES; i++)
        if (strcmp(entries[i].name, config->trunk.name) == 0)
            return entries[i].read(&shapes, &entries[i], config);
    return fail_unknown(config->trunk.name, config->file, error);
}
