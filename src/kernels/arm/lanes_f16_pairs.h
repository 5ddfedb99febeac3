/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of the register tile multiplies two half-precision numbers of a row by two of each column
 * and adds them to two sums of the column (fmla of eight halves). fmlal, which sums in floats, does
 * half as many products in an instruction: no more than the kernel whose weights are widened.
 */
#ifndef OSPREY_KERNELS_ARM_LANES_F16_PAIRS_H
#define OSPREY_KERNELS_ARM_LANES_F16_PAIRS_H

#include "kernels/simd/vec_f32.h"

typedef int32_t lane __attribute__((may_alias));

enum { LANE_DEPTH = 2, LANE_VEC_BYTES = sizeof(vec) };

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return vreinterpretq_f32_s32(vdupq_n_s32(x));
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
    return vec_load((const float *)weights);
}

/* The intrinsic makes gcc 12 spill the sums; this does not. */
OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    __asm__("fmla %0.8h, %1.8h, %2.8h" : "+w"(sum) : "w"(columns), "w"(factor));
    return sum;
}

/* The two sums of each column as floats, added. */
OSPREY__INLINE vec lane_widen_sum(vec sum)
{
    float16x8_t x = vreinterpretq_f16_f32(sum);
    return vpaddq_f32(vcvt_f32_f16(vget_low_f16(x)), vcvt_high_f32_f16(x));
}

#endif
