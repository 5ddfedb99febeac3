/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classification head behind an image tower: a linear from embeddings, not normalised, to the
 * logits of classes. It stays in fp32 in every precision. Any thread may call.
 */
#ifndef OSPREY_MODEL_CLASS_HEAD_H
#define OSPREY_MODEL_CLASS_HEAD_H

#include "model/model_data.h"

#include <stddef.h>

#define OSPREY__HEAD_SECTION "head" /* of an engine: the rows, then the biases, as floats */

/* Checks the head's arrays, and that the model's used, one an array, are marked. */
osprey_status osprey__class_head_check(const osprey_model *model, bool *used, osprey_error *error);

/* The kernel [embed_dim][classes] and the bias [classes] of an opened model that is no engine. */
typedef struct osprey__class_head {
    const osprey__tensor *kernel, *bias;
} osprey__class_head;
osprey__class_head osprey__class_head_find(const osprey_model *model);

/* Floats of a head's rows and biases. */
size_t osprey__class_head_floats(const osprey__model_config *config);

/*
 * Writes the rows [classes][embed_dim], then the biases [classes], of an opened model that has
 * config.head_classes of them.
 */
void osprey__class_head_read(const osprey_model *model, float *rows_and_biases);

#endif
