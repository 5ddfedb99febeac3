/* SPDX-License-Identifier: Apache-2.0 */
/* The vector of simd/vec_f32.h, which says what the functions do, of NEON. */
#ifndef OSPREY_KERNELS_ARM_VEC_F32_NEON_H
#define OSPREY_KERNELS_ARM_VEC_F32_NEON_H

#include <arm_neon.h>

typedef float32x4_t vec;

OSPREY__INLINE vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

OSPREY__INLINE void vec_store(float *p, vec x)
{
    vst1q_f32(p, x);
}

OSPREY__INLINE vec vec_set(float x)
{
    return vdupq_n_f32(x);
}

OSPREY__INLINE vec vec_load_first(const float *p, size_t count)
{
    vec x = vec_set(0.0f);
    if (count & 2) x = vcombine_f32(vld1_f32(p), vdup_n_f32(0.0f));
    if (count == 3) x = vld1q_lane_f32(p + 2, x, 2);
    if (count == 1) x = vld1q_lane_f32(p, x, 0);
    return x;
}

OSPREY__INLINE void vec_store_first(float *p, size_t count, vec x)
{
    if (count & 2) vst1_f32(p, vget_low_f32(x));
    if (count == 3) vst1q_lane_f32(p + 2, x, 2);
    if (count == 1) vst1q_lane_f32(p, x, 0);
}

OSPREY__INLINE vec vec_keep_first(vec x, size_t count, vec fill)
{
    const uint32x4_t places = {0, 1, 2, 3};
    return vbslq_f32(vcltq_u32(places, vdupq_n_u32((uint32_t)count)), x, fill);
}

OSPREY__INLINE vec vec_load_bf16(const void *p)
{
    uint16x4_t halves;
    memcpy(&halves, p, sizeof halves);
    return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

OSPREY__INLINE vec vec_load_f16(const void *p)
{
    float16x4_t halves;
    memcpy(&halves, p, sizeof halves);
    return vcvt_f32_f16(halves);
}

OSPREY__INLINE void vec_store_f16(void *p, vec x)
{
    float16x4_t halves = vcvt_f16_f32(x);
    memcpy(p, &halves, sizeof halves);
}

OSPREY__INLINE vec vec_round_to_bf16(vec x)
{
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    uint32x4_t last = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(last, vdupq_n_u32(0x7fff)));
    rounded = vandq_u32(rounded, vdupq_n_u32(0xffff0000));
    const uint32x4_t nan = vdupq_n_u32(0x7fc00000);
    return vreinterpretq_f32_u32(vbslq_u32(vceqq_f32(x, x), rounded, nan));
}

OSPREY__INLINE void vec_store_bf16(uint16_t *p, size_t count, vec x)
{
    uint16x4_t halves = vshrn_n_u32(vreinterpretq_u32_f32(vec_round_to_bf16(x)), 16);
    if (count >= 4)
        vst1_u16(p, halves);
    else
        memcpy(p, &halves, count * sizeof *p);
}

OSPREY__INLINE void vec_store_bf16_pair(uint16_t *p, vec x, vec y)
{
    vec_store_bf16(p, 4, x);
    vec_store_bf16(p + 4, 4, y);
}

OSPREY__INLINE vec vec_fma(vec x, vec y, vec z)
{
    return vfmaq_f32(z, x, y);
}

OSPREY__INLINE vec vec_min(vec x, vec y)
{
    return vminq_f32(x, y);
}

OSPREY__INLINE vec vec_max(vec x, vec y)
{
    return vmaxq_f32(x, y);
}

OSPREY__INLINE vec vec_absolute(vec x)
{
    return vabsq_f32(x);
}

/* NEON's own estimate has 8 bits; a step of Newton's doubles them. */
OSPREY__INLINE vec vec_reciprocal_estimate(vec x)
{
    vec estimate = vrecpeq_f32(x);
    return estimate * vrecpsq_f32(x, estimate);
}

OSPREY__INLINE vec vec_round_nearest(vec x)
{
    return vrndnq_f32(x);
}

OSPREY__INLINE vec vec_power(int32x4_t n)
{
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

/* In two steps, since 2^n itself may not be a float. */
OSPREY__INLINE vec vec_scale_by_power(vec x, vec n)
{
    int32x4_t whole = vcvtq_s32_f32(n);
    int32x4_t half = vshrq_n_s32(whole, 1);
    return x * vec_power(half) * vec_power(vsubq_s32(whole, half));
}

OSPREY__INLINE float vec_sum(vec x)
{
    return vaddvq_f32(x);
}

OSPREY__INLINE float vec_largest(vec x)
{
    return vmaxvq_f32(x);
}

OSPREY__INLINE vec vec_load_quads(const float *p, size_t stride)
{
    (void)stride;
    return vec_load(p);
}

OSPREY__INLINE vec vec_turn_pairs(vec x, vec turns)
{
    const vec signs = {-1, 1, -1, 1};
    vec across = vrev64q_f32(x) * signs * vtrn2q_f32(turns, turns);
    return vfmaq_f32(across, x, vtrn1q_f32(turns, turns));
}

OSPREY__INLINE void vec_transpose_quads(vec x[4])
{
    float64x2_t low01 = vreinterpretq_f64_f32(vzip1q_f32(x[0], x[1]));
    float64x2_t high01 = vreinterpretq_f64_f32(vzip2q_f32(x[0], x[1]));
    float64x2_t low23 = vreinterpretq_f64_f32(vzip1q_f32(x[2], x[3]));
    float64x2_t high23 = vreinterpretq_f64_f32(vzip2q_f32(x[2], x[3]));
    x[0] = vreinterpretq_f32_f64(vzip1q_f64(low01, low23));
    x[1] = vreinterpretq_f32_f64(vzip2q_f64(low01, low23));
    x[2] = vreinterpretq_f32_f64(vzip1q_f64(high01, high23));
    x[3] = vreinterpretq_f32_f64(vzip2q_f64(high01, high23));
}

#endif
