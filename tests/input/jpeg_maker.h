/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG files of gradients, in memory. */
#ifndef OSPREY_TESTS_JPEG_MAKER_H
#define OSPREY_TESTS_JPEG_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct jpeg_recipe {
    size_t width, height;
    int components;   /* 1: grey, 3: YCbCr, 4: CMYK */
    int across, down; /* pixels that share a colour; 1, 2 or 4 */
    bool progressive;
    unsigned restart_interval; /* blocks; 0: none */
    unsigned orientation;      /* EXIF's; 0: no EXIF */
    bool smooth;               /* no waves and no noise */
    uint32_t seed;
} jpeg_recipe;

/* The caller frees *bytes with free. */
void jpeg_make(const jpeg_recipe *recipe, unsigned char **bytes, size_t *length);

#endif
