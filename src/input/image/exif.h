/* SPDX-License-Identifier: Apache-2.0 */
/* EXIF (CIPA DC-008), as far as the orientation. */
#ifndef OSPREY_INPUT_IMAGE_EXIF_H
#define OSPREY_INPUT_IMAGE_EXIF_H

#include <stddef.h>

/*
 * The orientation, 1 to 8, in length hostile bytes: a TIFF structure, also with "Exif\0\0" in
 * front. 1 where there is none or where the structure is damaged.
 */
unsigned osprey__exif_orientation(const void *bytes, size_t length);

#endif
