/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Position embeddings for images of another size than a model was trained with: the grid of its
 * patches' positions resized, as the library does whose weights these are.
 *
 *     osprey__model_set_image_size(model, 336, error);                     // when it is opened
 *     position = osprey__build_positions(builder, name, 2, 1, patch_size); // in its graph
 */
#ifndef OSPREY_MODEL_POSITION_GRID_H
#define OSPREY_MODEL_POSITION_GRID_H

#include "model/tower_builder.h"

#define OSPREY__RESNET_CELL 32 /* pixels along a side of a position of a modified ResNet's pool */

/* How an axis of a grid is resampled. */
typedef enum osprey__grid_filter {
    OSPREY__GRID_LINEAR,       /* from corner to corner: scipy.ndimage.zoom of order 1, as
                                  google-research/vision_transformer has it */
    OSPREY__GRID_CUBIC,        /* -0.75, no wider where the grid shrinks: torch's interpolate, as
                                  transformers calls it */
    OSPREY__GRID_CUBIC_SMOOTH, /* -0.5, wider where it shrinks: with antialias, as open_clip does */
    OSPREY__GRID_LINEAR_SMOOTH /* bilinear, wider where it shrinks: the same, as transformers has it
                                  for SigLIP 2 of variable resolution */
} osprey__grid_filter;

/* One axis: `from` weights, whose sum is 1, of which output i of `to` is made. */
void osprey__grid_weights_of(osprey__grid_filter filter, size_t from, size_t to, size_t i,
                             float *weights);

/* All of its outputs, [to][from]. */
void osprey__grid_weights(osprey__grid_filter filter, size_t from, size_t to, float *weights);

/*
 * Makes a model, opened so far that its configuration is known, take images of size x size pixels:
 * its preprocessing resizes and crops in proportion. Errors: OSPREY_INVALID_ARGUMENT (no image
 * tower, or one that is made for its number of patches or for pictures of any size; no multiple of
 * the patches' size; an engine of another size).
 */
osprey_status osprey__model_set_image_size(osprey_model *model, size_t size, osprey_error *error);

/*
 * The tensor of that name, [leading + patches][width], or of rank 3 with a 1 in front, as the image
 * tower's size has it: the leading rows, those of no patch, stay as they are. cell: pixels along a
 * side of what has one position. Counts the parameters that there are in the tensor.
 */
osprey__value_id osprey__build_positions(osprey__tower_builder *builder, const char *name,
                                         size_t rank, size_t leading, size_t cell, size_t width);

#endif
