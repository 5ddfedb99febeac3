/* SPDX-License-Identifier: Apache-2.0 */
#include "input/image/framing.h"

#include "base/status.h"

#include <math.h>

/* Larger sides are mistakes; below it no size in here overflows. */
#define MAX_SIDE ((size_t)1 << 20)

/* torchvision.transforms.Resize(int), transformers' get_resize_output_image_size. */
static void shortest_edge(size_t size, osprey__frame_side *height, osprey__frame_side *width)
{
    osprey__frame_side *shorter = width->in <= height->in ? width : height;
    osprey__frame_side *longer = shorter == width ? height : width;
    shorter->resized = size;
    longer->resized = size * longer->in / shorter->in;
}

/* open_clip's ResizeKeepRatio. */
static void keep_ratio(double ratio, osprey__frame_side *height, osprey__frame_side *width)
{
    osprey__frame_side *both[] = {height, width};
    for (size_t i = 0; i < 2; i++) {
        double size = rint((double)both[i]->in / ratio);
        both[i]->resized = size < 1 ? 1 : (size_t)size;
    }
}

static osprey_status find_resized(const osprey_preprocessing *how, osprey__frame_side *height,
                                  osprey__frame_side *width, osprey_error *error)
{
    size_t h = how->resize_height, w = how->resize_width;
    if (how->resize != OSPREY_RESIZE_NONE && (h == 0 || h > MAX_SIDE || w > MAX_SIDE))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "preprocessing",
                            "an image cannot be resized to a height of %zu and a width of %zu", h,
                            w);
    if (w == 0) w = h;
    double ratio_h = (double)height->in / (double)h, ratio_w = (double)width->in / (double)w;
    switch (how->resize) {
    case OSPREY_RESIZE_NONE:
        height->resized = height->in;
        width->resized = width->in;
        return OSPREY_OK;
    case OSPREY_RESIZE_SHORTEST:
        if (h == w)
            shortest_edge(h, height, width);
        else
            keep_ratio(fmin(ratio_h, ratio_w), height, width);
        return OSPREY_OK;
    case OSPREY_RESIZE_LONGEST:
        keep_ratio(fmax(ratio_h, ratio_w), height, width);
        return OSPREY_OK;
    case OSPREY_RESIZE_EXACT:
        height->resized = h;
        width->resized = w;
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "preprocessing", "%d is no way to resize",
                        (int)how->resize);
}

static void find_crop(const osprey_preprocessing *how, osprey__frame_side *e)
{
    bool half_even = how->crop_rounds_half_even;
    if (e->resized >= e->out) {
        size_t surplus = e->resized - e->out;
        e->first = surplus / 2;
        if (half_even && surplus % 4 == 3) e->first++;
        e->kept = e->out;
    } else {
        size_t lack = e->out - e->resized;
        e->before = half_even ? lack / 2 : (lack + 1) / 2;
        e->kept = e->resized;
    }
}

osprey_status osprey__framing_find(size_t image_width, size_t image_height,
                                   const osprey_preprocessing *how, osprey__framing *framing,
                                   osprey_error *error)
{
    osprey__frame_side *height = &framing->y, *width = &framing->x;
    *height = (osprey__frame_side){.in = image_height, .out = how->crop_height};
    *width = (osprey__frame_side){.in = image_width, .out = how->crop_width};
    if (height->out == 0 || width->out == 0 || height->out > MAX_SIDE || width->out > MAX_SIDE)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "preprocessing",
                            "%zu x %zu is no size for a model's input", height->out, width->out);
    OSPREY_TRY(find_resized(how, height, width, error));
    if (!how->center_crop && (height->resized != height->out || width->resized != width->out))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "preprocessing",
                            "an image of height %zu and width %zu becomes %zu x %zu where the "
                            "model takes %zu x %zu: it needs a centre crop or an exact resize",
                            height->in, width->in, height->resized, width->resized, height->out,
                            width->out);
    find_crop(how, height);
    find_crop(how, width);
    return OSPREY_OK;
}
