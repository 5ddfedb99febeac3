/* SPDX-License-Identifier: Apache-2.0 */
/* PNG through libspng: every colour type and depth, interlaced or not; of an APNG the image that
 * viewers without animation show. */
#include "base/memory.h"
#include "base/status.h"
#include "input/image/exif.h"
#include "input/image/image_decoders.h"
#include "input/image/image_object.h"

#include <spng.h>

/* A file whose profile or text unpacks to more is refused, as Pillow does from 1 MiB of text on. */
#define MAX_CHUNK_BYTES ((size_t)16 << 20)

static osprey_status png_failed(int code, osprey_error *error)
{
    osprey_status status = code == SPNG_EMEM ? OSPREY_OUT_OF_MEMORY : OSPREY_FORMAT;
    if (code == SPNG_ECHUNK_LIMITS)
        return osprey__fail(error, OSPREY_LIMIT, NULL,
                            "the PNG's profile or text is larger than %zu bytes", MAX_CHUNK_BYTES);
    if (code == SPNG_IO_EOF) return osprey__fail(error, status, NULL, "the PNG is truncated");
    return osprey__fail(error, status, NULL, "the PNG is damaged: %s", spng_strerror(code));
}

/* 16-bit grey to RGB as Pillow does it: not scaled, all above 255 is white. */
static osprey_status decode_grey_16(spng_ctx *png, osprey_image *image, osprey_error *error)
{
    size_t pixels = image->x.count * image->y.count;
    uint16_t *grey = osprey__aligned_alloc(pixels * 2);
    if (!grey) return osprey__fail_memory(error, pixels * 2);
    int code = spng_decode_image(png, grey, pixels * 2, SPNG_FMT_PNG, 0);
    for (size_t i = 0; code == 0 && i < pixels; i++) {
        uint8_t value = grey[i] > 255 ? 255 : (uint8_t)grey[i];
        image->rgb[3 * i] = image->rgb[3 * i + 1] = image->rgb[3 * i + 2] = value;
    }
    osprey__aligned_free(grey);
    return code == 0 ? OSPREY_OK : png_failed(code, error);
}

static osprey_status decode_png(spng_ctx *png, const uint8_t *bytes, size_t length,
                                size_t max_pixels, osprey_image **image, unsigned *orientation,
                                osprey_error *error)
{
    spng_set_chunk_limits(png, MAX_CHUNK_BYTES, 4 * MAX_CHUNK_BYTES);
    int code = spng_set_png_buffer(png, bytes, length);
    struct spng_ihdr header;
    if (code == 0) code = spng_get_ihdr(png, &header);
    if (code != 0) return png_failed(code, error);
    OSPREY_TRY(osprey__image_create(header.width, header.height, max_pixels, image, error));
    if (header.color_type == SPNG_COLOR_TYPE_GRAYSCALE && header.bit_depth == 16) {
        OSPREY_TRY(decode_grey_16(png, *image, error));
    } else {
        size_t rgb_bytes = (*image)->x.count * (*image)->y.count * 3;
        code = spng_decode_image(png, (*image)->rgb, rgb_bytes, SPNG_FMT_RGB8, 0);
        if (code != 0) return png_failed(code, error);
    }
    /* The pixels are there: damage behind them is of no interest, as it is of none to Pillow. */
    spng_decode_chunks(png);
    struct spng_exif exif;
    if (spng_get_exif(png, &exif) == 0)
        *orientation = osprey__exif_orientation(exif.data, exif.length);
    return OSPREY_OK;
}

osprey_status osprey__png_decode(const uint8_t *bytes, size_t length,
                                 const osprey__decode_request *request, osprey_image **image,
                                 unsigned *orientation, osprey_error *error)
{
    spng_ctx *png = spng_ctx_new(0);
    if (!png) return osprey__fail(error, OSPREY_OUT_OF_MEMORY, NULL, "libspng has no memory");
    osprey_status status =
        decode_png(png, bytes, length, request->max_pixels, image, orientation, error);
    spng_ctx_free(png);
    if (status != OSPREY_OK) {
        osprey_image_free(*image);
        *image = NULL;
    }
    return status;
}
