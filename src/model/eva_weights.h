/* SPDX-License-Identifier: Apache-2.0 */
/* What the tensors of an EVA or of a Perception Encoder (both timm's Eva, in OpenCLIP's files) tell
 * of it. Any thread may call. */
#ifndef OSPREY_MODEL_EVA_WEIGHTS_H
#define OSPREY_MODEL_EVA_WEIGHTS_H

#include "format/model_config.h"
#include "model/shape_reader.h"

#include <osprey/error.h>

#include <stdbool.h>

#define OSPREY__PE_POOL_HEADS 8 /* of every Perception Encoder's attention pool */

/* Whether visual.trunk is an EVA, whose attention has biases for queries and values, none for keys,
 * or a Perception Encoder, with a norm before its blocks and an attention pool behind them. */
bool osprey__is_eva(const osprey__weights *weights);

/*
 * Sizes, and the activation, which the layers of the MLP tell: all but heads, the place of the
 * norms and the rotary grid. kind tells which of the two it is. Errors: OSPREY_NOT_FOUND,
 * OSPREY_FORMAT, OSPREY_LIMIT, OSPREY_UNSUPPORTED (positions of no square).
 */
osprey_status osprey__eva_shapes(const osprey__shape_reader *shapes, osprey__image_config *image);

#endif
