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

/* weights: room for one output's. */
static void fill_output(osprey__resize_axis *axis, size_t index, size_t in, double center,
                        double filter_scale, const filter *f, double *weights)
{
    double support = f->support * filter_scale, per_sample = 1.0 / filter_scale;
    double low = center - support + 0.5, high = center + support + 0.5;
    size_t first = low > 0 ? (size_t)low : 0;
    size_t end = high < (double)in ? (size_t)high : in;
    double sum = 0.0;
    for (size_t i = 0; i < end - first; i++) {
        double x = (double)(ptrdiff_t)(i + first) - center + 0.5;
        weights[i] = f->weight(x * per_sample);
        sum += weights[i];
    }
    axis->windows[index] = (osprey__resize_window){first, end - first};
    int32_t *coefficients = axis->coefficients + index * axis->stride;
    for (size_t i = 0; i < end - first; i++) {
        double share = sum != 0.0 ? weights[i] / sum : weights[i];
        double rounding = share < 0 ? -0.5 : 0.5;
        coefficients[i] = (int32_t)(rounding + share * (1 << OSPREY__RESIZE_BITS));
    }
    split_output(axis, index);
}

/* One input each, at places that Pillow adds up step by step (ImagingScaleAffine in Geometry.c):
 * hence from the first output on, whichever is wanted. */
static void fill_nearest(osprey__resize_axis *axis, size_t in, size_t first, double scale)
{
    double place = scale * 0.5;
    for (size_t i = 0; i < first + axis->count; i++, place += scale) {
        if (i < first) continue;
        size_t nearest = (size_t)place < in ? (size_t)place : in - 1;
        axis->windows[i - first] = (osprey__resize_window){nearest, 1};
        axis->coefficients[(i - first) * axis->stride] = 1 << OSPREY__RESIZE_BITS;
        split_output(axis, i - first);
    }
}

osprey_status osprey__resize_axis_init(osprey__resize_axis *axis, size_t in, size_t out,
                                       size_t first, size_t count, osprey_resample resample,
                                       osprey_error *error)
{
    *axis = (osprey__resize_axis){.count = count};
    const filter *f = NULL;
    OSPREY_TRY(find_filter(resample, &f, error));
    double scale = (double)in / (double)out;
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    size_t most_taps = (size_t)ceil(f->support * filter_scale) * 2 + 1;
    axis->stride = osprey__round_up(most_taps, 4);
    size_t coefficients;
    if (!osprey__multiply(count, axis->stride, &coefficients) || coefficients > MAX_COEFFICIENTS)
        return osprey__fail(error, OSPREY_LIMIT, NULL,
                            "a side of %zu pixels is too long to be resized to %zu", in, out);
    axis->windows = osprey__calloc(count, sizeof *axis->windows);
    axis->coefficients = osprey__calloc(coefficients, sizeof *axis->coefficients);
    axis->pairs = osprey__calloc(coefficients / 2, sizeof *axis->pairs);
    axis->quads = osprey__calloc(coefficients / 4, sizeof *axis->quads);
    double *weights = osprey__calloc(axis->stride, sizeof *weights);
    if (!axis->windows || !axis->coefficients || !axis->pairs || !axis->quads || !weights)
        goto no_memory;
    if (!f->weight) fill_nearest(axis, in, first, scale);
    for (size_t i = 0; f->weight && i < count; i++) {
        double center = ((double)(first + i) + 0.5) * scale;
        fill_output(axis, i, in, center, filter_scale, f, weights);
    }
    osprey__free(weights);
    return OSPREY_OK;

no_memory:
    osprey__free(weights);
    osprey__resize_axis_free(axis);
    return osprey__fail(error, OSPREY_OUT_OF_MEMORY, NULL,
                        "no memory for the resize of %zu samples to %zu", in, out);
}

void osprey__resize_axis_free(osprey__resize_axis *axis)
{
    osprey__free(axis->windows);
    osprey__free(axis->coefficients);
    osprey__free(axis->pairs);
    osprey__free(axis->quads);
    *axis = (osprey__resize_axis){0};
}
