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

/* A side at that scale, in patches, rounded up. */
static double patches_at(double scale, size_t pixels, size_t patch_size)
{
    return fmax(1, ceil((double)pixels * scale / (double)patch_size));
}

/*
 * The largest scale at which there are no more than max_patches, as transformers'
 * get_image_size_for_max_num_patches looks for it: its bounds and where it stops decide.
 */
static osprey_status whole_patches(const osprey_preprocessing *how, osprey__frame_side *height,
                                   osprey__frame_side *width, osprey_error *error)
{
    if (how->patch_size > MAX_SIDE || how->max_patches > MAX_SIDE ||
        !osprey_preprocessing_floats(how))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "preprocessing",
                            "an image cannot be cut into %zu patches of %zu x %zu pixels",
                            how->max_patches, how->patch_size, how->patch_size);
    const double most = (double)how->max_patches, close = 1e-5;
    double scale = close / 10, too_large = 100;
    while (too_large - scale >= close) {
        const double between = (scale + too_large) / 2;
        const double rows = patches_at(between, height->in, how->patch_size);
        const double columns = patches_at(between, width->in, how->patch_size);
        *(rows * columns <= most ? &scale : &too_large) = between;
    }
    const double rows = patches_at(scale, height->in, how->patch_size);
    const double columns = patches_at(scale, width->in, how->patch_size);
    if (rows * columns > most)
        return osprey__fail(error, OSPREY_LIMIT, "preprocessing",
                            "an image of height %zu and width %zu has more than %zu patches, "
                            "however small it is made",
                            height->in, width->in, how->max_patches);
    height->out = height->resized = (size_t)rows * how->patch_size;
    width->out = width->resized = (size_t)columns * how->patch_size;
    return OSPREY_OK;
}

static osprey_status find_resized(const osprey_preprocessing *how, osprey__frame_side *height,
                                  osprey__frame_side *width, osprey_error *error)
{
    size_t h = how->resize_height, w = how->resize_width;
    const bool has_size = how->resize != OSPREY_RESIZE_NONE && how->resize != OSPREY_RESIZE_PATCHES;
    if (has_size && (h == 0 || h > MAX_SIDE || w > MAX_SIDE))
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
    case OSPREY_RESIZE_PATCHES:
        return whole_patches(how, height, width, error);
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
    OSPREY_TRY(find_resized(how, height, width, error));
    if (height->out == 0 || width->out == 0 || height->out > MAX_SIDE || width->out > MAX_SIDE)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "preprocessing",
                            "%zu x %zu is no size for a model's input", height->out, width->out);
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
