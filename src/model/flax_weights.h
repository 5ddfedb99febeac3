/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an .npz of google-research/vision_transformer tells of its model (Dosovitskiy et al., 2021;
 * Steiner et al., 2022): everything, by the arrays' names and shapes. Such models have an image
 * tower and a classification head, and no text tower. Any thread may call.
 */
#ifndef OSPREY_MODEL_FLAX_WEIGHTS_H
#define OSPREY_MODEL_FLAX_WEIGHTS_H

#include "format/model_config.h"
#include "format/weights.h"
#include "model/shape_reader.h"
#include "model/tensor_names.h"

#include <osprey/error.h>

/*
 * The configuration; config->file is "the rest of the file". Pixels are scaled to -1 to 1, as that
 * code does it. Errors: OSPREY_UNSUPPORTED (another model's arrays, or a family that osprey lacks),
 * OSPREY_NOT_FOUND and OSPREY_FORMAT (the array is named), OSPREY_LIMIT.
 */
osprey_status osprey__flax_weights_config(const osprey__weights *weights,
                                          osprey__model_config *config, osprey_error *error);

/* A ViT of those names, which may stand behind a ResNet; its pre_logits are left to the caller.
 * Errors: OSPREY_NOT_FOUND, OSPREY_FORMAT, OSPREY_UNSUPPORTED, OSPREY_LIMIT. */
osprey_status osprey__flax_read_vit(const osprey__shape_reader *reader,
                                    const osprey__layout_names *names, osprey__image_config *image);

/* As that code prepares images to be classified: squeezed to the model's size, -1 to 1. */
osprey_preprocessing osprey__flax_preprocessing(size_t size);

#endif
