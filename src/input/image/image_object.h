/* SPDX-License-Identifier: Apache-2.0 */
/* What an osprey_image is inside, for the decoders that fill one and the resize that reads it. */
#ifndef OSPREY_INPUT_IMAGE_OBJECT_H
#define OSPREY_INPUT_IMAGE_OBJECT_H

#include <osprey/image.h>

#include <stddef.h>
#include <stdint.h>

/* Readable bytes behind the last pixel, so that a vector may be loaded from any pixel. */
#define OSPREY__IMAGE_SLACK 64

/*
 * One direction of an image. A decoder may make fewer samples of the file's pixels, and keep only
 * some of these: for the resize it then matters where they lie.
 */
typedef struct osprey__image_side {
    size_t pixels;     /* in the file */
    size_t samples;    /* of the whole picture as it is decoded */
    double begin, end; /* of the picture, in samples: 0 and `samples`, less what hangs over */
    size_t first;      /* sample in memory */
    size_t count;      /* of samples in memory */
} osprey__image_side;

struct osprey_image {
    osprey__image_side x, y; /* whole sides, unless it was decoded for a crop */
    uint8_t *rgb; /* osprey__aligned_alloc'd; y.count * x.count * 3 and OSPREY__IMAGE_SLACK bytes */
};

/* A side of which scale pixels become one sample; all of them in memory. */
osprey__image_side osprey__image_side_of(size_t pixels, unsigned scale);

/* Errors: OSPREY_FORMAT (no pixels), OSPREY_LIMIT (more than max_pixels). */
osprey_status osprey__image_check_size(size_t width, size_t height, size_t max_pixels,
                                       osprey_error *error);

/* Part of an image, whose pixels are yet to be written. Errors: OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__image_create_part(const osprey__image_side *x, const osprey__image_side *y,
                                        osprey_image **image, osprey_error *error);

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

/* The sides of what the file holds become those of the upright image, and the other way. */
void osprey__image_sides_turn(unsigned orientation, osprey__image_side *x, osprey__image_side *y);
void osprey__image_sides_turn_back(unsigned orientation, osprey__image_side *x,
                                   osprey__image_side *y);

#endif
