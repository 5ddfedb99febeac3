/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/calibration.h"

#include <math.h>
#include <string.h>

#define BINS           OSPREY__HISTOGRAM_BINS
#define BINS_LOG2      11
#define LEVELS         128  /* of a magnitude in int8, 0 included */
#define LEAST_EXPONENT -100 /* keeps the bins' scale a normal float */

static int exponent_of(float largest)
{
    int exponent;
    frexpf(largest, &exponent);
    return largest < ldexpf(1, LEAST_EXPONENT) ? LEAST_EXPONENT : exponent;
}

static void double_bins(osprey__histogram *histogram)
{
    uint64_t *counts = histogram->counts;
    for (size_t i = 0; i < BINS / 2; i++) counts[i] = counts[2 * i] + counts[2 * i + 1];
    memset(counts + BINS / 2, 0, BINS / 2 * sizeof *counts);
    histogram->exponent++;
}

static float largest_magnitude(const float *values, size_t count)
{
    /* As integers they are ordered as the floats are, and a NaN is above infinity. */
    uint32_t largest = 0;
    float magnitude;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits &= 0x7fffffff;
        largest = bits > largest ? bits : largest;
    }
    memcpy(&magnitude, &largest, sizeof magnitude);
    return magnitude;
}

void osprey__histogram_add(osprey__histogram *histogram, const float *values, size_t count)
{
    if (!count) return;
    float largest = largest_magnitude(values, count);
    if (!isfinite(largest)) {
        histogram->not_finite = true;
        return;
    }
    int exponent = exponent_of(largest);
    if (!histogram->started) histogram->exponent = exponent;
    while (histogram->exponent < exponent) double_bins(histogram);
    histogram->started = true;
    histogram->largest = fmaxf(histogram->largest, largest);
    /* A power of two: no value is rounded, so it falls where doubled bins would have it. */
    float scale = ldexpf(1, BINS_LOG2 - histogram->exponent);
    for (size_t i = 0; i < count; i++) histogram->counts[(size_t)(fabsf(values[i]) * scale)]++;
}

/*
 * Sums over the bins before each, so that a cut costs no more than its levels. Those of bin 0 are
 * left out: it rounds to zero, which is exact for all that a rectifier lets not pass. Counted, such
 * zeros, often half of all values, would outweigh the tail, and the finest levels would seem best.
 */
typedef struct bin_sums {
    double values[BINS + 1];
    double logarithms[BINS + 1]; /* of count * log(count) */
    size_t filled[BINS + 1];     /* bins that are not empty */
} bin_sums;

static double times_log(double x)
{
    return x > 0 ? x * log(x) : 0;
}

static void sum_bins(const osprey__histogram *histogram, bin_sums *sums)
{
    *sums = (bin_sums){0};
    for (size_t i = 1; i < BINS; i++) {
        double count = (double)histogram->counts[i];
        sums->values[i + 1] = sums->values[i] + count;
        sums->logarithms[i + 1] = sums->logarithms[i] + times_log(count);
        sums->filled[i + 1] = sums->filled[i] + (count > 0);
    }
}

/*
 * The divergence, sum of p * log(p / q), when the first `cut` bins stay. p: their shares, with all
 * that is cut off in the last. q: each level's values spread evenly over those of its bins that are
 * not empty. Infinite where values are moved to a bin that was empty.
 */
static double divergence(const bin_sums *sums, size_t cut)
{
    double all = sums->values[BINS], inside = sums->values[cut], outside = all - inside;
    double last = inside - sums->values[cut - 1];
    if (last == 0 && outside > 0) return INFINITY;
    /* Of p * log(p), which is the same for all cuts but for the last bin; then of p * log(q). */
    double own = sums->logarithms[cut] - times_log(last) + times_log(last + outside);
    double levels = 0;
    for (size_t level = 0; level < LEVELS; level++) {
        size_t begin = level * cut / LEVELS, end = (level + 1) * cut / LEVELS;
        double count = sums->values[end] - sums->values[begin];
        double moved = end == cut ? outside : 0;
        double bins = (double)(sums->filled[end] - sums->filled[begin]);
        if (count > 0) levels += (count + moved) * log(count / (bins * inside));
    }
    return (own - levels) / all - log(all);
}

/* The integral, from 0 to x, of the squared distance to the nearest level; the last has no end. */
static double error_below(double x, double step)
{
    double level = fmin(round(x / step), LEVELS - 1), beyond = x - level * step;
    return level * step * step * step / 12 + beyond * beyond * beyond / 3;
}

/* What rounding and cutting cost: the sum of squared errors, the values of a bin spread over it.
 * Lengths are in bins. */
static double squared_error(const osprey__histogram *histogram, double range)
{
    double step = range / (LEVELS - 1), below = error_below(1, step), sum = 0;
    for (size_t i = 1; i < BINS; i++) {
        double next = error_below((double)(i + 1), step);
        sum += (double)histogram->counts[i] * (next - below);
        below = next;
    }
    return sum;
}

/*
 * The divergence alone sees how many values a cut moves, not how far, and a few large ones may be
 * what a result hangs on. So no cut is below the one whose squared error is least, where more
 * values would be moved farther for nothing, nor one whose error is above that of no cut.
 */
static float entropy_range(const osprey__histogram *histogram)
{
    bin_sums sums;
    double errors[BINS + 1], least = INFINITY;
    size_t used = BINS, first = LEVELS, best = BINS;
    sum_bins(histogram, &sums);
    while (used > 0 && !histogram->counts[used - 1]) used--;
    double largest = ldexp((double)histogram->largest, BINS_LOG2 - histogram->exponent);
    for (size_t cut = LEVELS; cut <= used; cut++) {
        errors[cut] = squared_error(histogram, fmin((double)cut, largest));
        if (errors[cut] < errors[first]) first = cut;
    }
    for (size_t cut = first; cut <= used; cut++) {
        double found = divergence(&sums, cut);
        if (found >= least || errors[cut] > errors[used]) continue;
        least = found;
        best = cut;
    }
    float range = ldexpf((float)best, histogram->exponent - BINS_LOG2);
    return fminf(range, histogram->largest);
}

float osprey__histogram_range(const osprey__histogram *histogram, osprey_calibration_method method)
{
    return method == OSPREY_CALIBRATION_ENTROPY ? entropy_range(histogram) : histogram->largest;
}

const char *osprey_calibration_method_name(osprey_calibration_method method)
{
    switch (method) {
    case OSPREY_CALIBRATION_NONE:
        return "none";
    case OSPREY_CALIBRATION_MINMAX:
        return "minmax";
    case OSPREY_CALIBRATION_ENTROPY:
        return "entropy";
    }
    return "unknown";
}
