/* SPDX-License-Identifier: Apache-2.0 */
/* A step of the register tile multiplies one float by floats. */
#ifndef OSPREY_KERNELS_SIMD_LANES_F32_H
#define OSPREY_KERNELS_SIMD_LANES_F32_H

#include "kernels/simd/vec_f32.h"

typedef float lane;

enum { LANE_DEPTH = 1, LANE_VEC_BYTES = sizeof(vec) };

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return vec_set(x);
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
    return vec_load((const float *)weights);
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    return vec_fma(factor, columns, sum);
}

#endif
