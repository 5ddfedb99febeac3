/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of the register tile multiplies four signed bytes of a row by four unsigned ones of each
 * column (vpdpbusd). A product's weights are signed bytes + 128; what that adds to a sum is a
 * multiple of the row's sum, less which it begins (OSPREY__SUMS_BEGIN).
 */
#ifndef OSPREY_KERNELS_X86_LANES_U8_QUADS_H
#define OSPREY_KERNELS_X86_LANES_U8_QUADS_H

#include "kernels/simd/vec_f32.h"

typedef int32_t lane __attribute__((may_alias));

enum { LANE_DEPTH = 4, LANE_VEC_BYTES = sizeof(vec) };

OSPREY__INLINE vec lane_columns(const char *weights)
{
    return vec_load((const float *)weights);
}

#if defined(__AVX512F__)

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32(x));
}

/* The intrinsic makes gcc 12 spill the sums; this does not. */
OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(columns), "v"(factor));
    return sum;
}

#else

#ifndef OSPREY__DOT
#define OSPREY__DOT "kernels/x86/dot_avxvnni.h"
#endif
#include OSPREY__DOT

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return _mm256_castsi256_ps(_mm256_set1_epi32(x));
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    return dot_bytes(factor, columns, sum);
}

#endif

#endif
