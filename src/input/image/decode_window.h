/* SPDX-License-Identifier: Apache-2.0 */
/* What of a picture is worth decoding, for decoders that can leave work out. */
#ifndef OSPREY_INPUT_IMAGE_DECODE_WINDOW_H
#define OSPREY_INPUT_IMAGE_DECODE_WINDOW_H

#include "input/image/image_decoders.h"
#include "input/image/image_object.h"

typedef struct osprey__decode_window {
    unsigned scale;          /* 1, 2, 4 or 8 pixels in a row make one sample */
    osprey__image_side x, y; /* first and count: the samples that are needed */
} osprey__decode_window;

/*
 * Of a picture of width x height pixels that stands in the file as orientation says; the window's
 * sides are the file's, too. Errors: those of the preprocessing, as in osprey_image_preprocess.
 */
osprey_status osprey__decode_window_find(size_t width, size_t height, unsigned orientation,
                                         const osprey__decode_request *request,
                                         osprey__decode_window *window, osprey_error *error);

#endif
