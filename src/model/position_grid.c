/* SPDX-License-Identifier: Apache-2.0 */
#include "model/position_grid.h"

#include "base/memory.h"
#include "base/status.h"
#include "model/convnext_weights.h"
#include "model/engine_model.h"
#include "model/mobile_weights.h"

#include <math.h>
#include <string.h>

/* Keys' cubic, "Cubic Convolution Interpolation for Digital Image Processing", 1981. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static size_t clamp(double at, size_t count)
{
    return at <= 0 ? 0 : at >= (double)(count - 1) ? count - 1 : (size_t)at;
}

static void linear_weights(double at, size_t from, float *row)
{
    const size_t low = clamp(floor(at), from), high = clamp(floor(at) + 1, from);
    row[low] += (float)(1 - (at - floor(at)));
    row[high] += (float)(at - floor(at));
}

/* What lies outside the grid is as its edge. */
static void cubic_weights(double at, size_t from, float *row)
{
    for (double tap = floor(at) - 1; tap <= floor(at) + 2; tap++)
        row[clamp(tap, from)] += (float)cubic(at - tap, -0.75);
}

static double smooth(osprey__grid_filter filter, double x)
{
    return filter == OSPREY__GRID_CUBIC_SMOOTH ? cubic(x, -0.5) : fmax(0, 1 - fabs(x));
}

/* What lies outside the grid does not count. */
static void smooth_weights(osprey__grid_filter filter, double centre, double scale, size_t from,
                           float *row)
{
    const double support = (filter == OSPREY__GRID_CUBIC_SMOOTH ? 2 : 1) * scale;
    const double begin = fmax(0, floor(centre - support + 0.5));
    const double end = fmin((double)from, floor(centre + support + 0.5));
    double sum = 0;
    for (double tap = begin; tap < end; tap++) sum += smooth(filter, (tap - centre + 0.5) / scale);
    for (double tap = begin; tap < end; tap++)
        row[(size_t)tap] = (float)(smooth(filter, (tap - centre + 0.5) / scale) / sum);
}

void osprey__grid_weights_of(osprey__grid_filter filter, size_t from, size_t to, size_t i,
                             float *weights)
{
    const double scale = (double)from / (double)to, centre = ((double)i + 0.5) * scale;
    memset(weights, 0, from * sizeof *weights);
    if (filter == OSPREY__GRID_LINEAR)
        linear_weights(to > 1 ? (double)i * (double)(from - 1) / (double)(to - 1) : 0, from,
                       weights);
    else if (filter == OSPREY__GRID_CUBIC)
        cubic_weights(centre - 0.5, from, weights);
    else
        smooth_weights(filter, centre, fmax(scale, 1), from, weights);
}

void osprey__grid_weights(osprey__grid_filter filter, size_t from, size_t to, float *weights)
{
    for (size_t i = 0; i < to; i++)
        osprey__grid_weights_of(filter, from, to, i, weights + i * from);
}

static size_t cell_of(const osprey__image_config *image)
{
    if (image->kind == OSPREY__IMAGE_MODIFIED_RESNET) return OSPREY__RESNET_CELL;
    if (image->kind == OSPREY__IMAGE_FASTVIT)
        return osprey__fastvit_cell(osprey__fastvit_stages(image));
    if (image->kind == OSPREY__IMAGE_CONVNEXT) return OSPREY__CONVNEXT_CELL;
    return image->patch_size * osprey__stem_reduction(image);
}

/* length, in proportion, rounded to the nearest. */
static size_t in_proportion(size_t length, size_t from, size_t to)
{
    return (length * to + from / 2) / from;
}

osprey_status osprey__model_set_image_size(osprey_model *model, size_t size, osprey_error *error)
{
    osprey__image_config *image = &model->config.image;
    osprey_preprocessing *how = &model->config.preprocessing;
    const size_t most = OSPREY__CONFIG_IMAGE_MAX;
    if (!image->layers)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "image size",
                            "%zu is asked for, but this model has no image tower", size);
    if (how->resize == OSPREY_RESIZE_PATCHES)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "image size",
                            "%zu is asked for, but this model takes pictures of any size and cuts "
                            "them into up to %zu patches, as its preprocessor_config.json says",
                            size, how->max_patches);
    if (size == image->image_height && size == image->image_width) return OSPREY_OK;
    if (model->engine)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, model->engine->path,
                            "is an engine for images of %zu x %zu pixels, not of %zu; compile the "
                            "model that it was made from with --image-size %zu",
                            image->image_width, image->image_height, size, size);
    if (image->kind == OSPREY__IMAGE_MIXER)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "image size",
                            "%zu is asked for, but an MLP-Mixer's layers are made for its own "
                            "number of patches: this one takes %zu x %zu pixels alone",
                            size, image->image_width, image->image_height);
    const size_t cell = cell_of(image);
    if (size < cell || size > most || size % cell)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "image size",
                            "%zu; a multiple of %zu, what the model sees as one patch, up to %zu "
                            "would be right",
                            size, cell, most / cell * cell);
    how->resize_height = in_proportion(how->resize_height, image->image_height, size);
    how->resize_width = in_proportion(how->resize_width, image->image_width, size);
    if (how->resize_height > most || how->resize_width > most)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "image size",
                            "%zu; this model's preprocessing would resize to more than %zu pixels",
                            size, most);
    how->crop_height = how->crop_width = size;
    image->trained_height = image->image_height;
    image->trained_width = image->image_width;
    image->image_height = image->image_width = size;
    return OSPREY_OK;
}

/* [height][width][elements] */
typedef struct grid {
    size_t height, width, elements;
} grid;

/* to[i] = sum of weights[i][k] * from[k], each a block of so many floats. */
static void resample(const float *weights, size_t from_count, size_t to_count, size_t block,
                     const float *from, float *to)
{
    memset(to, 0, to_count * block * sizeof *to);
    for (size_t i = 0; i < to_count; i++)
        for (size_t k = 0; k < from_count; k++) {
            const float weight = weights[i * from_count + k];
            if (weight == 0) continue;
            for (size_t e = 0; e < block; e++) to[i * block + e] += weight * from[k * block + e];
        }
}

static osprey_status resize(osprey__grid_filter filter, grid had, const float *from, grid has,
                            float *to, osprey_error *error)
{
    const size_t weights = has.height * had.height + has.width * had.width;
    const size_t between = had.height * has.width * had.elements, floats = weights + between;
    float *block = osprey__calloc(floats, sizeof *block);
    if (!block) return osprey__fail_memory(error, floats * sizeof *block);
    float *rows = block, *columns = rows + has.height * had.height, *wide = block + weights;
    osprey__grid_weights(filter, had.height, has.height, rows);
    osprey__grid_weights(filter, had.width, has.width, columns);
    for (size_t y = 0; y < had.height; y++)
        resample(columns, had.width, has.width, had.elements, from + y * had.width * had.elements,
                 wide + y * has.width * had.elements);
    resample(rows, had.height, has.height, has.width * had.elements, wide, to);
    osprey__free(block);
    return OSPREY_OK;
}

static osprey__grid_filter filter_of(const osprey_model *model)
{
    if (model->names->flax) return OSPREY__GRID_LINEAR;
    return strcmp(model->config.layout, "huggingface") == 0 ? OSPREY__GRID_CUBIC
                                                            : OSPREY__GRID_CUBIC_SMOOTH;
}

osprey__value_id osprey__build_positions(osprey__tower_builder *b, const char *name, size_t rank,
                                         size_t leading, size_t cell, size_t width)
{
    const osprey__image_config *image = &b->model->config.image;
    const grid has = {image->image_height / cell, image->image_width / cell, width};
    const bool resized = image->trained_height > 0;
    const grid had =
        resized ? (grid){image->trained_height / cell, image->trained_width / cell, width} : has;
    const size_t published[] = {1, leading + had.height * had.width, width};
    const size_t seen[] = {leading + has.height * has.width, width};
    const size_t *dims = published + 3 - rank, stay = leading * width;
    if (!resized) return osprey__build_tensor_as(b, name, rank, dims, 2, seen);
    float *from = osprey__build_floats(b, name, rank, dims), *to;
    osprey__value_id id = OSPREY__NO_VALUE;
    if (from) id = osprey__graph_new_constant(b->graph, name, 2, seen, &to);
    if (id != OSPREY__NO_VALUE) {
        osprey_error error;
        memcpy(to, from, stay * sizeof *to);
        if (resize(filter_of(b->model), had, from + stay, has, to + stay, &error) != OSPREY_OK)
            osprey__graph_fail(b->graph, &error);
    }
    osprey__free(from);
    return id;
}
