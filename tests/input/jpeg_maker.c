/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_maker.h"

#include <stdio.h>
#include <stdlib.h>

/* After stdio.h, which it needs and does not include. */
#include <jpeglib.h>

static uint8_t sample(const jpeg_recipe *recipe, size_t x, size_t y, int component,
                      uint32_t *random)
{
    *random = *random * 1664525U + 1013904223U;
    size_t slope = component % 2 ? y * 255 / recipe->height : x * 255 / recipe->width;
    if (recipe->smooth) return (uint8_t)slope;
    size_t waves = (x * 5 + y * 3 + 40 * (size_t)component) % 128;
    return (uint8_t)((slope + waves) / 2 + (*random >> 27));
}

static void write_exif(struct jpeg_compress_struct *jpeg, unsigned orientation)
{
    uint8_t exif[] = {'E',  'x',  'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0,
                      0x12, 0x01, 3,   0,   1, 0, 0,   0,   0,  0, 0, 0, 0, 0, 0, 0};
    exif[24] = (uint8_t)orientation;
    jpeg_write_marker(jpeg, JPEG_APP0 + 1, exif, sizeof exif);
}

void jpeg_make(const jpeg_recipe *recipe, unsigned char **bytes, size_t *length)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;
    *bytes = NULL;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, bytes, &size);
    jpeg.image_width = (JDIMENSION)recipe->width;
    jpeg.image_height = (JDIMENSION)recipe->height;
    jpeg.input_components = recipe->components;
    jpeg.in_color_space = recipe->components == 1   ? JCS_GRAYSCALE
                          : recipe->components == 3 ? JCS_RGB
                                                    : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 90, TRUE);
    jpeg.comp_info[0].h_samp_factor = recipe->across;
    jpeg.comp_info[0].v_samp_factor = recipe->down;
    jpeg.restart_interval = recipe->restart_interval;
    if (recipe->progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (recipe->orientation) write_exif(&jpeg, recipe->orientation);
    size_t row_bytes = recipe->width * (size_t)recipe->components;
    uint8_t *row = malloc(row_bytes);
    if (!row) abort();
    uint32_t random = recipe->seed;
    for (size_t y = 0; y < recipe->height; y++) {
        for (size_t i = 0; i < row_bytes; i++)
            row[i] = sample(recipe, i / (size_t)recipe->components, y,
                            (int)(i % (size_t)recipe->components), &random);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    *length = size;
}
