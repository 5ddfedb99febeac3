/* SPDX-License-Identifier: Apache-2.0 */
/* A step of the register tile multiplies one float by half-precision floats, widened to floats. */
#ifndef OSPREY_KERNELS_X86_LANES_F16_H
#define OSPREY_KERNELS_X86_LANES_F16_H

#include "kernels/x86/vec_f32.h"

typedef float lane;

enum { LANE_DEPTH = 1, LANE_VEC_BYTES = sizeof(vec) / 2 };

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return vec_set(x);
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
#if defined(__AVX512F__)
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)weights));
#else
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)weights));
#endif
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    return vec_fma(factor, columns, sum);
}

#endif
