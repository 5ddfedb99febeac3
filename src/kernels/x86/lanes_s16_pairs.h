/* SPDX-License-Identifier: Apache-2.0 */
/* A step of the register tile multiplies two signed 16-bit integers of a row by two of each column
 * (vpdpwssd of AVX-512 VNNI). Sums are of 32 bits. */
#ifndef OSPREY_KERNELS_X86_LANES_S16_PAIRS_H
#define OSPREY_KERNELS_X86_LANES_S16_PAIRS_H

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

/* The intrinsic makes gcc 12 spill the sums; this does not. */
OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(columns), "v"(factor));
    return sum;
}

#endif
