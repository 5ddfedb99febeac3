/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image towers that OpenCLIP takes from timm (tensors visual.trunk.*, and visual.head.* where a
 * projection is put behind), by timm's names: timm_trunks.def. A name tells what leaves no trace in
 * the weights, such as the width of heads; sizes are those of the weights. Each family has a file
 * of its own that reads them. Any thread may call.
 */
#ifndef OSPREY_MODEL_TIMM_TRUNKS_H
#define OSPREY_MODEL_TIMM_TRUNKS_H

#include "format/model_config.h"
#include "model/shape_reader.h"

#include <osprey/error.h>

/* What a name says. */
typedef struct osprey__timm_entry osprey__timm_entry;

/* Fills config->image, of which kind of size the configuration has said already. */
typedef osprey_status osprey__timm_reader(const osprey__shape_reader *shapes,
                                          const osprey__timm_entry *entry,
                                          osprey__model_config *config);

struct osprey__timm_entry {
    const char *name;
    osprey__timm_reader *read;
    size_t head_width;
    bool branch_norm;             /* as in osprey__image_config */
    size_t rotary_side;           /* the same */
    size_t rotary_first;          /* the same */
    size_t stages;                /* of a FastViT */
    bool unplaced;                /* as in osprey__image_config */
    osprey_activation activation; /* as in osprey__image_config, where the weights do not tell it */
    float layer_norm_epsilon;     /* the same, of a ConvNeXt */
};

/* For the readers. The trunk is used with this pool and this projection ("": its own head), as in
 * every published model of its family; else OSPREY_UNSUPPORTED. */
osprey_status osprey__timm_check_use(const osprey__model_config *config, const char *pool,
                                     const char *proj, osprey_error *error);

/* The sides of images are multiples of so many pixels: whole patches, or positions of the last
 * stage. Else OSPREY_FORMAT. */
osprey_status osprey__timm_check_size(const osprey__model_config *config, size_t cell,
                                      osprey_error *error);

/* How many of the entry's heads that width has. Errors: OSPREY_FORMAT. */
osprey_status osprey__timm_heads(const osprey__shape_reader *shapes,
                                 const osprey__timm_entry *entry, size_t width, size_t *heads);

/* Entries with this reader: EVA (Fang et al., 2022), EVA-02 (Fang et al., 2023) as in EVA-CLIP (Sun
 * et al., 2023). */
osprey__timm_reader osprey__read_eva;

/* The Perception Encoder (Bolya et al., 2025), for embeddings of whole pictures. */
osprey__timm_reader osprey__read_pe;

/* MobileCLIP's (Vasu et al., 2024; MobileCLIP2: Faghri et al., 2025): FastViT (Vasu et al., 2023),
 * a ViT with a convolutional stem, and CLIP's ViT. */
osprey__timm_reader osprey__read_fastvit, osprey__read_conv_stem_vit, osprey__read_clip_vit;

/* The ViT of SigLIP (Zhai et al., 2023) and SigLIP 2 (Tschannen et al., 2025), beside SigLIP's text
 * tower. */
osprey__timm_reader osprey__read_siglip;

/* ConvNeXt (Liu et al., 2022). */
osprey__timm_reader osprey__read_convnext;

/* ViTamin (Chen et al., 2024). */
osprey__timm_reader osprey__read_vitamin;

/*
 * Completes a configuration whose trunk has a name. Errors: OSPREY_UNSUPPORTED (an architecture, a
 * pool or a projection that osprey does not have; what it has is named), OSPREY_NOT_FOUND,
 * OSPREY_FORMAT (the weights are no such tower's), OSPREY_LIMIT.
 */
osprey_status osprey__timm_trunk_config(const osprey__weights *weights,
                                        osprey__model_config *config, osprey_error *error);

#endif
