/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an .npz of LiT tells of its model (Zhai et al., "LiT: Zero-Shot Transfer with Locked-image
 * text Tuning", 2022; google-research/vision_transformer, vit_jax/models_lit.py): a ViT under
 * "img/", flaxformer's BertEncoder and a layer to the embedding's width under "txt/", and the
 * temperature "t". Any thread may call.
 */
#ifndef OSPREY_MODEL_LIT_WEIGHTS_H
#define OSPREY_MODEL_LIT_WEIGHTS_H

#include "format/model_config.h"
#include "format/weights.h"
#include "model/tensor_names.h"

#include <osprey/error.h>

#include <stdbool.h>

/* Whether the arrays are those of two towers. */
bool osprey__is_lit(const osprey__weights *weights);

/*
 * The configuration, and the arrays' names. Every width is that of the arrays; what leaves no trace
 * in a shape is as that code has it: heads of 64, texts of 16 tokens, epsilons, activations.
 * Errors: OSPREY_UNSUPPORTED (text towers other than BERT, heads that 64 does not divide),
 * OSPREY_NOT_FOUND and OSPREY_FORMAT (the array is named), OSPREY_LIMIT.
 */
osprey_status osprey__lit_weights_config(const osprey__weights *weights,
                                         osprey__model_config *config,
                                         const osprey__layout_names **names, osprey_error *error);

#endif
