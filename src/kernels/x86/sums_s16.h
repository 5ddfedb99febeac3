/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How sums of scaled rows' 16-bit integers begin and end, for simd/tile_simd.h: as floats, times
 * the columns' factors, which lie behind the last step of a panel.
 */
#ifndef OSPREY_KERNELS_X86_SUMS_S16_H
#define OSPREY_KERNELS_X86_SUMS_S16_H

#include "kernels/simd/integers.h"

OSPREY__INLINE vec first_sum(const tile_job *job, size_t row, size_t i)
{
    (void)job, (void)row, (void)i;
    return vec_set(0.0f);
}

OSPREY__INLINE void keep_sum(const tile_job *job, size_t row, size_t i, vec sum)
{
    vec factors = lane_columns(job->b + job->steps * TILE_STEP_BYTES + i * LANE_VEC_BYTES);
    vec_store(job->sums + row * job->sums_stride + i * VEC_FLOATS,
              integers_to_vec((integers)sum) * factors);
}

#endif
