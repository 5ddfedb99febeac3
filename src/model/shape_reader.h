/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of a model, read off the tensors of a weight file that has no configuration. */
#ifndef OSPREY_MODEL_SHAPE_READER_H
#define OSPREY_MODEL_SHAPE_READER_H

#include "format/weights.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct osprey__shape_reader {
    const osprey__weights *weights;
    const char *file; /* what errors name */
    osprey_error *error;
} osprey__shape_reader;

bool osprey__shape_has(const osprey__shape_reader *reader, const char *name);

/* Dimension index of a tensor of that rank. Errors: OSPREY_NOT_FOUND, OSPREY_FORMAT (another rank,
 * or a dimension of 0), OSPREY_LIMIT (more than limit). */
osprey_status osprey__shape_dim(const osprey__shape_reader *reader, const char *name, size_t rank,
                                size_t index, size_t limit, size_t *dim);

/* How many blocks there are: prefix, number from `first`, suffix. */
size_t osprey__shape_blocks(const osprey__shape_reader *reader, const char *prefix, size_t first,
                            const char *suffix);

/*
 * How many blocks there are in each of so many of timm's stages, and returned, in all: prefix,
 * number of the stage, ".blocks.", that of the block, suffix.
 */
size_t osprey__shape_stages(const osprey__shape_reader *reader, const char *prefix,
                            const char *suffix, size_t stages, size_t *blocks);

/* The side of a square of that many; 0 where it is none. */
size_t osprey__shape_square_side(size_t count);

/*
 * Pixels along a side of square images, of which the tensor [1][leading + positions][width] has a
 * position for each patch of that many pixels. Errors: those above, OSPREY_UNSUPPORTED.
 */
osprey_status osprey__shape_image_side(const osprey__shape_reader *reader, const char *name,
                                       size_t leading, size_t patch, size_t *pixels);

#endif
