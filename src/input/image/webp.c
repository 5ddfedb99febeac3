/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebP through libwebp: lossy and lossless; of an animation the first frame on a black canvas.
 * Alpha is dropped, and the colours under it stay as they are in the file.
 */
#include "base/status.h"
#include "input/image/exif.h"
#include "input/image/image_decoders.h"
#include "input/image/image_object.h"

#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static osprey_status decode_frame(const WebPIterator *frame, osprey_image *image,
                                  osprey_error *error)
{
    size_t x = (size_t)frame->x_offset, y = (size_t)frame->y_offset;
    size_t width = (size_t)frame->width, height = (size_t)frame->height;
    if (width > image->x.count || x > image->x.count - width || height > image->y.count ||
        y > image->y.count - height)
        return osprey__fail(error, OSPREY_FORMAT, NULL,
                            "the WebP is damaged: a frame lies outside the canvas");
    size_t row_bytes = image->x.count * 3;
    if (width < image->x.count || height < image->y.count)
        memset(image->rgb, 0, image->y.count * row_bytes);
    uint8_t *rgb = image->rgb + y * row_bytes + x * 3;
    size_t capacity = (height - 1) * row_bytes + width * 3;
    if (!WebPDecodeRGBInto(frame->fragment.bytes, frame->fragment.size, rgb, capacity,
                           (int)row_bytes))
        return osprey__fail(error, OSPREY_FORMAT, NULL, "the WebP's pixels are damaged");
    return OSPREY_OK;
}

static osprey_status decode_webp(WebPDemuxer *webp, size_t max_pixels, osprey_image **image,
                                 unsigned *orientation, osprey_error *error)
{
    OSPREY_TRY(osprey__image_create(WebPDemuxGetI(webp, WEBP_FF_CANVAS_WIDTH),
                                    WebPDemuxGetI(webp, WEBP_FF_CANVAS_HEIGHT), max_pixels, image,
                                    error));
    WebPIterator frame;
    if (!WebPDemuxGetFrame(webp, 1, &frame))
        return osprey__fail(error, OSPREY_FORMAT, NULL, "the WebP has no frame");
    osprey_status status = decode_frame(&frame, *image, error);
    WebPDemuxReleaseIterator(&frame);
    WebPChunkIterator exif;
    if (status == OSPREY_OK && WebPDemuxGetChunk(webp, "EXIF", 1, &exif)) {
        *orientation = osprey__exif_orientation(exif.chunk.bytes, exif.chunk.size);
        WebPDemuxReleaseChunkIterator(&exif);
    }
    return status;
}

osprey_status osprey__webp_decode(const uint8_t *bytes, size_t length,
                                  const osprey__decode_request *request, osprey_image **image,
                                  unsigned *orientation, osprey_error *error)
{
    const WebPData data = {bytes, length};
    WebPDemuxer *webp = WebPDemux(&data);
    if (!webp) return osprey__fail(error, OSPREY_FORMAT, NULL, "the WebP is truncated or damaged");
    osprey_status status = decode_webp(webp, request->max_pixels, image, orientation, error);
    WebPDemuxDelete(webp);
    if (status != OSPREY_OK) {
        osprey_image_free(*image);
        *image = NULL;
    }
    return status;
}
