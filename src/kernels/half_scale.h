/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Powers of two that bring rows of activations and columns of weights to where half-precision
 * numbers can be multiplied and summed: the largest magnitude comes to lie from 16 up to 32. The
 * sum of OSPREY__HALF_SUM_PRODUCTS products then stays below the largest half, 65504, whatever the
 * model; and what is 2^18 times smaller than the largest is still a normal half.
 */
#ifndef OSPREY_KERNELS_HALF_SCALE_H
#define OSPREY_KERNELS_HALF_SCALE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Products that are summed in half precision before the sum is widened and added to a float. */
#define OSPREY__HALF_SUM_PRODUCTS 32

/* x is about half * scale; half = x * inverse, rounded. */
typedef struct osprey__half_scale {
    float scale, inverse;
} osprey__half_scale;

static inline float osprey__half_power(uint32_t exponent)
{
    uint32_t bits = exponent << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/*
 * From the bits of the largest magnitude. What is smaller than 1e-30 is all zeros; where there is a
 * NaN or an infinity, the scale makes every result NaN.
 */
static inline osprey__half_scale osprey__half_scale_of(uint32_t largest_bits)
{
    enum { BIAS = 127, LARGEST_EXPONENT = 4 };
    float largest;
    memcpy(&largest, &largest_bits, sizeof largest);
    if (!isfinite(largest)) return (osprey__half_scale){NAN, 0};
    if (largest < 1e-30F) return (osprey__half_scale){0, 0};
    uint32_t exponent = largest_bits >> 23;
    return (osprey__half_scale){
        .scale = osprey__half_power(exponent - LARGEST_EXPONENT),
        .inverse = osprey__half_power(2 * BIAS + LARGEST_EXPONENT - exponent),
    };
}

#endif
