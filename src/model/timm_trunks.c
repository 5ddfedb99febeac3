/* SPDX-License-Identifier: Apache-2.0 */
#include "model/timm_trunks.h"

#include "base/status.h"

#include <string.h>

static const osprey__timm_entry entries[] = {
#define OSPREY__TIMM_EVA(name, head_width, branch_norm, rotary_side)                               \
    {name, osprey__read_eva, head_width, branch_norm, rotary_side, 0, OSPREY_ACTIVATION_GELU, 0},
#define OSPREY__TIMM_PLAIN(name, reader, head_width, stages, activation)                           \
    {name, reader, head_width, false, 0, stages, OSPREY_ACTIVATION_##activation, 0},
#define OSPREY__TIMM_FASTVIT(name, head_width, stages)                                             \
    OSPREY__TIMM_PLAIN(name, osprey__read_fastvit, head_width, stages, GELU)
#define OSPREY__TIMM_CONV_STEM_VIT(name, head_width)                                               \
    OSPREY__TIMM_PLAIN(name, osprey__read_conv_stem_vit, head_width, 0, GELU)
#define OSPREY__TIMM_CLIP_VIT(name, head_width)                                                    \
    OSPREY__TIMM_PLAIN(name, osprey__read_clip_vit, head_width, 0, GELU)
#define OSPREY__TIMM_SIGLIP(name, head_width, activation)                                          \
    OSPREY__TIMM_PLAIN(name, osprey__read_siglip, head_width, 0, activation)
#define OSPREY__TIMM_CONVNEXT(name, epsilon)                                                       \
    {name, osprey__read_convnext, 0, false, 0, 0, OSPREY_ACTIVATION_GELU, epsilon},
#include "model/timm_trunks.def"
#undef OSPREY__TIMM_EVA
#undef OSPREY__TIMM_FASTVIT
#undef OSPREY__TIMM_CONV_STEM_VIT
#undef OSPREY__TIMM_CLIP_VIT
#undef OSPREY__TIMM_SIGLIP
#undef OSPREY__TIMM_CONVNEXT
#undef OSPREY__TIMM_PLAIN
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
                        "ConvNeXt (convnext_*), SigLIP (vit_*_siglip_*) and "
                        "vit_large_patch14_clip_224",
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
