/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding, resize and preprocessing against Pillow, transformers and open_clip. */
#include "cmocka_all.h"
#include "image_golden.h"

#include <osprey/image.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static image_golden golden;

static int load(void **state)
{
    (void)state;
    golden = image_golden_load();
    return 0;
}

static int unload(void **state)
{
    (void)state;
    image_golden_free(&golden);
    return 0;
}

typedef struct difference {
    size_t values, unequal;
    double worst;
} difference;

static void print_difference(const char *what, size_t cases, const difference *d)
{
    print_message("%s: %zu cases, %zu of %zu values unequal (%.4f %%), by at most %g\n", what,
                  cases, d->unequal, d->values, 100.0 * (double)d->unequal / (double)d->values,
                  d->worst);
}

static void add_value(difference *d, double got, double wanted, double equal_within)
{
    double off = fabs(got - wanted);
    d->values++;
    d->unequal += off > equal_within;
    if (!(off <= d->worst)) d->worst = off;
}

static void test_decodes_as_pillow(void **state)
{
    (void)state;
    const json_t *cases = json_object_get(golden.cases, "decode");
    difference all = {0};
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        bool ignore_exif = json_is_true(json_object_get(c, "ignore_exif"));
        osprey_image *image = image_golden_open(image_golden_file(c), ignore_exif);
        size_t width = osprey_image_width(image), height = osprey_image_height(image);
        if (width != image_golden_size(c, "width") || height != image_golden_size(c, "height"))
            fail_msg("%s has %zu x %zu pixels", image_golden_file(c), width, height);
        const unsigned char *wanted = image_golden_bytes(&golden, c, width * height * 3);
        difference one = {0};
        for (size_t p = 0; p < width * height * 3; p++) {
            add_value(&one, osprey_image_rgb(image)[p], wanted[p], 0);
            add_value(&all, osprey_image_rgb(image)[p], wanted[p], 0);
        }
        if (one.worst > 1) print_difference(image_golden_file(c), 1, &one);
        assert_true(one.worst <= 1);
        osprey_image_free(image);
    }
    print_difference("decode", json_array_size(cases), &all);
    assert_true(json_array_size(cases) > 100);
}

static void test_resizes_as_pillow(void **state)
{
    (void)state;
    const json_t *cases = json_object_get(golden.cases, "resize");
    difference all = {0}, exact = {0};
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        size_t width = image_golden_size(c, "width"), height = image_golden_size(c, "height");
        osprey_preprocessing how = {
            .resize = OSPREY_RESIZE_EXACT,
            .resize_height = height,
            .resize_width = width,
            .resample = (osprey_resample)image_golden_size(c, "resample"),
            .crop_height = height,
            .crop_width = width,
        };
        osprey_image *image = image_golden_open(image_golden_file(c), true);
        float *pixels = malloc(width * height * 3 * sizeof *pixels);
        assert_non_null(pixels);
        osprey_error error;
        assert_int_equal(osprey_image_preprocess(image, &how, pixels, &error), OSPREY_OK);
        const unsigned char *wanted = image_golden_bytes(&golden, c, width * height * 3);
        for (size_t p = 0; p < width * height; p++)
            for (size_t channel = 0; channel < 3; channel++) {
                double got = (double)pixels[channel * width * height + p];
                add_value(&all, got, wanted[3 * p + channel], 0);
                /* The other two filters take sines, which differ between C libraries. */
                if (how.resample != OSPREY_RESAMPLE_LANCZOS &&
                    how.resample != OSPREY_RESAMPLE_HAMMING)
                    add_value(&exact, got, wanted[3 * p + channel], 0);
            }
        free(pixels);
        osprey_image_free(image);
    }
    print_difference("resize", json_array_size(cases), &all);
    assert_true(json_array_size(cases) > 70);
    assert_true(all.worst <= 1);
    assert_int_equal(exact.unequal, 0);
}

static osprey_preprocessing preprocessing_of(const json_t *c)
{
    osprey_preprocessing how = {
        .resize = (osprey_resize)image_golden_size(c, "resize"),
        .resize_height = image_golden_size(c, "resize_height"),
        .resize_width = image_golden_size(c, "resize_width"),
        .resample = (osprey_resample)image_golden_size(c, "resample"),
        .center_crop = json_is_true(json_object_get(c, "center_crop")),
        .crop_rounds_half_even = json_is_true(json_object_get(c, "half_even")),
        .crop_height = image_golden_size(c, "crop_height"),
        .crop_width = image_golden_size(c, "crop_width"),
        .rescale = true,
        .rescale_factor = 1.0F / 255,
        .normalize = json_is_true(json_object_get(c, "normalize")),
        .mean = {0.48145466F, 0.4578275F, 0.40821073F},
        .std = {0.26862954F, 0.26130258F, 0.27577711F},
    };
    memset(how.fill, (int)image_golden_size(c, "fill"), sizeof how.fill);
    return how;
}

static void test_preprocesses_as_the_reference_libraries(void **state)
{
    (void)state;
    const json_t *cases = json_object_get(golden.cases, "preprocess");
    difference all = {0};
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        osprey_preprocessing how = preprocessing_of(c);
        size_t count = 3 * how.crop_height * how.crop_width;
        osprey_image *image = image_golden_open(image_golden_file(c), true);
        float *pixels = malloc(count * sizeof *pixels);
        assert_non_null(pixels);
        osprey_error error;
        if (osprey_image_preprocess(image, &how, pixels, &error) != OSPREY_OK)
            fail_msg("case %zu: %s", i, error.message);
        const unsigned char *bytes = image_golden_bytes(&golden, c, count * sizeof *pixels);
        difference one = {0};
        for (size_t p = 0; p < count; p++) {
            float wanted;
            memcpy(&wanted, bytes + p * sizeof wanted, sizeof wanted);
            add_value(&one, (double)pixels[p], (double)wanted, 1e-6);
            add_value(&all, (double)pixels[p], (double)wanted, 1e-6);
        }
        /* 1/255 after the division by the smallest standard deviation. */
        if (one.worst > 1 / 255.0 / 0.2613) fail_msg("case %zu is off by %g", i, one.worst);
        free(pixels);
        osprey_image_free(image);
    }
    print_difference("preprocess", json_array_size(cases), &all);
    assert_true(json_array_size(cases) > 50);
}

static void test_cuts_into_patches_as_transformers(void **state)
{
    (void)state;
    const json_t *cases = json_object_get(golden.cases, "patches");
    difference all = {0};
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        const osprey_preprocessing how = {
            .resize = OSPREY_RESIZE_PATCHES,
            .patch_size = image_golden_size(c, "patch_size"),
            .max_patches = image_golden_size(c, "max_patches"),
            .resample = OSPREY_RESAMPLE_BILINEAR,
            .rescale = true,
            .rescale_factor = 1.0F / 255,
            .normalize = true,
            .mean = {0.5F, 0.5F, 0.5F},
            .std = {0.5F, 0.5F, 0.5F},
        };
        const size_t width = 3 * how.patch_size * how.patch_size, count = how.max_patches * width;
        assert_int_equal(osprey_preprocessing_floats(&how), width + count);
        osprey_image *image = image_golden_open(image_golden_file(c), true);
        float *pixels = malloc((width + count) * sizeof *pixels);
        assert_non_null(pixels);
        osprey_error error;
        if (osprey_image_preprocess(image, &how, pixels, &error) != OSPREY_OK)
            fail_msg("case %zu: %s", i, error.message);
        assert_true(pixels[0] == (float)image_golden_size(c, "rows"));
        assert_true(pixels[1] == (float)image_golden_size(c, "columns"));
        for (size_t p = 2; p < width; p++) assert_true(pixels[p] == 0);
        const unsigned char *bytes = image_golden_bytes(&golden, c, count * sizeof *pixels);
        for (size_t p = 0; p < count; p++) {
            float wanted;
            memcpy(&wanted, bytes + p * sizeof wanted, sizeof wanted);
            add_value(&all, (double)pixels[width + p], (double)wanted, 1e-6);
        }
        free(pixels);
        osprey_image_free(image);
    }
    print_difference("patches", json_array_size(cases), &all);
    assert_true(json_array_size(cases) > 30);
    assert_int_equal(all.unequal, 0);
}

static void test_an_image_can_be_made_from_pixels(void **state)
{
    (void)state;
    const uint8_t rows[2][8] = {{1, 2, 3, 4, 5, 6, 99, 99}, {7, 8, 9, 10, 11, 12, 99, 99}};
    osprey_image *image = NULL;
    osprey_error error;
    assert_int_equal(osprey_image_from_rgb(rows[0], 2, 2, 8, &image, &error), OSPREY_OK);
    for (uint8_t i = 0; i < 12; i++) assert_int_equal(osprey_image_rgb(image)[i], i + 1);
    osprey_image_free(image);
    assert_int_equal(osprey_image_from_rgb(rows[0], 3, 2, 8, &image, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_null(image);
    osprey_image_free(NULL);
}

static void test_wrong_preprocessing_is_refused(void **state)
{
    (void)state;
    osprey_image *image = image_golden_open("source.png", true);
    const osprey_preprocessing right = {
        .resize = OSPREY_RESIZE_SHORTEST,
        .resize_height = 8,
        .resample = OSPREY_RESAMPLE_BICUBIC,
        .center_crop = true,
        .crop_height = 8,
        .crop_width = 8,
        .normalize = true,
        .std = {1, 1, 1},
    };
    float pixels[3 * 8 * 8];
    osprey_error error;
    assert_int_equal(osprey_image_preprocess(image, &right, pixels, &error), OSPREY_OK);

    osprey_preprocessing wrong = right;
    wrong.resample = (osprey_resample)77;
    assert_int_equal(osprey_image_preprocess(image, &wrong, pixels, &error), OSPREY_UNSUPPORTED);
    assert_non_null(strstr(error.message, "77"));
    wrong = right;
    wrong.center_crop = false;
    assert_int_equal(osprey_image_preprocess(image, &wrong, pixels, &error),
                     OSPREY_INVALID_ARGUMENT);
    wrong = right;
    wrong.std[1] = 0;
    assert_int_equal(osprey_image_preprocess(image, &wrong, pixels, &error),
                     OSPREY_INVALID_ARGUMENT);
    wrong = right;
    wrong.crop_width = 0;
    assert_int_equal(osprey_image_preprocess(image, &wrong, pixels, &error),
                     OSPREY_INVALID_ARGUMENT);
    wrong = right;
    wrong.resize_height = SIZE_MAX;
    assert_int_equal(osprey_image_preprocess(image, &wrong, pixels, &error),
                     OSPREY_INVALID_ARGUMENT);
    wrong = (osprey_preprocessing){.resize = OSPREY_RESIZE_PATCHES, .patch_size = 4};
    assert_int_equal(osprey_image_preprocess(image, &wrong, pixels, &error),
                     OSPREY_INVALID_ARGUMENT);
    wrong.max_patches = SIZE_MAX;
    assert_int_equal(osprey_preprocessing_floats(&wrong), 0);
    assert_int_equal(osprey_image_preprocess(image, &wrong, pixels, &error),
                     OSPREY_INVALID_ARGUMENT);
    osprey_image_free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_as_pillow),
        cmocka_unit_test(test_resizes_as_pillow),
        cmocka_unit_test(test_preprocesses_as_the_reference_libraries),
        cmocka_unit_test(test_cuts_into_patches_as_transformers),
        cmocka_unit_test(test_an_image_can_be_made_from_pixels),
        cmocka_unit_test(test_wrong_preprocessing_is_refused),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
