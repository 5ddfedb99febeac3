/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels that multiply half-precision numbers have to compute, bit for bit, from the
 * definition of the numbers alone (IEEE 754 binary16).
 */
#ifndef OSPREY_TESTS_KERNELS_HALF_PRODUCT_H
#define OSPREY_TESTS_KERNELS_HALF_PRODUCT_H

#include <stddef.h>

/* The nearest half, ties to even; above 65504 an infinity. */
double half_round(double x);

/* The sum of a[i] * weight[i * weight_stride] over k elements. */
float half_product(size_t k, const float *a, const float *weight, size_t weight_stride);

#endif
