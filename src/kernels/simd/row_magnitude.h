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

/* The largest of whole vectors of bfloat16s, two of which lie in an integer's place. */
OSPREY__INLINE integers largest_bf16(const uint16_t *x, size_t count)
{
    typedef uint32_t bits __attribute__((vector_size(sizeof(vec))));
    integers largest = {0};
    for (size_t i = 0; i < count; i += 2 * VEC_FLOATS) {
        integers pairs = (integers)vec_load((const float *)(const void *)(x + i));
        largest = integers_max_s16(largest, pairs & 0x7fff7fff);
    }
    return integers_max((integers)((bits)largest << 16), largest & 0x7fff0000);
}

/* The largest of pairs of vectors of floats. */
OSPREY__INLINE integers largest_f32(const float *x, size_t count)
{
    integers even = {0}, odd = {0};
    for (size_t i = 0; i < count; i += 2 * VEC_FLOATS) {
        even = larger_magnitude(even, vec_load(x + i));
        odd = larger_magnitude(odd, vec_load(x + i + VEC_FLOATS));
    }
    return integers_max(even, odd);
}

OSPREY__INLINE uint32_t row_magnitude(const void *x, const osprey__dtype dtype, size_t k)
{
    size_t i = k / (2 * VEC_FLOATS) * (2 * VEC_FLOATS);
    integers largest = dtype == OSPREY__BF16 ? largest_bf16(x, i) : largest_f32(x, i);
    for (; i < k; i += VEC_FLOATS) largest = larger_magnitude(largest, load_row(x, dtype, i, k));
    return (uint32_t)integers_largest(largest);
}

#endif
