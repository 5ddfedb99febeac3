/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "input/image/image_object.h"
#include "input/image/resize.h"

#include <math.h>

/* Larger sides are mistakes; below it no size in here overflows. */
#define MAX_SIDE ((size_t)1 << 20)

/* One direction of the way from the image to the model's input. */
typedef struct extent {
    size_t in;      /* image */
    size_t resized; /* after the resize */
    size_t out;     /* the model's input */
    size_t first;   /* of the resized samples, the first that is kept */
    size_t kept;    /* how many */
    size_t before;  /* padding in front of them; what is missing at the end is padding too */
} extent;

/* torchvision.transforms.Resize(int), transformers' get_resize_output_image_size. */
static void shortest_edge(size_t size, extent *height, extent *width)
{
    extent *shorter = width->in <= height->in ? width : height;
    extent *longer = shorter == width ? height : width;
    shorter->resized = size;
    longer->resized = size * longer->in / shorter->in;
}

/* open_clip's ResizeKeepRatio. */
static void keep_ratio(double ratio, extent *height, extent *width)
{
    extent *both[] = {height, width};
    for (size_t i = 0; i < 2; i++) {
        double size = rint((double)both[i]->in / ratio);
        both[i]->resized = size < 1 ? 1 : (size_t)size;
    }
}

static osprey_status find_resized(const osprey_preprocessing *how, extent *height, extent *width,
                                  osprey_error *error)
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

static void find_crop(const osprey_preprocessing *how, extent *e)
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

static osprey_status find_extents(const osprey_image *image, const osprey_preprocessing *how,
                                  extent *height, extent *width, osprey_error *error)
{
    *height = (extent){.in = image->height, .out = how->crop_height};
    *width = (extent){.in = image->width, .out = how->crop_width};
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

static osprey_status find_levels(const osprey_preprocessing *how, osprey__resize_levels *levels,
                                 osprey_error *error)
{
    float scale[3], shift[3];
    double factor = how->rescale ? (double)how->rescale_factor : 1.0;
    for (int channel = 0; channel < 3; channel++) {
        double mean = how->normalize ? (double)how->mean[channel] : 0.0;
        double std = how->normalize ? (double)how->std[channel] : 1.0;
        if (!(std > 0))
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "preprocessing",
                                "a standard deviation of %g; it has to be above 0", std);
        scale[channel] = (float)(factor / std);
        shift[channel] = (float)(-mean / std);
    }
    osprey__resize_levels_init(levels, scale, shift);
    return OSPREY_OK;
}

static void fill(const osprey_preprocessing *how, const osprey__resize_levels *levels,
                 float *pixels)
{
    size_t plane = how->crop_height * how->crop_width;
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t i = 0; i < plane; i++)
            pixels[channel * plane + i] = levels->table[channel][how->fill[channel]];
}

/* A rectangle of RGB pixels in a larger one. */
typedef struct view {
    const uint8_t *rgb;
    size_t row_bytes;
    size_t height, width;
} view;

/* Working memory and tables of one call. */
typedef struct workspace {
    osprey__resize_axis columns, rows; /* empty where the size stays the same */
    uint8_t *after_columns, *after_rows;
} workspace;

static void workspace_free(workspace *work)
{
    osprey__resize_axis_free(&work->columns);
    osprey__resize_axis_free(&work->rows);
    osprey__aligned_free(work->after_columns);
    osprey__aligned_free(work->after_rows);
}

/* The axis, and which samples of the source it needs. Its windows count from *first. */
static osprey_status make_axis(osprey__resize_axis *axis, const extent *e, osprey_resample resample,
                               size_t *first, size_t *count, osprey_error *error)
{
    *first = e->first;
    *count = e->kept;
    if (e->resized == e->in) return OSPREY_OK;
    OSPREY_TRY(
        osprey__resize_axis_init(axis, e->in, e->resized, e->first, e->kept, resample, error));
    osprey__resize_window last = axis->windows[e->kept - 1];
    *first = axis->windows[0].first;
    *count = last.first + last.taps - *first;
    for (size_t i = 0; i < e->kept; i++) axis->windows[i].first -= *first;
    return OSPREY_OK;
}

/* Room for height rows of width pixels, which *at then is a view of. */
static osprey_status make_room(view *at, size_t height, size_t width, uint8_t **block,
                               osprey_error *error)
{
    size_t row_bytes = osprey__round_up(width * 3 + OSPREY__RESIZE_ROW_SLACK, OSPREY__ALIGNMENT);
    size_t bytes;
    if (!osprey__multiply(row_bytes, height, &bytes)) return osprey__fail_memory(error, SIZE_MAX);
    *block = osprey__aligned_alloc(bytes + OSPREY__RESIZE_SLACK);
    if (!*block) return osprey__fail_memory(error, bytes);
    *at = (view){*block, row_bytes, height, width};
    return OSPREY_OK;
}

static osprey_status resize_columns(view *at, workspace *work,
                                    const osprey__resize_kernels *kernels, osprey_error *error)
{
    if (work->columns.count == 0) return OSPREY_OK;
    view from = *at;
    OSPREY_TRY(make_room(at, from.height, work->columns.count, &work->after_columns, error));
    kernels->horizontal(from.rgb, from.row_bytes, from.height, &work->columns, work->after_columns,
                        at->row_bytes);
    return OSPREY_OK;
}

static osprey_status resize_rows(view *at, workspace *work, const osprey__resize_kernels *kernels,
                                 osprey_error *error)
{
    if (work->rows.count == 0) return OSPREY_OK;
    view from = *at;
    OSPREY_TRY(make_room(at, work->rows.count, from.width, &work->after_rows, error));
    for (size_t y = 0; y < at->height; y++)
        kernels->vertical(from.rgb, from.row_bytes, &work->rows, y,
                          work->after_rows + y * at->row_bytes, from.width * 3);
    return OSPREY_OK;
}

/* Pillow 13 begins with the columns unless the height shrinks by more than twice as many pixels
 * as the width (its pull request 9549); earlier ones always begin with the columns. */
static bool rows_come_first(const extent *height, const extent *width)
{
    if (height->resized >= height->in) return false;
    if (width->resized >= width->in) return true;
    return height->in - height->resized > 2 * (width->in - width->resized);
}

/* *at: the pixels that the crop keeps. They belong to the image or to work. */
static osprey_status resize(const osprey_image *image, osprey_resample resample,
                            const extent *height, const extent *width,
                            const osprey__resize_kernels *kernels, workspace *work, view *at,
                            osprey_error *error)
{
    size_t top, left;
    *at = (view){.row_bytes = image->width * 3};
    OSPREY_TRY(make_axis(&work->rows, height, resample, &top, &at->height, error));
    OSPREY_TRY(make_axis(&work->columns, width, resample, &left, &at->width, error));
    at->rgb = image->rgb + top * at->row_bytes + left * 3;
    if (rows_come_first(height, width)) {
        OSPREY_TRY(resize_rows(at, work, kernels, error));
        return resize_columns(at, work, kernels, error);
    }
    OSPREY_TRY(resize_columns(at, work, kernels, error));
    return resize_rows(at, work, kernels, error);
}

osprey_status osprey_image_preprocess(const osprey_image *image,
                                      const osprey_preprocessing *preprocessing, float *pixels,
                                      osprey_error *error)
{
    extent height, width;
    OSPREY_TRY(find_extents(image, preprocessing, &height, &width, error));
    osprey__resize_levels levels;
    OSPREY_TRY(find_levels(preprocessing, &levels, error));
    const osprey__cpu_features *features;
    OSPREY_TRY(osprey__cpu_features_get(&features, error));
    const osprey__resize_kernels *kernels = osprey__resize_kernels_for(features);
    workspace work = {0};
    view at;
    osprey_status status =
        resize(image, preprocessing->resample, &height, &width, kernels, &work, &at, error);
    if (status == OSPREY_OK) {
        if (height.kept < height.out || width.kept < width.out)
            fill(preprocessing, &levels, pixels);
        size_t plane = height.out * width.out;
        for (size_t y = 0; y < height.kept; y++) {
            float *to = pixels + (height.before + y) * width.out + width.before;
            float *const planes[3] = {to, to + plane, to + 2 * plane};
            kernels->to_planes(at.rgb + y * at.row_bytes, width.kept, &levels, planes);
        }
    }
    workspace_free(&work);
    return status;
}
