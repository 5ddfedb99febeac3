/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's weights: named tensors over one or several mapped files (see weight_file.h).
 *
 * Opening maps and checks the files, and reads none of the tensors. Names are exactly those of the
 * file, but for TinyCLIP's checkpoints, whose towers lie in wrappers of training
 * ("_image_encoder.",
 * "_text_encoder." and "_logit_scale.", each perhaps with "module." behind): without these the
 * names are OpenCLIP's. Any thread may call; weights are never changed once they are open.
 *
 *     osprey__weights *weights = NULL;
 *     OSPREY_TRY(osprey__weights_open("clip/model.safetensors", &weights, error));
 *     const osprey__tensor *scale = NULL;
 *     status = osprey__weights_get(weights, "logit_scale", &scale, error);
 *     osprey__weights_free(weights);
 */
#ifndef OSPREY_FORMAT_WEIGHTS_H
#define OSPREY_FORMAT_WEIGHTS_H

#include "format/tensor_table.h"

#include <osprey/error.h>

#include <stddef.h>

typedef struct osprey__weights osprey__weights;

/*
 * path: a weight file, or an index of shards (its name ends in ".index.json") whose files lie
 * beside it. A shard has to exist and to hold what the index says, and no name may be in two. The
 * caller frees *weights with osprey__weights_free. Errors: OSPREY_NOT_FOUND (the missing file is
 * named), and those of osprey__weight_file_open.
 */
osprey_status osprey__weights_open(const char *path, osprey__weights **weights,
                                   osprey_error *error);

/* The tensor of that name, or NULL. */
const osprey__tensor *osprey__weights_find(const osprey__weights *weights, const char *name);

/*
 * The tensor of that name for one who needs it: OSPREY_NOT_FOUND names the tensor and the file,
 * OSPREY_UNSUPPORTED its type where osprey does not read it.
 */
osprey_status osprey__weights_get(const osprey__weights *weights, const char *name,
                                  const osprey__tensor **tensor, osprey_error *error);

/* Of the file, or of the first shard. */
osprey__weight_format osprey__weights_format(const osprey__weights *weights);

/* All tensors, sorted by name. */
const osprey__tensor *osprey__weights_tensors(const osprey__weights *weights, size_t *count);

/* The paths of the files: the index first where there is one, then what is mapped. */
const char *const *osprey__weights_files(const osprey__weights *weights, size_t *count);

/* Takes NULL. */
void osprey__weights_free(osprey__weights *weights);

#endif
