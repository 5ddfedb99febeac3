/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a weight file without a configuration tells of its model: the family by the tensors' names,
 * the shapes by the tensors' shapes, as OpenAI's build_model (github.com/openai/CLIP,
 * clip/model.py) finds them. The activation leaves no trace in a shape: OpenAI's weights are
 * QuickGELU, and of any others one published architecture has to fit. Any thread may call.
 */
#ifndef OSPREY_MODEL_BARE_WEIGHTS_H
#define OSPREY_MODEL_BARE_WEIGHTS_H

#include "format/model_config.h"
#include "format/weights.h"

#include <osprey/error.h>

#include <stdbool.h>

/* Whether the names are those of transformers' CLIPModel, ChineseCLIPModel or BertModel. */
bool osprey__has_huggingface_names(const osprey__weights *weights);

/*
 * The configuration, and in *reason how it was found (static storage). arch: OpenCLIP's name of
 * the architecture, or NULL to find it. config->file is the architecture's name where it has one.
 * Errors: OSPREY_NOT_FOUND (no such arch), OSPREY_UNSUPPORTED (towers that osprey lacks, or more or
 * less than one architecture fits: what is needed is named), OSPREY_FORMAT (shapes that are no
 * model's), OSPREY_LIMIT.
 */
osprey_status osprey__bare_weights_config(const osprey__weights *weights, const char *arch,
                                          osprey__model_config *config, const char **reason,
                                          osprey_error *error);

#endif
