/* SPDX-License-Identifier: Apache-2.0 */
/* What the tensors of a ConvNeXt tower (timm's, in OpenCLIP's files) tell of it: names and
 * constants. Any thread may call. */
#ifndef OSPREY_MODEL_CONVNEXT_WEIGHTS_H
#define OSPREY_MODEL_CONVNEXT_WEIGHTS_H

#include "format/model_config.h"
#include "model/shape_reader.h"

#include <osprey/error.h>

#include <stdbool.h>

#define OSPREY__CONVNEXT_TRUNK  "visual.trunk."
#define OSPREY__CONVNEXT_HEAD   "visual.head." /* the projection behind it */
#define OSPREY__CONVNEXT_STAGES 4u             /* each twice as wide as the one before */

/* Pixels, along a side, of a position of the last stage: the stem quarters, the stages behind the
 * first halve. */
#define OSPREY__CONVNEXT_CELL 32u

/* Whether visual.trunk is a ConvNeXt with layer scales; that of version 2 has none. */
bool osprey__is_convnext(const osprey__weights *weights);

/*
 * Sizes: all but those of images, of which it takes many. Errors: OSPREY_NOT_FOUND, OSPREY_FORMAT,
 * OSPREY_LIMIT.
 */
osprey_status osprey__convnext_shapes(const osprey__shape_reader *shapes,
                                      osprey__image_config *image);

#endif
