/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations for results that are rounded to bfloat16s, where an instruction looks 16 floats up in
 * a table of 32: max(x, 0), and a cubic in t = |x| + 0.5. Below 8 an eighth of an octave of t is a
 * segment, and t's bits have its number. NaN stays NaN: of two numbers vec_max gives the second
 * where one is none.
 */
#ifndef OSPREY_KERNELS_X86_ACTIVATION_LOOKUP_H
#define OSPREY_KERNELS_X86_ACTIVATION_LOOKUP_H

#include "kernels/simd/vec_f32.h"
#include "kernels/x86/activation_tables.h"

OSPREY__INLINE vec vec_look_up(const float table[32], __m512i index)
{
    return _mm512_permutex2var_ps(vec_load(table), index, vec_load(table + 16));
}

OSPREY__INLINE vec vec_activate_by_table(vec x, const activation_table *table)
{
    enum { SMALLER_MAGNITUDE = 2, POSITIVE = 2 << 2 };
    vec t = _mm512_range_ps(x, vec_set(7.4999995F), SMALLER_MAGNITUDE | POSITIVE) + vec_set(0.5F);
    __m512i segment = _mm512_srli_epi32(_mm512_castps_si512(t), 20);
    vec p = vec_look_up(table->cube, segment);
    p = vec_fma(p, t, vec_look_up(table->square, segment));
    p = vec_fma(p, t, vec_look_up(table->linear, segment));
    p = vec_fma(p, t, vec_look_up(table->constant, segment));
    return p + vec_max(vec_set(0.0F), x);
}

#endif
