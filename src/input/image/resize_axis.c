/* SPDX-License-Identifier: Apache-2.0 */
/* The coefficients. Doubles are computed step by step in Pillow's order: the last bit counts. */
#include "base/memory.h"
#include "base/status.h"
#include "input/image/resize.h"

#include <math.h>

/* An output has about four coefficients for each input that it stands for. More than this takes a
 * side of some four million pixels, which no photograph has and a small hostile PNG may claim. */
#define MAX_COEFFICIENTS ((size_t)1 << 24)

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0.0) return 1.0;
    if (x >= 1.0) return 0.0;
    x *= M_PI;
    return sin(x) / x * (0.54F + 0.46F * cos(x)); /* Pillow has floats here */
}

/* Keys' cubic convolution with a = -0.5. */
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0) return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

typedef struct filter {
    double (*weight)(double x);
    double support; /* the weight is 0 beyond it */
} filter;

static const filter filters[] = {
    [OSPREY_RESAMPLE_NEAREST] = {NULL, 0.5}, /* see fill_nearest */
    [OSPREY_RESAMPLE_LANCZOS] = {lanczos, 3.0}, [OSPREY_RESAMPLE_BILINEAR] = {bilinear, 1.0},
    [OSPREY_RESAMPLE_BICUBIC] = {bicubic, 2.0}, [OSPREY_RESAMPLE_BOX] = {box, 0.5},
    [OSPREY_RESAMPLE_HAMMING] = {hamming, 1.0},
};

static osprey_status find_filter(osprey_resample resample, const filter **found,
                                 osprey_error *error)
{
    if ((size_t)resample >= sizeof filters / sizeof *filters)
        return osprey__fail(error, OSPREY_UNSUPPORTED, NULL,
                            "%d is no resampling filter; osprey has 0 (nearest), 1 (lanczos), "
                            "2 (bilinear), 3 (bicubic), 4 (box) and 5 (hamming)",
                            (int)resample);
    *found = &filters[resample];
    return OSPREY_OK;
}

/* The lowest `bits` of *value as a number from `least` on, taken away; what remains is shifted. */
static int32_t take_low(int32_t *value, int bits, int32_t least)
{
    int32_t range = 1 << bits;
    int32_t low = (int32_t)((uint32_t)(*value - least) & (uint32_t)(range - 1)) + least;
    *value = (*value - low) / range;
    return low;
}

/* The forms that vectors multiply with. */
static void split_output(osprey__resize_axis *axis, size_t index)
{
    const int32_t *coefficients = axis->coefficients + index * axis->stride;
    osprey__resize_pair *pairs = axis->pairs + index * axis->stride / 2;
    osprey__resize_quad *quads = axis->quads + index * axis->stride / 4;
    for (size_t i = 0; i < axis->stride; i++) {
        int32_t rest = coefficients[i];
        pairs[i / 2].low[i % 2] = (int16_t)take_low(&rest, OSPREY__RESIZE_LOW_BITS, 0);
        pairs[i / 2].high[i % 2] = (int16_t)rest;
        rest = coefficients[i];
        quads[i / 4].byte[0][i % 4] = (int8_t)take_low(&rest, 8, -128);
        quads[i / 4].byte[1][i % 4] = (int8_t)take_low(&rest, 8, -128);
        quads[i / 4].byte[2][i % 4] = (int8_t)rest;
    }
}

/* The way that all outputs of a resize have in common. */
typedef struct mapping {
    const filter *filter;
    size_t samples;
    double begin, scale; /* output i has its centre at begin + (i + 0.5) * scale */
    double filter_scale; /* a filter widens as the picture shrinks */
} mapping;

static osprey_status find_mapping(const osprey__resize_input *in, size_t out,
                                  osprey_resample resample, mapping *map, osprey_error *error)
{
    *map = (mapping){.samples = in->samples, .begin = in->begin};
    OSPREY_TRY(find_filter(resample, &map->filter, error));
    map->scale = (in->end - in->begin) / (double)out;
    map->filter_scale = map->scale < 1.0 ? 1.0 : map->scale;
    return OSPREY_OK;
}

static double center_of(const mapping *map, size_t output)
{
    return map->begin + ((double)output + 0.5) * map->scale;
}

static osprey__resize_window window_of(const mapping *map, size_t output)
{
    double center = center_of(map, output), support = map->filter->support * map->filter_scale;
    double low = center - support + 0.5, high = center + support + 0.5;
    size_t first = low > 0 ? (size_t)low : 0;
    size_t end = high < (double)map->samples ? (size_t)high : map->samples;
    return (osprey__resize_window){first, end - first};
}

/* weights: room for one output's. */
static void fill_output(osprey__resize_axis *axis, size_t index, size_t output, const mapping *map,
                        double *weights)
{
    osprey__resize_window window = window_of(map, output);
    double center = center_of(map, output), per_sample = 1.0 / map->filter_scale, sum = 0.0;
    for (size_t i = 0; i < window.taps; i++) {
        double x = (double)(ptrdiff_t)(i + window.first) - center + 0.5;
        weights[i] = map->filter->weight(x * per_sample);
        sum += weights[i];
    }
    axis->windows[index] = window;
    int32_t *coefficients = axis->coefficients + index * axis->stride;
    for (size_t i = 0; i < window.taps; i++) {
        double share = sum != 0.0 ? weights[i] / sum : weights[i];
        double rounding = share < 0 ? -0.5 : 0.5;
        coefficients[i] = (int32_t)(rounding + share * (1 << OSPREY__RESIZE_BITS));
    }
    split_output(axis, index);
}

/* One input each, at places that Pillow adds up step by step (ImagingScaleAffine in Geometry.c):
 * hence from the first output on, whichever is wanted. */
static double first_place(const mapping *map, size_t first)
{
    double place = map->begin + map->scale * 0.5;
    for (size_t i = 0; i < first; i++) place += map->scale;
    return place;
}

static size_t nearest_to(const mapping *map, double place)
{
    return (size_t)place < map->samples ? (size_t)place : map->samples - 1;
}

static void fill_nearest(osprey__resize_axis *axis, size_t first, const mapping *map)
{
    double place = first_place(map, first);
    for (size_t i = 0; i < axis->count; i++, place += map->scale) {
        axis->windows[i] = (osprey__resize_window){nearest_to(map, place), 1};
        axis->coefficients[i * axis->stride] = 1 << OSPREY__RESIZE_BITS;
        split_output(axis, i);
    }
}

osprey_status osprey__resize_reach(const osprey__resize_input *in, size_t out, size_t first,
                                   size_t count, osprey_resample resample,
                                   osprey__resize_window *reach, osprey_error *error)
{
    mapping map;
    OSPREY_TRY(find_mapping(in, out, resample, &map, error));
    size_t end;
    if (map.filter->weight) {
        osprey__resize_window last = window_of(&map, first + count - 1);
        reach->first = window_of(&map, first).first;
        end = last.first + last.taps;
    } else {
        reach->first = nearest_to(&map, first_place(&map, first));
        end = nearest_to(&map, first_place(&map, first + count - 1)) + 1;
    }
    reach->taps = end - reach->first;
    return OSPREY_OK;
}

osprey_status osprey__resize_axis_init(osprey__resize_axis *axis, const osprey__resize_input *in,
                                       size_t out, size_t first, size_t count,
                                       osprey_resample resample, osprey_error *error)
{
    *axis = (osprey__resize_axis){.count = count};
    mapping map;
    OSPREY_TRY(find_mapping(in, out, resample, &map, error));
    size_t most_taps = (size_t)ceil(map.filter->support * map.filter_scale) * 2 + 1;
    axis->stride = osprey__round_up(most_taps, 4);
    size_t coefficients;
    if (!osprey__multiply(count, axis->stride, &coefficients) || coefficients > MAX_COEFFICIENTS)
        return osprey__fail(error, OSPREY_LIMIT, NULL,
                            "a side of %zu pixels is too long to be resized to %zu", in->samples,
                            out);
    axis->windows = osprey__calloc(count, sizeof *axis->windows);
    axis->coefficients = osprey__calloc(coefficients, sizeof *axis->coefficients);
    axis->pairs = osprey__calloc(coefficients / 2, sizeof *axis->pairs);
    axis->quads = osprey__calloc(coefficients / 4, sizeof *axis->quads);
    double *weights = osprey__calloc(axis->stride, sizeof *weights);
    if (!axis->windows || !axis->coefficients || !axis->pairs || !axis->quads || !weights)
        goto no_memory;
    if (map.filter->weight)
        for (size_t i = 0; i < count; i++) fill_output(axis, i, first + i, &map, weights);
    else
        fill_nearest(axis, first, &map);
    osprey__free(weights);
    return OSPREY_OK;

no_memory:
    osprey__free(weights);
    osprey__resize_axis_free(axis);
    return osprey__fail(error, OSPREY_OUT_OF_MEMORY, NULL,
                        "no memory for the resize of %zu samples to %zu", in->samples, out);
}

void osprey__resize_axis_free(osprey__resize_axis *axis)
{
    osprey__free(axis->windows);
    osprey__free(axis->coefficients);
    osprey__free(axis->pairs);
    osprey__free(axis->quads);
    *axis = (osprey__resize_axis){0};
}
