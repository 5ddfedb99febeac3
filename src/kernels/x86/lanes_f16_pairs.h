/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of the register tile multiplies two half-precision numbers of a row by two of each column
 * and adds them to two sums of the column (vfmadd231ph).
 */
#ifndef OSPREY_KERNELS_X86_LANES_F16_PAIRS_H
#define OSPREY_KERNELS_X86_LANES_F16_PAIRS_H

#include "kernels/simd/vec_f32.h"

#ifndef OSPREY__HALVES
#define OSPREY__HALVES "kernels/x86/halves_avx512fp16.h"
#endif
#include OSPREY__HALVES

typedef int32_t lane __attribute__((may_alias));

enum { LANE_DEPTH = 2, LANE_VEC_BYTES = sizeof(vec) };

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32(x));
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
    return vec_load((const float *)weights);
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    return halves_multiply_add(factor, columns, sum);
}

/* The two sums of each column as floats, added. */
OSPREY__INLINE vec lane_widen_sum(vec sum)
{
    static const uint16_t first_then_second[32] = {
        0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
        1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
    };
    __m512i order = _mm512_loadu_si512(first_then_second);
    __m512i x = _mm512_permutexvar_epi16(order, _mm512_castps_si512(sum));
    return _mm512_cvtph_ps(_mm512_castsi512_si256(x)) +
           _mm512_cvtph_ps(_mm512_extracti64x4_epi64(x, 1));
}

#endif
