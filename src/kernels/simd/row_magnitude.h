/* SPDX-License-Identifier: Apache-2.0 */
/* The largest magnitude in a row, for the formats that scale rows by it. */
#ifndef OSPREY_KERNELS_SIMD_ROW_MAGNITUDE_H
#define OSPREY_KERNELS_SIMD_ROW_MAGNITUDE_H

#include "kernels/simd/integers.h"

/* Of bits, which are ordered as magnitudes are; a NaN is above infinity. */
OSPREY__INLINE integers larger_magnitude(integers largest, vec x)
{
    return integers_max(largest, (integers)vec_absolute(x));
}

OSPREY__INLINE uint32_t row_magnitude(const void *x, const osprey__dtype dtype, size_t k)
{
    integers largest = {0};
    for (size_t i = 0; i < k; i += VEC_FLOATS)
        largest = larger_magnitude(largest, load_row(x, dtype, i, k));
    return (uint32_t)integers_largest(largest);
}

#endif
