/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "input/image/framing.h"
#include "input/image/image_object.h"
#include "input/image/resize.h"

#include <string.h>

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

size_t osprey_preprocessing_floats(const osprey_preprocessing *how)
{
    size_t rows = how->crop_height, columns = how->crop_width, floats;
    if (how->resize == OSPREY_RESIZE_PATCHES) {
        if (how->max_patches == SIZE_MAX ||
            !osprey__multiply(how->patch_size, how->patch_size, &columns))
            return 0;
        rows = how->max_patches ? 1 + how->max_patches : 0;
    }
    if (!osprey__multiply(rows, columns, &floats) || !osprey__multiply(floats, 3, &floats))
        return 0;
    return floats <= SIZE_MAX / sizeof(float) ? floats : 0;
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

/*
 * The axis, and which samples of the image it needs. Its windows count from *first. A side that
 * keeps its size needs none.
 */
static osprey_status make_axis(osprey__resize_axis *axis, const osprey__image_side *side,
                               const osprey__frame_side *frame, osprey_resample resample,
                               size_t *first, size_t *count, osprey_error *error)
{
    *first = frame->first;
    *count = frame->kept;
    if (frame->resized == frame->in) return OSPREY_OK;
    const osprey__resize_input in = {side->samples, side->begin, side->end};
    OSPREY_TRY(osprey__resize_axis_init(axis, &in, frame->resized, frame->first, frame->kept,
                                        resample, error));
    osprey__resize_window last = axis->windows[frame->kept - 1];
    *first = axis->windows[0].first;
    *count = last.first + last.taps - *first;
    for (size_t i = 0; i < frame->kept; i++) axis->windows[i].first -= *first;
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
static bool rows_come_first(const osprey_image *image, const osprey__framing *framing)
{
    size_t width = image->x.samples, height = image->y.samples;
    if (framing->y.resized >= height) return false;
    if (framing->x.resized >= width) return true;
    return height - framing->y.resized > 2 * (width - framing->x.resized);
}

/* *at: the pixels that the crop keeps. They belong to the image or to work. */
static osprey_status resize(const osprey_image *image, osprey_resample resample,
                            const osprey__framing *framing, const osprey__resize_kernels *kernels,
                            workspace *work, view *at, osprey_error *error)
{
    size_t top, left;
    *at = (view){.row_bytes = image->x.count * 3};
    OSPREY_TRY(make_axis(&work->rows, &image->y, &framing->y, resample, &top, &at->height, error));
    OSPREY_TRY(
        make_axis(&work->columns, &image->x, &framing->x, resample, &left, &at->width, error));
    at->rgb = image->rgb + (top - image->y.first) * at->row_bytes + (left - image->x.first) * 3;
    if (rows_come_first(image, framing)) {
        OSPREY_TRY(resize_rows(at, work, kernels, error));
        return resize_columns(at, work, kernels, error);
    }
    OSPREY_TRY(resize_columns(at, work, kernels, error));
    return resize_rows(at, work, kernels, error);
}

/* The pixels as planes within the model's input. */
static void write_planes(const osprey_preprocessing *how, const osprey__framing *framing,
                         const osprey__resize_kernels *kernels, const osprey__resize_levels *levels,
                         const view *at, float *pixels)
{
    const osprey__frame_side *x = &framing->x, *y = &framing->y;
    if (y->kept < y->out || x->kept < x->out) fill(how, levels, pixels);
    size_t plane = y->out * x->out;
    for (size_t row = 0; row < y->kept; row++) {
        float *to = pixels + (y->before + row) * x->out + x->before;
        float *const planes[3] = {to, to + plane, to + 2 * plane};
        kernels->to_planes(at->rgb + row * at->row_bytes, x->kept, levels, planes);
    }
}

/* The pixels as rows of patches, behind one that says how many lie below and beside each other. */
static void write_patches(const osprey_preprocessing *how, const osprey__resize_levels *levels,
                          const view *at, float *pixels)
{
    const size_t patch = how->patch_size, row_floats = 3 * patch * patch;
    const size_t rows = at->height / patch, columns = at->width / patch;
    memset(pixels, 0, (1 + how->max_patches) * row_floats * sizeof *pixels);
    pixels[0] = (float)rows;
    pixels[1] = (float)columns;
    float *to = pixels + row_floats;
    for (size_t p = 0; p < rows * columns; p++)
        for (size_t y = 0; y < patch; y++) {
            const uint8_t *from =
                at->rgb + (p / columns * patch + y) * at->row_bytes + p % columns * patch * 3;
            for (size_t i = 0; i < 3 * patch; i++) *to++ = levels->table[i % 3][from[i]];
        }
}

osprey_status osprey_image_preprocess(const osprey_image *image,
                                      const osprey_preprocessing *preprocessing, float *pixels,
                                      osprey_error *error)
{
    osprey__framing framing;
    OSPREY_TRY(
        osprey__framing_find(image->x.pixels, image->y.pixels, preprocessing, &framing, error));
    osprey__resize_levels levels;
    OSPREY_TRY(find_levels(preprocessing, &levels, error));
    const osprey__cpu_features *features;
    OSPREY_TRY(osprey__cpu_features_get(&features, error));
    const osprey__resize_kernels *kernels = osprey__resize_kernels_for(features);
    workspace work = {0};
    view at;
    osprey_status status =
        resize(image, preprocessing->resample, &framing, kernels, &work, &at, error);
    if (status == OSPREY_OK && preprocessing->resize == OSPREY_RESIZE_PATCHES)
        write_patches(preprocessing, &levels, &at, pixels);
    else if (status == OSPREY_OK)
        write_planes(preprocessing, &framing, kernels, &levels, &at, pixels);
    workspace_free(&work);
    return status;
}
