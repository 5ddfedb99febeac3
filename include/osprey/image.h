/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures in: JPEG, PNG and WebP to 8-bit RGB, and from there to the pixels that a model wants.
 *
 * Decoding and preprocessing keep no state: any thread may call, one image to one thread at a
 * time. The bytes may be hostile.
 *
 *     const osprey_preprocessing *how = &osprey_model_get_info(model)->preprocessing;
 *     float *pixels = malloc(osprey_preprocessing_floats(how) * sizeof *pixels);
 *     osprey_image_open_pixels("cat.jpg", NULL, how, pixels, &error);
 */
#ifndef OSPREY_IMAGE_H
#define OSPREY_IMAGE_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An 8-bit RGB picture, rows top to bottom without gaps. */
typedef struct osprey_image osprey_image;

/* Zero-initialised, or NULL, means: these defaults. */
typedef struct osprey_image_options {
    bool ignore_exif;  /* false: EXIF orientation is applied, also from PNG's and WebP's chunk */
    size_t max_pixels; /* width times height; 0: 178,956,970, Pillow's own limit */
    size_t max_bytes;  /* encoded size; 0: 256 MiB */
    bool exact;        /* true: osprey_image_decode_pixels never decodes at a smaller scale */
} osprey_image_options;

/*
 * Decodes length bytes of JPEG (grey, YCbCr, CMYK, YCCK; baseline and progressive), PNG (all
 * colour types and depths, interlaced) or WebP (lossy, lossless; the first frame). The result is
 * what Pillow's Image.open(f).convert("RGB") gives: alpha is dropped; of 16-bit colours the upper
 * 8 bits are kept, but 16-bit grey is cut at 255; profiles are ignored. As in Pillow, damaged
 * entropy data in a JPEG is decoded as well as it goes, and a truncated file is refused.
 * The caller frees *image with osprey_image_free.
 * Errors: OSPREY_FORMAT (truncated or damaged), OSPREY_UNSUPPORTED (another format, which is
 * named where it is known), OSPREY_LIMIT (max_pixels, max_bytes, or a JPEG of more than 500
 * scans), OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_image_decode(const void *bytes, size_t length,
                                             const osprey_image_options *options,
                                             osprey_image **image, osprey_error *error);

/*
 * The same from a file; "-" is standard input. Also OSPREY_NOT_FOUND and OSPREY_IO; the error's
 * subject is the path.
 */
OSPREY_API osprey_status osprey_image_open(const char *path, const osprey_image_options *options,
                                           osprey_image **image, osprey_error *error);

/* A copy of height rows of width RGB pixels, row_bytes apart. */
OSPREY_API osprey_status osprey_image_from_rgb(const uint8_t *rgb, size_t width, size_t height,
                                               size_t row_bytes, osprey_image **image,
                                               osprey_error *error);

OSPREY_API size_t osprey_image_width(const osprey_image *image);
OSPREY_API size_t osprey_image_height(const osprey_image *image);

/* height * width * 3 bytes, valid until osprey_image_free. */
OSPREY_API const uint8_t *osprey_image_rgb(const osprey_image *image);

OSPREY_API void osprey_image_free(osprey_image *image);

typedef enum osprey_resample {
    OSPREY_RESAMPLE_NEAREST = 0, /* the values are Pillow's, as preprocessor_config.json has them */
    OSPREY_RESAMPLE_LANCZOS = 1,
    OSPREY_RESAMPLE_BILINEAR = 2,
    OSPREY_RESAMPLE_BICUBIC = 3,
    OSPREY_RESAMPLE_BOX = 4,
    OSPREY_RESAMPLE_HAMMING = 5,
} osprey_resample;

/*
 * OSPREY_RESIZE_SHORTEST keeps the proportions. With resize_width equal to resize_height or 0, the
 * shorter side becomes resize_height and the longer one's fraction is cut off (transformers'
 * "shortest_edge", torchvision's Resize(int)); otherwise the result just covers
 * resize_height x resize_width, rounded half to even (open_clip, "shortest", not square).
 * OSPREY_RESIZE_LONGEST keeps them too and just fits in, rounded alike (open_clip, "longest").
 * OSPREY_RESIZE_EXACT gives resize_height x resize_width (open_clip, "squash").
 * OSPREY_RESIZE_PATCHES keeps the proportions as nearly as whole patches of patch_size x patch_size
 * pixels do, and makes the picture so large that it has max_patches of them, or as few less as can
 * be (transformers' Siglip2ImageProcessor). Nothing is cropped.
 */
typedef enum osprey_resize {
    OSPREY_RESIZE_NONE,
    OSPREY_RESIZE_SHORTEST,
    OSPREY_RESIZE_LONGEST,
    OSPREY_RESIZE_EXACT,
    OSPREY_RESIZE_PATCHES,
} osprey_resize;

/*
 * How a model wants its pictures; comes with the model. The steps happen in this order:
 * resize; centre crop, which pads with `fill` where the picture is smaller than the crop;
 * (value * rescale_factor - mean) / std.
 *
 * An odd surplus or lack does not fit on both sides. With crop_rounds_half_even, as torchvision
 * and open_clip do it, the crop begins at surplus / 2 rounded half to even and the padding in
 * front is lack / 2 rounded down. Without, as transformers' Pillow processors do it, the crop
 * begins at surplus / 2 rounded down and the padding in front is lack / 2 rounded up.
 */
typedef struct osprey_preprocessing {
    osprey_resize resize;
    size_t resize_height, resize_width;
    size_t patch_size, max_patches; /* OSPREY_RESIZE_PATCHES; else 0 */
    osprey_resample resample;       /* with antialiasing: a filter widens as the picture shrinks */
    bool center_crop;               /* without it the resize has to end at the crop's size */
    bool crop_rounds_half_even;
    size_t crop_height, crop_width; /* the model's input, with or without center_crop; 0 with
                                       OSPREY_RESIZE_PATCHES */
    bool rescale;
    float rescale_factor; /* mostly 1/255 */
    bool normalize;
    float mean[3], std[3];
    uint8_t fill[3]; /* the colour of padding, before rescale and normalize */
} osprey_preprocessing;

/* Of one picture, as the functions below write it; 0: the sizes are not set, or too large. */
OSPREY_API size_t osprey_preprocessing_floats(const osprey_preprocessing *preprocessing);

/*
 * Writes [3, crop_height, crop_width] floats, red plane first. With OSPREY_RESIZE_PATCHES it is
 * [1 + max_patches, patch_size * patch_size * 3]: the first row begins with the numbers of rows and
 * of columns that the picture's patches lie in, and has zeros behind; then each patch, row by row,
 * has a row of its pixels, each red, green and blue; what is left are zeros. The resize is that of
 * Pillow 13, bit for bit: fixed-point coefficients, 8 bits between the two passes, rows before
 * columns where the height loses more than twice as many pixels as the width. (Pillow 12 and older
 * always begin with the columns. transformers' default processor resizes with torchvision, whose
 * antialiased filters work with other roundings: 0.4 % of the values of 100 photographs differ, by
 * at most 2/255.) Only what the crop keeps is computed. Errors: OSPREY_INVALID_ARGUMENT (also where
 * the steps do not end at the crop's size), OSPREY_UNSUPPORTED (no such filter; OSPREY_CPU names an
 * instruction set that this machine lacks), OSPREY_LIMIT (a side of millions of pixels),
 * OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_image_preprocess(const osprey_image *image,
                                                 const osprey_preprocessing *preprocessing,
                                                 float *pixels, osprey_error *error);

/*
 * Decodes length bytes for a model, in one step: what osprey_image_decode and
 * osprey_image_preprocess make of them, without decoding what the crop leaves out. A JPEG of which
 * 1/2, 1/4 or 1/8 still has twice the pixels that the resize leaves, in each direction, is decoded
 * at that scale (by libjpeg-turbo's smaller transforms, as Pillow's Image.draft does it, and
 * resized from there as Image.thumbnail does it, with its reducing_gap of 2), unless options->exact
 * or for OSPREY_RESAMPLE_NEAREST. Errors: those of both.
 */
OSPREY_API osprey_status osprey_image_decode_pixels(const void *bytes, size_t length,
                                                    const osprey_image_options *options,
                                                    const osprey_preprocessing *preprocessing,
                                                    float *pixels, osprey_error *error);

/*
 * The same from a file; "-" is standard input. Also OSPREY_NOT_FOUND and OSPREY_IO. Where the file
 * is to blame, the error's subject is the path.
 */
OSPREY_API osprey_status osprey_image_open_pixels(const char *path,
                                                  const osprey_image_options *options,
                                                  const osprey_preprocessing *preprocessing,
                                                  float *pixels, osprey_error *error);

#ifdef __cplusplus
}
#endif

#endif
