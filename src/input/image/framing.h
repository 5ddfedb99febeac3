/* SPDX-License-Identifier: Apache-2.0 */
/* Where a picture ends up in a model's input: how large it becomes, and what the crop keeps. */
#ifndef OSPREY_INPUT_IMAGE_FRAMING_H
#define OSPREY_INPUT_IMAGE_FRAMING_H

#include <osprey/image.h>

/* One direction of the way from the picture to the model's input. */
typedef struct osprey__frame_side {
    size_t in;      /* pixels of the picture */
    size_t resized; /* after the resize */
    size_t out;     /* the model's input */
    size_t first;   /* of the resized samples, the first that is kept */
    size_t kept;    /* how many, at least 1 */
    size_t before;  /* padding in front of them; what is missing at the end is padding too */
} osprey__frame_side;

typedef struct osprey__framing {
    osprey__frame_side x, y;
} osprey__framing;

/* Of an upright picture. Errors: OSPREY_INVALID_ARGUMENT. */
osprey_status osprey__framing_find(size_t width, size_t height,
                                   const osprey_preprocessing *preprocessing,
                                   osprey__framing *framing, osprey_error *error);

#endif
