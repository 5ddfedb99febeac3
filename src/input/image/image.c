/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/image/image_decoders.h"
#include "input/image/image_object.h"

#include <string.h>

#define DEFAULT_MAX_PIXELS ((size_t)178956970)
#define DEFAULT_MAX_BYTES  ((size_t)256 << 20)

osprey__image_side osprey__image_side_of(size_t pixels, unsigned scale)
{
    size_t samples = pixels / scale + (pixels % scale != 0);
    return (osprey__image_side){
        .pixels = pixels, .samples = samples, .end = (double)pixels / scale, .count = samples};
}

osprey_status osprey__image_check_size(size_t width, size_t height, size_t max_pixels,
                                       osprey_error *error)
{
    if (width == 0 || height == 0)
        return osprey__fail(error, OSPREY_FORMAT, NULL, "the image has %zu x %zu pixels", width,
                            height);
    if (width > max_pixels / height)
        return osprey__fail(
            error, OSPREY_LIMIT, NULL,
            "the image has %zu x %zu pixels, more than the limit of %zu; scale it down first",
            width, height, max_pixels);
    return OSPREY_OK;
}

osprey_status osprey__image_create_part(const osprey__image_side *x, const osprey__image_side *y,
                                        osprey_image **image, osprey_error *error)
{
    size_t bytes;
    if (!osprey__multiply(x->count, y->count, &bytes) || !osprey__multiply(bytes, 3, &bytes) ||
        bytes > SIZE_MAX - OSPREY__IMAGE_SLACK)
        return osprey__fail_memory(error, SIZE_MAX);
    osprey_image *created = osprey__calloc(1, sizeof *created);
    if (!created) return osprey__fail_memory(error, sizeof *created);
    created->rgb = osprey__aligned_alloc(bytes + OSPREY__IMAGE_SLACK);
    if (!created->rgb) {
        osprey__free(created);
        return osprey__fail_memory(error, bytes);
    }
    memset(created->rgb + bytes, 0, OSPREY__IMAGE_SLACK);
    created->x = *x;
    created->y = *y;
    *image = created;
    return OSPREY_OK;
}

osprey_status osprey__image_create(size_t width, size_t height, size_t max_pixels,
                                   osprey_image **image, osprey_error *error)
{
    OSPREY_TRY(osprey__image_check_size(width, height, max_pixels, error));
    osprey__image_side x = osprey__image_side_of(width, 1), y = osprey__image_side_of(height, 1);
    return osprey__image_create_part(&x, &y, image, error);
}

typedef struct signature {
    size_t offset;
    const char *bytes;
    size_t length;
    const char *name;
    osprey__image_decoder *decode; /* NULL: known by name only */
} signature;

static const signature signatures[] = {
    {0, "\xff\xd8\xff", 3, "JPEG", osprey__jpeg_decode},
    {0, "\x89PNG\r\n\x1a\n", 8, "PNG", osprey__png_decode},
    {8, "WEBP", 4, "WebP", osprey__webp_decode},
    {0, "GIF8", 4, "GIF", NULL},
    {0, "BM", 2, "BMP", NULL},
    {0, "II*\0", 4, "TIFF", NULL},
    {0, "MM\0*", 4, "TIFF", NULL},
    {4, "ftypavif", 8, "AVIF", NULL},
    {4, "ftypavis", 8, "AVIF", NULL},
    {4, "ftyphei", 7, "HEIC", NULL},
    {4, "ftyphev", 7, "HEIC", NULL},
    {4, "ftypmif1", 8, "HEIF", NULL},
    {0, "\0\0\0\x0cjP  ", 8, "JPEG 2000", NULL},
    {0, "\xff\x4f\xff\x51", 4, "JPEG 2000", NULL},
    {0, "\xff\x0a", 2, "JPEG XL", NULL},
    {0, "\0\0\0\x0cJXL ", 8, "JPEG XL", NULL},
    {0, "\0\0\1\0", 4, "ICO", NULL},
    {0, "8BPS", 4, "Photoshop", NULL},
    {0, "%PDF", 4, "PDF", NULL},
    {0, "<svg", 4, "SVG", NULL},
};

static osprey_status find_decoder(const uint8_t *bytes, size_t length,
                                  osprey__image_decoder **decode, osprey_error *error)
{
    if (length == 0) return osprey__fail(error, OSPREY_FORMAT, NULL, "there is not a single byte");
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature *s = &signatures[i];
        if (length < s->offset || length - s->offset < s->length ||
            memcmp(bytes + s->offset, s->bytes, s->length) != 0)
            continue;
        *decode = s->decode;
        if (s->decode) return OSPREY_OK;
        return osprey__fail(error, OSPREY_UNSUPPORTED, NULL,
                            "the format is %s; osprey reads JPEG, PNG and WebP", s->name);
    }
    return osprey__fail(error, OSPREY_UNSUPPORTED, NULL,
                        "no image that osprey knows; it reads JPEG, PNG and WebP");
}

/* For preprocessing, or where that is NULL for whatever the caller likes. */
static osprey_status decode(const void *bytes, size_t length, const osprey_image_options *options,
                            const osprey_preprocessing *preprocessing, osprey_image **image,
                            osprey_error *error)
{
    static const osprey_image_options defaults;
    if (!options) options = &defaults;
    const osprey__decode_request request = {
        .max_pixels = options->max_pixels ? options->max_pixels : DEFAULT_MAX_PIXELS,
        .ignore_exif = options->ignore_exif,
        .exact = options->exact,
        .preprocessing = preprocessing,
    };
    size_t max_bytes = options->max_bytes ? options->max_bytes : DEFAULT_MAX_BYTES;
    *image = NULL;
    if (length > max_bytes)
        return osprey__fail(error, OSPREY_LIMIT, NULL, "%zu bytes, more than the limit of %zu",
                            length, max_bytes);
    osprey__image_decoder *decoder = NULL;
    OSPREY_TRY(find_decoder(bytes, length, &decoder, error));
    osprey_image *decoded = NULL;
    unsigned orientation = 1;
    OSPREY_TRY(decoder(bytes, length, &request, &decoded, &orientation, error));
    if (!options->ignore_exif) {
        osprey_status status = osprey__image_orient(&decoded, orientation, error);
        if (status != OSPREY_OK) {
            osprey_image_free(decoded);
            return status;
        }
    }
    *image = decoded;
    return OSPREY_OK;
}

static osprey_status open_file(const char *path, const osprey_image_options *options,
                               const osprey_preprocessing *preprocessing, osprey_image **image,
                               osprey_error *error)
{
    *image = NULL;
    size_t limit = options && options->max_bytes ? options->max_bytes : DEFAULT_MAX_BYTES;
    char *bytes = NULL;
    size_t length = 0;
    OSPREY_TRY(osprey__file_read(path, limit, &bytes, &length, error));
    osprey_error reason;
    osprey_status status = decode(bytes, length, options, preprocessing, image, &reason);
    osprey__free(bytes);
    if (status == OSPREY_OK) return OSPREY_OK;
    return osprey__fail(error, status, path, "%s", reason.message);
}

osprey_status osprey_image_decode(const void *bytes, size_t length,
                                  const osprey_image_options *options, osprey_image **image,
                                  osprey_error *error)
{
    return decode(bytes, length, options, NULL, image, error);
}

osprey_status osprey_image_open(const char *path, const osprey_image_options *options,
                                osprey_image **image, osprey_error *error)
{
    return open_file(path, options, NULL, image, error);
}

osprey_status osprey_image_decode_pixels(const void *bytes, size_t length,
                                         const osprey_image_options *options,
                                         const osprey_preprocessing *preprocessing, float *pixels,
                                         osprey_error *error)
{
    osprey_image *image = NULL;
    OSPREY_TRY(decode(bytes, length, options, preprocessing, &image, error));
    osprey_status status = osprey_image_preprocess(image, preprocessing, pixels, error);
    osprey_image_free(image);
    return status;
}

osprey_status osprey_image_open_pixels(const char *path, const osprey_image_options *options,
                                       const osprey_preprocessing *preprocessing, float *pixels,
                                       osprey_error *error)
{
    osprey_image *image = NULL;
    OSPREY_TRY(open_file(path, options, preprocessing, &image, error));
    osprey_status status = osprey_image_preprocess(image, preprocessing, pixels, error);
    osprey_image_free(image);
    return status;
}

osprey_status osprey_image_from_rgb(const uint8_t *rgb, size_t width, size_t height,
                                    size_t row_bytes, osprey_image **image, osprey_error *error)
{
    *image = NULL;
    if (width == 0 || height == 0 || row_bytes / 3 < width)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, NULL,
                            "%zu x %zu pixels cannot have rows of %zu bytes", width, height,
                            row_bytes);
    OSPREY_TRY(osprey__image_create(width, height, DEFAULT_MAX_PIXELS, image, error));
    for (size_t y = 0; y < height; y++)
        memcpy((*image)->rgb + y * width * 3, rgb + y * row_bytes, width * 3);
    return OSPREY_OK;
}

size_t osprey_image_width(const osprey_image *image)
{
    return image->x.count;
}

size_t osprey_image_height(const osprey_image *image)
{
    return image->y.count;
}

const uint8_t *osprey_image_rgb(const osprey_image *image)
{
    return image->rgb;
}

void osprey_image_free(osprey_image *image)
{
    if (!image) return;
    osprey__aligned_free(image->rgb);
    osprey__free(image);
}
