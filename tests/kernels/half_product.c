/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/half_product.h"

#include "kernels/half_scale.h"

#include <math.h>

double half_round(double x)
{
    if (x == 0 || !isfinite(x)) return x;
    int exponent = ilogb(x) < -14 ? -14 : ilogb(x);
    double unit = ldexp(1, exponent - 10), rounded = rint(x / unit) * unit;
    return fabs(rounded) > 65504 ? copysign(INFINITY, x) : rounded;
}

/* The power of two by which the largest becomes one from 16 up to 32. */
static int power_of(size_t k, const float *x, size_t stride)
{
    double largest = 0;
    for (size_t i = 0; i < k; i++) {
        double magnitude = fabs((double)x[i * stride]);
        if (magnitude > largest) largest = magnitude;
    }
    return largest == 0 ? 0 : 4 - ilogb(largest);
}

float half_product(size_t k, const float *a, const float *weight, size_t weight_stride)
{
    int a_power = power_of(k, a, 1), weight_power = power_of(k, weight, weight_stride);
    float total = 0;
    for (size_t begin = 0; begin < k; begin += 2 * OSPREY__HALF_SUM_PRODUCTS) {
        /* Of even and odd elements. fma is exact enough: halves_emulated.h says why. */
        double sums[2] = {0, 0};
        for (size_t i = begin; i < k && i < begin + 2 * OSPREY__HALF_SUM_PRODUCTS; i++)
            sums[i % 2] = half_round(fma(
                half_round(ldexp((double)a[i], a_power)),
                half_round(ldexp((double)weight[i * weight_stride], weight_power)), sums[i % 2]));
        total += (float)sums[0] + (float)sums[1];
    }
    return ldexpf(total, -a_power - weight_power);
}
