/* SPDX-License-Identifier: Apache-2.0 */
#include "image_golden.h"

#include "base/json.h"
#include "base/memory.h"
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define FOLDER OSPREY_TEST_DIR "/golden/images/"

image_golden image_golden_load(void)
{
    image_golden golden = {0};
    osprey_error error = {0};
    osprey__json_read(FOLDER "expect.json", (size_t)1 << 24, &golden.cases, &error);
    if (!golden.cases) fail_msg("%s: %s", error.subject, error.message);
    gzFile file = gzopen(FOLDER "expect.bin.gz", "rb");
    assert_non_null(file);
    const size_t capacity = (size_t)16 << 20;
    golden.bytes = osprey__calloc(capacity, 1);
    assert_non_null(golden.bytes);
    int got = gzread(file, golden.bytes, (unsigned)capacity);
    assert_in_range(got, 1, capacity - 1);
    golden.length = (size_t)got;
    gzclose(file);
    return golden;
}

void image_golden_free(image_golden *golden)
{
    json_decref(golden->cases);
    osprey__free(golden->bytes);
}

size_t image_golden_size(const json_t *a_case, const char *key)
{
    const json_t *value = json_object_get(a_case, key);
    if (!json_is_integer(value)) fail_msg("a case has no number \"%s\"", key);
    return (size_t)json_integer_value(value);
}

const unsigned char *image_golden_bytes(const image_golden *golden, const json_t *a_case,
                                        size_t bytes)
{
    size_t offset = image_golden_size(a_case, "offset");
    assert_true(offset <= golden->length && bytes <= golden->length - offset);
    return golden->bytes + offset;
}

const char *image_golden_file(const json_t *a_case)
{
    return json_string_value(json_object_get(a_case, "file"));
}

const char *image_golden_path(const char *file)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s%s", FOLDER, file);
    return path;
}

osprey_image *image_golden_open(const char *file, bool ignore_exif)
{
    osprey_image_options options = {.ignore_exif = ignore_exif};
    osprey_image *image = NULL;
    osprey_error error = {0};
    if (osprey_image_open(image_golden_path(file), &options, &image, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return image;
}
