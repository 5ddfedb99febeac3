/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a file format. Each decodes length hostile bytes into a new *image and tells the
 * EXIF orientation, 1 where there is none. The caller turns the image, and frees it.
 */
#ifndef OSPREY_INPUT_IMAGE_DECODERS_H
#define OSPREY_INPUT_IMAGE_DECODERS_H

#include <osprey/image.h>

#include <stddef.h>
#include <stdint.h>

typedef struct osprey__decode_request {
    size_t max_pixels; /* of the picture in the file */
    bool ignore_exif;  /* the image will not be turned */
    bool exact;        /* the samples are to be the file's pixels */
    /* What the upright image is for: a decoder may leave out samples that this does not need, and
     * unless `exact` make fewer samples of the pixels. NULL: nothing is left out. */
    const osprey_preprocessing *preprocessing;
} osprey__decode_request;

typedef osprey_status osprey__image_decoder(const uint8_t *bytes, size_t length,
                                            const osprey__decode_request *request,
                                            osprey_image **image, unsigned *orientation,
                                            osprey_error *error);

osprey__image_decoder osprey__jpeg_decode;
osprey__image_decoder osprey__png_decode;
osprey__image_decoder osprey__webp_decode;

#endif
