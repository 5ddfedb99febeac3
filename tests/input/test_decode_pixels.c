/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding for a model: what is left out must not be missed. */
#include "cmocka_all.h"
#include "image_golden.h"
#include "jpeg_maker.h"

#include <osprey/image.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE  32
#define ELEMS (3 * SIDE * SIDE)

static uint32_t state = 77;

static size_t random_below(size_t limit)
{
    state = state * 1664525U + 1013904223U;
    return (state >> 8) % limit;
}

/* Values of 0 to 255. */
static const osprey_preprocessing shortest = {
    .resize = OSPREY_RESIZE_SHORTEST,
    .resize_height = SIDE,
    .resample = OSPREY_RESAMPLE_BICUBIC,
    .center_crop = true,
    .crop_height = SIDE,
    .crop_width = SIDE,
};

static osprey_preprocessing random_preprocessing(void)
{
    osprey_preprocessing how = shortest;
    static const osprey_resize resizes[] = {OSPREY_RESIZE_NONE, OSPREY_RESIZE_SHORTEST,
                                            OSPREY_RESIZE_LONGEST, OSPREY_RESIZE_EXACT};
    how.resize = resizes[random_below(4)];
    how.resize_height = how.resize_width = SIDE + random_below(2) * random_below(20);
    how.resample = (osprey_resample)random_below(6);
    how.crop_rounds_half_even = random_below(2);
    return how;
}

static jpeg_recipe random_recipe(void)
{
    static const int components[] = {3, 3, 3, 1, 4};
    static const int shares[][2] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}};
    size_t share = random_below(5);
    return (jpeg_recipe){.width = 1 + random_below(400),
                         .height = 1 + random_below(400),
                         .components = components[random_below(5)],
                         .across = shares[share][0],
                         .down = shares[share][1],
                         .progressive = random_below(3) == 0,
                         .restart_interval = random_below(2) ? 0 : 1 + (unsigned)random_below(9),
                         .orientation = (unsigned)random_below(9),
                         .seed = state};
}

/* Whole, and preprocessed then. */
static void preprocess_all(const unsigned char *bytes, size_t length,
                           const osprey_image_options *options, const osprey_preprocessing *how,
                           float *pixels)
{
    osprey_image *image = NULL;
    osprey_error error;
    if (osprey_image_decode(bytes, length, options, &image, &error) != OSPREY_OK ||
        osprey_image_preprocess(image, how, pixels, &error) != OSPREY_OK)
        fail_msg("%s", error.message);
    osprey_image_free(image);
}

static void decode_pixels(const unsigned char *bytes, size_t length,
                          const osprey_image_options *options, const osprey_preprocessing *how,
                          float *pixels)
{
    osprey_error error;
    memset(pixels, 0xff, ELEMS * sizeof *pixels);
    if (osprey_image_decode_pixels(bytes, length, options, how, pixels, &error) != OSPREY_OK)
        fail_msg("%s", error.message);
}

static void test_exact_is_as_if_all_were_decoded(void **unused)
{
    (void)unused;
    for (size_t round = 0; round < 400; round++) {
        jpeg_recipe recipe = random_recipe();
        osprey_preprocessing how = random_preprocessing();
        osprey_image_options options = {.exact = true, .ignore_exif = random_below(2)};
        unsigned char *bytes;
        size_t length;
        float wanted[ELEMS], got[ELEMS];
        jpeg_make(&recipe, &bytes, &length);
        preprocess_all(bytes, length, &options, &how, wanted);
        decode_pixels(bytes, length, &options, &how, got);
        if (memcmp(wanted, got, sizeof got) != 0)
            fail_msg("round %zu: %zu x %zu, %d components, %d x %d, progressive %d, "
                     "orientation %u, resize %d, filter %d",
                     round, recipe.width, recipe.height, recipe.components, recipe.across,
                     recipe.down, recipe.progressive, recipe.orientation, how.resize, how.resample);
        free(bytes);
    }
}

/* Pictures that are larger than what they become by up to 12 times. */
static void test_scaled_decoding_is_pillows(void **unused)
{
    (void)unused;
    image_golden golden = image_golden_load();
    const json_t *cases = json_object_get(golden.cases, "scaled");
    size_t unequal = 0, values = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        size_t width = image_golden_size(c, "width"), height = image_golden_size(c, "height");
        osprey_preprocessing how = shortest;
        how.resize_height = how.crop_width = width;
        how.crop_height = height;
        float *pixels = malloc(3 * width * height * sizeof *pixels);
        assert_non_null(pixels);
        osprey_error error;
        assert_int_equal(osprey_image_open_pixels(image_golden_path(image_golden_file(c)), NULL,
                                                  &how, pixels, &error),
                         OSPREY_OK);
        const unsigned char *wanted = image_golden_bytes(&golden, c, 3 * width * height);
        for (size_t p = 0; p < 3 * width * height; p++, values++) {
            float off = fabsf(pixels[p % 3 * width * height + p / 3] - (float)wanted[p]);
            if (off > 1)
                fail_msg("%s, %zu x %zu: off by %g", image_golden_file(c), width, height,
                         (double)off);
            unequal += off > 0;
        }
        free(pixels);
    }
    print_message("%zu cases, %zu of %zu values unequal\n", json_array_size(cases), unequal,
                  values);
    assert_true(json_array_size(cases) > 20);
    image_golden_free(&golden);
}

/* Smooth pictures at a smaller scale, whichever way they stand. */
static void test_a_smaller_scale_shows_the_same(void **unused)
{
    (void)unused;
    static const osprey_image_options exact = {.exact = true};
    for (size_t round = 0; round < 100; round++) {
        jpeg_recipe recipe = random_recipe();
        recipe.width += 4 * SIDE;
        recipe.height += 4 * SIDE;
        recipe.smooth = true;
        unsigned char *bytes;
        size_t length;
        float wanted[ELEMS], got[ELEMS], worst = 0;
        jpeg_make(&recipe, &bytes, &length);
        decode_pixels(bytes, length, &exact, &shortest, wanted);
        decode_pixels(bytes, length, NULL, &shortest, got);
        for (size_t i = 0; i < ELEMS; i++) worst = fmaxf(worst, fabsf(got[i] - wanted[i]));
        if (worst > 5)
            fail_msg("round %zu: %zu x %zu, %d components, orientation %u: off by %g", round,
                     recipe.width, recipe.height, recipe.components, recipe.orientation,
                     (double)worst);
        free(bytes);
    }
}

/* Value i of what orientation turns `stored` into: EXIF 2.32, tag 0x0112. */
static float turned(const float *stored, unsigned orientation, size_t i)
{
    size_t x = i % SIDE, y = i / SIDE % SIDE, plane = i - i % (SIDE * SIDE);
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    if (flip_x) x = SIDE - 1 - x;
    if (flip_y) y = SIDE - 1 - y;
    return stored[plane + (orientation >= 5 ? x * SIDE + y : y * SIDE + x)];
}

/* What hangs over the edge of the smaller picture is at its right and lower edge, and turns too. */
static void test_turned_pictures_are_scaled_alike(void **unused)
{
    (void)unused;
    static const osprey_image_options as_stored = {.ignore_exif = true};
    osprey_preprocessing squash = shortest;
    squash.resize = OSPREY_RESIZE_EXACT;
    squash.resize_width = SIDE;
    for (unsigned round = 0; round < 80; round++) {
        jpeg_recipe recipe = random_recipe();
        recipe.width += 4 * SIDE;
        recipe.height += 4 * SIDE;
        recipe.orientation = 1 + round % 8;
        unsigned char *bytes;
        size_t length;
        float stored[ELEMS], upright[ELEMS];
        jpeg_make(&recipe, &bytes, &length);
        decode_pixels(bytes, length, &as_stored, &squash, stored);
        decode_pixels(bytes, length, NULL, &squash, upright);
        /* Single values differ, since the two passes of the resize round and clamp in between. */
        double off = 0;
        for (size_t i = 0; i < ELEMS; i++)
            off += (double)fabsf(upright[i] - turned(stored, recipe.orientation, i)) / ELEMS;
        if (off > 0.3)
            fail_msg("round %u: %zu x %zu, orientation %u: off by %g", round, recipe.width,
                     recipe.height, recipe.orientation, off);
        free(bytes);
    }
}

/* What is not decoded may be damaged, but the file has to be whole. */
static void test_a_cut_tail_is_noticed(void **unused)
{
    (void)unused;
    const jpeg_recipe recipe = {
        .width = 40, .height = 400, .components = 3, .across = 2, .down = 2, .seed = 5};
    unsigned char *bytes;
    size_t length;
    float whole[ELEMS], got[ELEMS];
    osprey_error error;
    jpeg_make(&recipe, &bytes, &length);
    decode_pixels(bytes, length, NULL, &shortest, whole);
    assert_int_equal(osprey_image_decode_pixels(bytes, length - 2, NULL, &shortest, got, &error),
                     OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "truncated"));
    memset(bytes + length - 60, 0, 40);
    decode_pixels(bytes, length, NULL, &shortest, got);
    assert_memory_equal(got, whole, sizeof got);
    free(bytes);
}

static void test_wrong_preprocessing_is_refused(void **unused)
{
    (void)unused;
    const jpeg_recipe recipe = {.width = 50, .height = 60, .components = 3, .across = 1, .down = 1};
    unsigned char *bytes;
    size_t length;
    float pixels[ELEMS];
    osprey_error error;
    jpeg_make(&recipe, &bytes, &length);
    osprey_preprocessing wrong = shortest;
    wrong.crop_height = 0;
    assert_int_equal(osprey_image_decode_pixels(bytes, length, NULL, &wrong, pixels, &error),
                     OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, "preprocessing");
    wrong = shortest;
    wrong.resample = (osprey_resample)77;
    assert_int_equal(osprey_image_decode_pixels(bytes, length, NULL, &wrong, pixels, &error),
                     OSPREY_UNSUPPORTED);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scaled_decoding_is_pillows),
        cmocka_unit_test(test_a_smaller_scale_shows_the_same),
        cmocka_unit_test(test_turned_pictures_are_scaled_alike),
        cmocka_unit_test(test_a_cut_tail_is_noticed),
        cmocka_unit_test(test_wrong_preprocessing_is_refused),
        cmocka_unit_test(test_exact_is_as_if_all_were_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
