/* SPDX-License-Identifier: Apache-2.0 */
/* What an osprey_image is inside, for the decoders that fill one and the resize that reads it. */
#ifndef OSPREY_INPUT_IMAGE_OBJECT_H
#define OSPREY_INPUT_IMAGE_OBJECT_H

#include <osprey/image.h>

#include <stddef.h>
#include <stdint.h>

/* Readable bytes behind the last pixel, so that a vector may be loaded from any pixel. */
#define OSPREY__IMAGE_SLACK 64

struct osprey_image {
    size_t width;
    size_t height;
    uint8_t *rgb; /* osprey__aligned_alloc'd; height * width * 3 and OSPREY__IMAGE_SLACK bytes */
};

/*
 * An image whose pixels are yet to be written; the slack is zero.
 * Errors: OSPREY_FORMAT (no pixels), OSPREY_LIMIT (more than max_pixels), OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__image_create(size_t width, size_t height, size_t max_pixels,
                                   osprey_image **image, osprey_error *error);

/*
 * Turns and mirrors *image as EXIF's orientation (1 to 8; others are taken for 1) asks for, so
 * that it stands upright. *image is replaced by another object where that is needed.
 */
osprey_status osprey__image_orient(osprey_image **image, unsigned orientation, osprey_error *error);

#endif
