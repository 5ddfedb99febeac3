/* SPDX-License-Identifier: Apache-2.0 */
/* exp and the activations on vectors. The polynomials are minimax fits made for this file. */
#ifndef OSPREY_KERNELS_SIMD_VEC_MATH_F32_H
#define OSPREY_KERNELS_SIMD_VEC_MATH_F32_H

#include "kernels/simd/vec_f32.h"

#if defined(__AVX512F__)
#include "kernels/x86/activation_lookup.h"
#endif

#include <osprey/model.h>

/*
 * e^x = 2^n * e^r with |r| <= ln(2)/2, n * ln(2) taken off in two parts (Cody and Waite). Zero
 * below -104, infinity above 89; NaN stays. The polynomial is within 3.1e-9 of e^r.
 */
OSPREY__INLINE vec vec_exp(vec x)
{
    x = vec_min(vec_set(89.0f), vec_max(vec_set(-104.0f), x));
    vec n = vec_round_nearest(x * vec_set(0x1.715476p+0f));
    vec r = vec_fma(n, vec_set(-0x1.62e400p-1f), x);
    r = vec_fma(n, vec_set(-0x1.7f7d1cp-20f), r);
    vec p = vec_set(0x1.6a23d0p-10f);
    p = vec_fma(p, r, vec_set(0x1.1239e2p-7f));
    p = vec_fma(p, r, vec_set(0x1.5558f2p-5f));
    p = vec_fma(p, r, vec_set(0x1.555492p-3f));
    p = vec_fma(p, r, vec_set(0x1.fffffcp-2f));
    p = vec_fma(p, r * r, r) + vec_set(1.0f);
    return vec_scale_by_power(p, n);
}

/*
 * x * Phi(x) = max(x, 0) - |x| * Phi(-|x|), and ln Phi(-y) is nearly a polynomial. The fit
 * minimises the error of y * Phi(-y), 7.1e-9; at y = 6 and above that term is below 1e-8.
 */
OSPREY__INLINE vec vec_gelu(vec x)
{
    vec y = vec_min(vec_set(6.0f), vec_absolute(x));
    vec p = vec_set(-1.1823823e-06f);
    p = vec_fma(p, y, vec_set(1.7538223e-05f));
    p = vec_fma(p, y, vec_set(-8.021959e-05f));
    p = vec_fma(p, y, vec_set(-0.00022142708f));
    p = vec_fma(p, y, vec_set(0.0050783902f));
    p = vec_fma(p, y, vec_set(-0.036533922f));
    p = vec_fma(p, y, vec_set(-0.31823725f));
    p = vec_fma(p, y, vec_set(-0.7978971f));
    p = vec_fma(p, y, vec_set(-0.69314647f));
    return vec_fma(-y, vec_exp(p), vec_max(vec_set(0.0f), x));
}

/* Below -128 both rounded results are zero; clamped, minus infinity gives zero too, not NaN. */
OSPREY__INLINE vec vec_times_sigmoid(vec x, vec argument)
{
    return x / (vec_set(1.0f) + vec_exp(-argument));
}

OSPREY__INLINE vec vec_quick_gelu(vec x)
{
    x = vec_max(vec_set(-128.0f), x);
    return vec_times_sigmoid(x, x * vec_set(1.702f));
}

/* 1 + tanh(u) = 2 * sigmoid(2 * u), u = sqrt(2 / pi) * (x + 0.044715 * x^3). */
OSPREY__INLINE vec vec_gelu_tanh(vec x)
{
    x = vec_max(vec_set(-128.0f), x);
    vec cubic = vec_fma(x * x, vec_set(0.0713548163f), vec_set(1.59576912f));
    return vec_times_sigmoid(x, x * cubic);
}

OSPREY__INLINE vec vec_silu(vec x)
{
    x = vec_max(vec_set(-128.0f), x);
    return vec_times_sigmoid(x, x);
}

/* 2 * sigmoid(2 * x) - 1, which is -1 far above where its exponential would overflow. */
OSPREY__INLINE vec vec_tanh(vec x)
{
    x = vec_max(vec_set(-30.0f), x);
    return vec_times_sigmoid(vec_set(2.0f), x * vec_set(2.0f)) - vec_set(1.0f);
}

#if defined(__AVX512F__)

/*
 * 2^x, within 7.5e-5 of itself: enough for what is rounded to bfloat16. x up to 127, minus infinity
 * included; NaN stays. With r = x - floor(x), the scaling takes the floor itself.
 */
OSPREY__INLINE vec vec_exp2_short(vec x)
{
    vec r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF);
    vec p = vec_set(0x1.3f96a8p-4f);
    p = vec_fma(p, r, vec_set(0x1.cefc52p-3f));
    p = vec_fma(p, r, vec_set(0x1.64444ap-1f));
    p = vec_fma(p, r, vec_set(0x1.fff634p-1f));
    return _mm512_scalef_ps(p, x);
}

OSPREY__INLINE vec vec_quick_gelu_short(vec x)
{
    return vec_activate_by_table(x, &quick_gelu_table);
}

OSPREY__INLINE vec vec_gelu_tanh_short(vec x)
{
    return vec_activate_by_table(x, &gelu_tanh_table);
}

OSPREY__INLINE vec vec_gelu_short(vec x)
{
    return vec_activate_by_table(x, &gelu_table);
}

#else

/* 2^x, within 7.5e-5 of itself. x up to 127; NaN stays. */
OSPREY__INLINE vec vec_exp2_short(vec x)
{
    x = vec_max(vec_set(-200.0f), x);
    vec n = vec_round_nearest(x), r = x - n;
    vec p = vec_set(0x1.c3f75cp-5f);
    p = vec_fma(p, r, vec_set(0x1.f0de1cp-3f));
    p = vec_fma(p, r, vec_set(0x1.62f31ap-1f));
    p = vec_fma(p, r, vec_set(0x1.fff692p-1f));
    return vec_scale_by_power(p, n);
}

/*
 * For results that are rounded to bfloat16s: within 2e-4 * |exact| + 1e-5. The sigmoid's reciprocal
 * is the processor's estimate, within 2^-11 * 0.75 of itself. Below -50 all are zero.
 */
OSPREY__INLINE vec vec_times_sigmoid_short(vec x, vec bits)
{
    return x * vec_reciprocal_estimate(vec_set(1.0f) + vec_exp2_short(bits));
}

OSPREY__INLINE vec vec_quick_gelu_short(vec x)
{
    x = vec_max(vec_set(-50.0f), x);
    return vec_times_sigmoid_short(x, x * vec_set(-2.45546696f));
}

OSPREY__INLINE vec vec_gelu_tanh_short(vec x)
{
    x = vec_max(vec_set(-10.0f), x);
    vec cubic = vec_fma(x * x, vec_set(-0.102943240f), vec_set(-2.30220819f));
    return vec_times_sigmoid_short(x, x * cubic);
}

/* As vec_gelu, with a polynomial of log2 Phi. */
OSPREY__INLINE vec vec_gelu_short(vec x)
{
    vec y = vec_min(vec_set(5.5f), vec_absolute(x));
    vec p = vec_set(0.0038662981f);
    p = vec_fma(p, y, vec_set(-0.044079464f));
    p = vec_fma(p, y, vec_set(-0.46801448f));
    p = vec_fma(p, y, vec_set(-1.1473725f));
    p = vec_fma(p, y, vec_set(-1.0004796f));
    return vec_fma(-y, vec_exp2_short(p), vec_max(vec_set(0.0f), x));
}

#endif

/* Where the result is rounded to a bfloat16, the short forms do. */
OSPREY__INLINE vec vec_activate(const osprey_activation activation, vec x, const bool is_rounded)
{
    switch (activation) {
    case OSPREY_ACTIVATION_NONE:
        break;
    case OSPREY_ACTIVATION_RELU:
        return vec_max(vec_set(0.0f), x);
    case OSPREY_ACTIVATION_GELU:
        return is_rounded ? vec_gelu_short(x) : vec_gelu(x);
    case OSPREY_ACTIVATION_GELU_TANH:
        return is_rounded ? vec_gelu_tanh_short(x) : vec_gelu_tanh(x);
    case OSPREY_ACTIVATION_QUICK_GELU:
        return is_rounded ? vec_quick_gelu_short(x) : vec_quick_gelu(x);
    case OSPREY_ACTIVATION_TANH:
        return vec_tanh(x);
    case OSPREY_ACTIVATION_SILU:
        return vec_silu(x);
    }
    return x;
}

#endif
