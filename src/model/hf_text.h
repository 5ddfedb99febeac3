/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text towers that OpenCLIP takes from transformers (HFTextEncoder: tensors text.transformer.*, and
 * text.proj.* where a projection is put behind), by the names of their models on Hugging Face:
 * those of RoBERTa (Liu et al., 2019) and XLM-RoBERTa (Conneau et al., 2020). A name tells what
 * leaves no trace in the weights, such as the width of heads; sizes are those of the weights. Any
 * thread may call.
 */
#ifndef OSPREY_MODEL_HF_TEXT_H
#define OSPREY_MODEL_HF_TEXT_H

#include "format/model_config.h"
#include "format/weights.h"

#include <osprey/error.h>

/* What every RoBERTa has, XLM-RoBERTa too. */
#define OSPREY__ROBERTA_FIRST_POSITION (OSPREY__ROBERTA_PADDING + 1)
#define OSPREY__ROBERTA_HEAD_WIDTH     64
#define OSPREY__ROBERTA_NORM_EPSILON   1e-5F

/* Whether the weights are those of such a tower in OpenCLIP. */
bool osprey__is_hf_text(const osprey__weights *weights);

/*
 * Completes a configuration whose text tower has a name of Hugging Face's. Errors:
 * OSPREY_UNSUPPORTED (an architecture, a pooler or a projection that osprey does not have; what it
 * has is named), OSPREY_NOT_FOUND, OSPREY_FORMAT (the weights are no such tower's), OSPREY_LIMIT.
 */
osprey_status osprey__hf_text_config(const osprey__weights *weights, osprey__model_config *config,
                                     osprey_error *error);

#endif
