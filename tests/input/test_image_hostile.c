/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged and oversized pictures: an error or an image, never a crash (run it under ASan). */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "image_golden.h"
#include "input/image/exif.h"
#include "memory_hooks.h"

#include <dirent.h>
#include <string.h>

static const osprey_image_options small = {.max_pixels = 1 << 16};

/* What can be decoded whole can be decoded for a model. */
static void check_decode_pixels(const char *bytes, size_t length,
                                const osprey_image_options *options, osprey_status whole)
{
    static const osprey_preprocessing how = {
        .resize = OSPREY_RESIZE_SHORTEST,
        .resize_height = 8,
        .resample = OSPREY_RESAMPLE_BICUBIC,
        .center_crop = true,
        .crop_height = 8,
        .crop_width = 8,
    };
    float pixels[3 * 8 * 8];
    osprey_error error;
    osprey_status status = osprey_image_decode_pixels(bytes, length, options, &how, pixels, &error);
    if (whole == OSPREY_OK) assert_int_equal(status, OSPREY_OK);
}

/* From a block of exactly length bytes, so that AddressSanitizer sees a read behind it. */
static osprey_status decode_copy(const char *bytes, size_t length,
                                 const osprey_image_options *options, osprey_error *error)
{
    char *copy = osprey__calloc(length, 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    osprey_image *image = NULL;
    osprey_status status = osprey_image_decode(copy, length, options, &image, error);
    check_decode_pixels(copy, length, options, status);
    osprey__free(copy);
    if (status == OSPREY_OK) {
        assert_true(osprey_image_width(image) * osprey_image_height(image) > 0);
        osprey_image_free(image);
    } else {
        assert_null(image);
        assert_int_equal(error->status, status);
        assert_true(strlen(error->message) > 0);
    }
    return status;
}

static size_t damage(const char *file)
{
    char *bytes = NULL;
    size_t length = 0, decoded = 0;
    osprey_error error;
    assert_int_equal(osprey__file_read(image_golden_path(file), 1 << 20, &bytes, &length, &error),
                     OSPREY_OK);
    for (size_t i = 0; i < 24; i++)
        decoded += decode_copy(bytes, length * i / 24, &small, &error) == OSPREY_OK;
    uint32_t random = 12345;
    for (size_t i = 0; i < 80; i++) {
        random = random * 1664525U + 1013904223U;
        /* Half of the flips in the headers, where they do most. */
        size_t at = (random >> 8) % (i % 2 && length > 200 ? 200 : length);
        char mask = (char)(1 << (random >> 5 & 7));
        bytes[at] ^= mask;
        decoded += decode_copy(bytes, length, &small, &error) == OSPREY_OK;
        bytes[at] ^= mask;
    }
    osprey__free(bytes);
    return decoded;
}

static void test_damaged_files(void **state)
{
    (void)state;
    DIR *folder = opendir(image_golden_path(""));
    assert_non_null(folder);
    size_t files = 0, decoded = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, "expect", 6) == 0) continue;
        decoded += damage(entry->d_name);
        files++;
    }
    closedir(folder);
    print_message("%zu of %zu damaged files could be decoded\n", decoded, files * 104);
    assert_true(files > 100);
}

static void test_a_truncated_file_is_refused(void **state)
{
    (void)state;
    const char *const files[] = {"420.jpg", "progressive.jpg", "rgb_8.png", "lossy_opaque.webp",
                                 "lossless_alpha.webp"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *bytes = NULL;
        size_t length = 0;
        osprey_error error;
        osprey__file_read(image_golden_path(files[i]), 1 << 20, &bytes, &length, &error);
        assert_int_equal(decode_copy(bytes, length * 3 / 4, NULL, &error), OSPREY_FORMAT);
        assert_int_equal(decode_copy(bytes, length, NULL, &error), OSPREY_OK);
        osprey__free(bytes);
    }
}

static void test_limits(void **state)
{
    (void)state;
    osprey_image *image = NULL;
    osprey_error error;
    const char *path = image_golden_path("source.png"); /* 61 x 47 */
    osprey_image_options options = {.max_pixels = 61 * 47};
    assert_int_equal(osprey_image_open(path, &options, &image, &error), OSPREY_OK);
    osprey_image_free(image);
    options.max_pixels--;
    assert_int_equal(osprey_image_open(path, &options, &image, &error), OSPREY_LIMIT);
    assert_string_equal(error.subject, path);
    assert_non_null(strstr(error.message, "61 x 47"));
    assert_non_null(strstr(error.message, "scale it down first"));
    options = (osprey_image_options){.max_bytes = 1000};
    assert_int_equal(osprey_image_open(path, &options, &image, &error), OSPREY_LIMIT);
    assert_int_equal(osprey_image_open(image_golden_path("scan_bomb.jpg"), NULL, &image, &error),
                     OSPREY_LIMIT);
    assert_non_null(strstr(error.message, "scans"));
    assert_null(image);
}

static bool no_large_blocks(size_t bytes, void *context)
{
    (void)context;
    return bytes < (size_t)1 << 20;
}

static void test_a_claim_of_many_pixels_costs_no_memory(void **state)
{
    (void)state;
    static const char png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\2\0\0\0\xe3\xe6\xa7\xb4"
        "\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82";
    osprey_error error;
    char *jpeg = NULL;
    size_t length = 0;
    osprey__file_read(image_golden_path("444.jpg"), 1 << 20, &jpeg, &length, &error);
    char *frame = memmem(jpeg, length, "\xff\xc0", 2);
    assert_non_null(frame);
    memcpy(frame + 5, "\xff\x00\xff\x00", 4); /* 65280 x 65280 */
    osprey__set_memory_hook(no_large_blocks, NULL);
    osprey_status png_status = decode_copy(png, sizeof png - 1, NULL, &error);
    osprey_status jpeg_status = decode_copy(jpeg, length, NULL, &error);
    osprey__set_memory_hook(NULL, NULL);
    osprey__free(jpeg);
    assert_int_equal(png_status, OSPREY_LIMIT);
    assert_int_equal(jpeg_status, OSPREY_LIMIT);
}

static void test_a_thread_of_pixels_is_not_resized(void **state)
{
    (void)state;
    const size_t height = 20000000;
    uint8_t *rgb = osprey__calloc(height, 3);
    assert_non_null(rgb);
    osprey_image *image = NULL;
    osprey_error error;
    assert_int_equal(osprey_image_from_rgb(rgb, 1, height, 3, &image, &error), OSPREY_OK);
    osprey__free(rgb);
    const osprey_preprocessing how = {
        .resize = OSPREY_RESIZE_EXACT,
        .resize_height = 4,
        .resample = OSPREY_RESAMPLE_BICUBIC,
        .crop_height = 4,
        .crop_width = 4,
    };
    float pixels[3 * 4 * 4];
    assert_int_equal(osprey_image_preprocess(image, &how, pixels, &error), OSPREY_LIMIT);
    assert_non_null(strstr(error.message, "20000000"));
    osprey_image_free(image);
}

static void test_other_formats_are_named(void **state)
{
    (void)state;
    osprey_error error;
    assert_int_equal(decode_copy("GIF89a", 6, NULL, &error), OSPREY_UNSUPPORTED);
    assert_non_null(strstr(error.message, "GIF"));
    assert_int_equal(decode_copy("\0\0\0\x1c"
                                 "ftypavif",
                                 12, NULL, &error),
                     OSPREY_UNSUPPORTED);
    assert_non_null(strstr(error.message, "AVIF"));
    assert_int_equal(decode_copy("hello", 5, NULL, &error), OSPREY_UNSUPPORTED);
    assert_int_equal(decode_copy("", 0, NULL, &error), OSPREY_FORMAT);
    osprey_image *image = NULL;
    assert_int_equal(osprey_image_open("/nonexistent.jpg", NULL, &image, &error), OSPREY_NOT_FOUND);
    assert_string_equal(error.subject, "/nonexistent.jpg");
}

/* One entry, orientation 6, behind a header that is `offset` away from it. */
static size_t write_exif(char *tiff, unsigned offset, unsigned entries)
{
    memset(tiff, 0, 64);
    memcpy(tiff, "II*\0", 4);
    tiff[4] = (char)offset;
    tiff[offset] = (char)entries;
    memcpy(tiff + offset + 2, "\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00", 12);
    return offset + 14;
}

static void test_exif_stays_inside(void **state)
{
    (void)state;
    char tiff[64];
    size_t length = write_exif(tiff, 12, 1);
    assert_int_equal(osprey__exif_orientation(tiff, length), 6);
    for (size_t cut = 0; cut < length; cut++) {
        char *copy = osprey__calloc(cut, 1);
        memcpy(copy, tiff, cut);
        assert_int_equal(osprey__exif_orientation(copy, cut), 1);
        osprey__free(copy);
    }
    length = write_exif(tiff, 12, 200); /* claims more entries than there are bytes */
    assert_int_equal(osprey__exif_orientation(tiff, length), 6);
    tiff[14] = 0x13; /* and none of them the orientation */
    assert_int_equal(osprey__exif_orientation(tiff, length), 1);
    write_exif(tiff, 12, 1);
    tiff[22] = 9; /* no such orientation */
    assert_int_equal(osprey__exif_orientation(tiff, length), 1);
    memset(tiff + 4, 0xff, 4); /* the directory lies far outside */
    assert_int_equal(osprey__exif_orientation(tiff, length), 1);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    const char *const files[] = {"cmyk.jpg",   "exif_6_little.jpg",  "grey_16.png",
                                 "exif_6.png", "animated_part.webp", "exif_6.webp"};
    const osprey_preprocessing how = {
        .resize = OSPREY_RESIZE_SHORTEST,
        .resize_height = 4,
        .resample = OSPREY_RESAMPLE_BICUBIC,
        .center_crop = true,
        .crop_height = 4,
        .crop_width = 4,
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        osprey_status status = OSPREY_OUT_OF_MEMORY;
        size_t allowed = 0;
        for (; status != OSPREY_OK && allowed < 100; allowed++) {
            size_t left = allowed;
            osprey__set_memory_hook(fail_at, &left);
            float pixels[3 * 4 * 4];
            osprey_image *image = NULL;
            osprey_error error;
            status = osprey_image_open(image_golden_path(files[i]), NULL, &image, &error);
            if (status == OSPREY_OK) status = osprey_image_preprocess(image, &how, pixels, &error);
            osprey__set_memory_hook(NULL, NULL);
            osprey_image_free(image);
            if (status != OSPREY_OK) assert_int_equal(status, OSPREY_OUT_OF_MEMORY);
        }
        assert_in_range(allowed, 5, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_a_truncated_file_is_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_claim_of_many_pixels_costs_no_memory),
        cmocka_unit_test(test_a_thread_of_pixels_is_not_resized),
        cmocka_unit_test(test_other_formats_are_named),
        cmocka_unit_test(test_exif_stays_inside),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
