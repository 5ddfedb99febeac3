/* SPDX-License-Identifier: Apache-2.0 */
#include "input/image/decode_window.h"

#include "base/status.h"
#include "input/image/framing.h"
#include "input/image/resize.h"

/*
 * A scaled picture still has at least twice the pixels that the resize leaves, in each direction.
 * It is the gap that Pillow keeps in Image.thumbnail (reducing_gap=2.0), which decodes JPEGs at the
 * same scales. Between 2 and 1 embeddings would lose three times as much (docs/performance.md).
 */
#define REDUCING_GAP 2
#define MOST_SCALE   8

static bool has_pixels_for(const osprey__frame_side *frame, unsigned scale)
{
    return frame->in / scale / REDUCING_GAP >= frame->resized;
}

/* The largest; not for the nearest pixel, which a mean of several is not. */
static unsigned find_scale(const osprey__framing *framing)
{
    unsigned scale = MOST_SCALE;
    while (scale > 1 && !(has_pixels_for(&framing->x, scale) && has_pixels_for(&framing->y, scale)))
        scale /= 2;
    return scale;
}

/* Of the upright side, the samples that are needed. */
static osprey_status find_needed(const osprey__frame_side *frame, osprey_resample resample,
                                 osprey__image_side *side, osprey_error *error)
{
    osprey__resize_window reach = {frame->first, frame->kept};
    if (frame->resized != frame->in) {
        const osprey__resize_input in = {side->samples, side->begin, side->end};
        OSPREY_TRY(osprey__resize_reach(&in, frame->resized, frame->first, frame->kept, resample,
                                        &reach, error));
    }
    side->first = reach.first;
    side->count = reach.taps;
    return OSPREY_OK;
}

static void set_scale(osprey__decode_window *window, size_t width, size_t height, unsigned scale)
{
    window->scale = scale;
    window->x = osprey__image_side_of(width, scale);
    window->y = osprey__image_side_of(height, scale);
}

osprey_status osprey__decode_window_find(size_t width, size_t height, unsigned orientation,
                                         const osprey__decode_request *request,
                                         osprey__decode_window *window, osprey_error *error)
{
    const osprey_preprocessing *how = request->preprocessing;
    osprey__image_side *x = &window->x, *y = &window->y;
    set_scale(window, width, height, 1);
    if (!how) return OSPREY_OK;
    if (request->ignore_exif) orientation = 1;
    osprey__image_sides_turn(orientation, x, y);
    osprey__framing framing;
    OSPREY_TRY(osprey__framing_find(x->pixels, y->pixels, how, &framing, error));
    bool may_scale = !request->exact && how->resample != OSPREY_RESAMPLE_NEAREST;
    set_scale(window, width, height, may_scale ? find_scale(&framing) : 1);
    osprey__image_sides_turn(orientation, x, y);
    OSPREY_TRY(find_needed(&framing.x, how->resample, x, error));
    OSPREY_TRY(find_needed(&framing.y, how->resample, y, error));
    osprey__image_sides_turn_back(orientation, x, y);
    return OSPREY_OK;
}
