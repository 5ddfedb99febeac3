/* SPDX-License-Identifier: Apache-2.0 */
/* The integers of simd/integers.h, of NEON. */
#ifndef OSPREY_KERNELS_ARM_INTEGERS_NEON_H
#define OSPREY_KERNELS_ARM_INTEGERS_NEON_H

OSPREY__INLINE integers integers_round(vec x)
{
    return (integers)vcvtnq_s32_f32(x);
}

OSPREY__INLINE vec integers_to_vec(integers x)
{
    return vcvtq_f32_s32((int32x4_t)x);
}

OSPREY__INLINE integers integers_max(integers x, integers y)
{
    return (integers)vmaxq_s32((int32x4_t)x, (int32x4_t)y);
}

OSPREY__INLINE integers integers_max_s16(integers x, integers y)
{
    return (integers)vmaxq_s16((int16x8_t)x, (int16x8_t)y);
}

OSPREY__INLINE int32_t integers_largest(integers x)
{
    return vmaxvq_s32((int32x4_t)x);
}

OSPREY__INLINE int32_t integers_sum(integers x)
{
    return vaddvq_s32((int32x4_t)x);
}

OSPREY__INLINE void integers_store_s16(char *out, integers x)
{
    int16x4_t y = vmovn_s32((int32x4_t)x);
    memcpy(out, &y, sizeof y);
}

OSPREY__INLINE void integers_store_s8(char *out, integers x)
{
    int16x4_t y = vmovn_s32((int32x4_t)x);
    int8x8_t z = vmovn_s16(vcombine_s16(y, y));
    memcpy(out, &z, 4);
}

OSPREY__INLINE void integers_store_s8_quad(char *out, const integers x[4])
{
    int16x8_t first = vcombine_s16(vmovn_s32((int32x4_t)x[0]), vmovn_s32((int32x4_t)x[1]));
    int16x8_t second = vcombine_s16(vmovn_s32((int32x4_t)x[2]), vmovn_s32((int32x4_t)x[3]));
    vst1q_s8((int8_t *)out, vcombine_s8(vmovn_s16(first), vmovn_s16(second)));
}

#endif
