/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function a file format. Each decodes length hostile bytes into a new *image of at most
 * max_pixels and tells the EXIF orientation, 1 where there is none. The caller frees *image.
 */
#ifndef OSPREY_INPUT_IMAGE_DECODERS_H
#define OSPREY_INPUT_IMAGE_DECODERS_H

#include <osprey/image.h>

#include <stddef.h>
#include <stdint.h>

typedef osprey_status osprey__image_decoder(const uint8_t *bytes, size_t length, size_t max_pixels,
                                            osprey_image **image, unsigned *orientation,
                                            osprey_error *error);

osprey__image_decoder osprey__jpeg_decode;
osprey__image_decoder osprey__png_decode;
osprey__image_decoder osprey__webp_decode;

#endif
