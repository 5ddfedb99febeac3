/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of the register tile multiplies four signed bytes of a row by four of each column, with
 * the dot-product instructions where the including file's flags allow; exact. Without them two
 * products are added in 16 bits before they are widened, which holds those of -127 to 127.
 */
#ifndef OSPREY_KERNELS_ARM_LANES_S8_QUADS_H
#define OSPREY_KERNELS_ARM_LANES_S8_QUADS_H

#include "kernels/simd/vec_f32.h"

typedef int32_t lane __attribute__((may_alias));

enum { LANE_DEPTH = 4, LANE_VEC_BYTES = sizeof(vec) };

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return vreinterpretq_f32_s32(vdupq_n_s32(x));
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
    return vec_load((const float *)weights);
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    int8x16_t a = vreinterpretq_s8_f32(factor), b = vreinterpretq_s8_f32(columns);
    int32x4_t before = vreinterpretq_s32_f32(sum);
#if defined(__ARM_FEATURE_DOTPROD)
    return vreinterpretq_f32_s32(vdotq_s32(before, b, a));
#else
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
    return vreinterpretq_f32_s32(vpadalq_s16(before, vpaddq_s16(low, high)));
#endif
}

#endif
