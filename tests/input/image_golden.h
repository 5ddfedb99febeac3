/* SPDX-License-Identifier: Apache-2.0 */
/* tests/golden/images, as make_image_golden.py wrote it. */
#ifndef OSPREY_TESTS_IMAGE_GOLDEN_H
#define OSPREY_TESTS_IMAGE_GOLDEN_H

#include <osprey/image.h>

#include <jansson.h>
#include <stddef.h>

typedef struct image_golden {
    json_t *cases;        /* expect.json */
    unsigned char *bytes; /* expect.bin.gz, unpacked */
    size_t length;
} image_golden;

/* Fails the running test where the files cannot be read. */
image_golden image_golden_load(void);
void image_golden_free(image_golden *golden);

/* The expected bytes of one case, `bytes` many. */
const unsigned char *image_golden_bytes(const image_golden *golden, const json_t *a_case,
                                        size_t bytes);

size_t image_golden_size(const json_t *a_case, const char *key);
const char *image_golden_file(const json_t *a_case);

/* The whole path of a file in the folder. Static storage, one call at a time. */
const char *image_golden_path(const char *file);

/* Decodes a file of the folder, which has to work. The caller frees with osprey_image_free. */
osprey_image *image_golden_open(const char *file, bool ignore_exif);

#endif
