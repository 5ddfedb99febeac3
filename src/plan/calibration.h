/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static ranges: the largest magnitude that int8 stands for, of a layer's input, found beforehand
 * from what real inputs give. Pure functions over a histogram; one thread at a time.
 *
 *     osprey__histogram *seen = osprey__calloc(1, sizeof *seen);
 *     osprey__histogram_add(seen, values, count); // as often as there are values
 *     float range = osprey__histogram_range(seen, OSPREY_CALIBRATION_ENTROPY);
 *
 * The bins cover magnitudes below a power of two, evenly. When a value lies beyond, the power
 * doubles and pairs of bins become one, so that the histogram depends on which values came, not on
 * their order or on how they were cut into calls.
 *
 * Source of the entropy method: Migacz, "8-bit Inference with TensorRT", GPU Technology Conference
 * 2017.
 */
#ifndef OSPREY_PLAN_CALIBRATION_H
#define OSPREY_PLAN_CALIBRATION_H

#include <osprey/engine.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__HISTOGRAM_BINS 2048

/* Zero-initialised: empty. */
typedef struct osprey__histogram {
    uint64_t counts[OSPREY__HISTOGRAM_BINS];
    int exponent; /* they cover magnitudes below 2^exponent; of an empty one it means nothing */
    float largest;
    bool started;    /* a value came */
    bool not_finite; /* a NaN or an infinity came; it and its call's values are not counted */
} osprey__histogram;

void osprey__histogram_add(osprey__histogram *histogram, const float *values, size_t count);

/*
 * By OSPREY_CALIBRATION_MINMAX the largest magnitude; by OSPREY_CALIBRATION_ENTROPY the magnitude
 * at which to cut so that the distribution, without its zeros and with what is cut off moved to its
 * last bin, diverges least (Kullback-Leibler) from the one that 128 levels can stand for; of the
 * magnitudes from that of the least squared error on. 0 where there were only zeros.
 */
float osprey__histogram_range(const osprey__histogram *histogram, osprey_calibration_method method);

#endif
