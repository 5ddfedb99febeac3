/* SPDX-License-Identifier: Apache-2.0 */
/* A step of the register tile multiplies two bfloat16s of a row by two of each column (vdpbf16ps).
 */
#ifndef OSPREY_KERNELS_X86_LANES_BF16_PAIRS_H
#define OSPREY_KERNELS_X86_LANES_BF16_PAIRS_H

#include "kernels/simd/vec_f32.h"

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

/* clang 16 crashes on the intrinsic's casts. */
OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(columns), "v"(factor));
    return sum;
}

#endif
