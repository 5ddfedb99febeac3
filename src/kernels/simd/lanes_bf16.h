/* SPDX-License-Identifier: Apache-2.0 */
/* A step of the register tile multiplies one float by bfloat16s, widened to floats. */
#ifndef OSPREY_KERNELS_SIMD_LANES_BF16_H
#define OSPREY_KERNELS_SIMD_LANES_BF16_H

#include "kernels/simd/vec_f32.h"

typedef float lane;

enum { LANE_DEPTH = 1, LANE_VEC_BYTES = sizeof(vec) / 2 };

OSPREY__INLINE vec lane_broadcast(lane x)
{
    return vec_set(x);
}

OSPREY__INLINE vec lane_columns(const char *weights)
{
    return vec_load_bf16(weights);
}

OSPREY__INLINE vec lane_multiply_add(vec factor, vec columns, vec sum)
{
    return vec_fma(factor, columns, sum);
}

#endif
