/* SPDX-License-Identifier: Apache-2.0 */
/* MobileCLIP's image towers in OpenCLIP's files, of which timm_trunks.h reads the sizes: names and
 * constants. */
#ifndef OSPREY_MODEL_MOBILE_WEIGHTS_H
#define OSPREY_MODEL_MOBILE_WEIGHTS_H

#include "format/model_config.h"
#include "model/shape_reader.h"

#define OSPREY__MOBILE_TRUNK        "visual.trunk."
#define OSPREY__FASTVIT_CONV_STAGES 3 /* the stages behind them have attention */

/* Of the layer norms before attention, which towers of five stages have. */
#define OSPREY__FASTVIT_NORM_EPSILON 1e-5F

static inline size_t osprey__fastvit_stages(const osprey__image_config *image)
{
    size_t stages = 0;
    while (stages < OSPREY_STAGES_MAX && image->stage_layers[stages]) stages++;
    return stages;
}

/* Pixels, along a side, of a position of the last of so many stages: the stem and each stage but
 * the first halve twice, and once. */
static inline size_t osprey__fastvit_cell(size_t stages)
{
    return (size_t)2 << stages;
}

/* Whether visual.trunk is one of MobileCLIP's. */
bool osprey__is_mobile(const osprey__weights *weights);

/*
 * Sizes: all but heads, and what goes with the kind. A FastViT takes images of many sizes; it is
 * that of all that were published. Errors: OSPREY_NOT_FOUND, OSPREY_FORMAT, OSPREY_LIMIT,
 * OSPREY_UNSUPPORTED (positions of no square).
 */
osprey_status osprey__mobile_shapes(const osprey__shape_reader *shapes,
                                    osprey__image_config *image);

#endif
