/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How short sums of half-precision products begin and end, for simd/tile_simd.h: they are widened,
 * and added to the floats in tile_job's sums.
 */
#ifndef OSPREY_KERNELS_SIMD_SUMS_F16_H
#define OSPREY_KERNELS_SIMD_SUMS_F16_H

OSPREY__INLINE vec first_sum(const tile_job *job, size_t row, size_t i)
{
    (void)job, (void)row, (void)i;
    return vec_set(0.0f);
}

OSPREY__INLINE void keep_sum(const tile_job *job, size_t row, size_t i, vec sum)
{
    float *total = job->sums + row * job->sums_stride + i * VEC_FLOATS;
    vec widened = lane_widen_sum(sum);
    if (job->add) widened += vec_load(total);
    vec_store(total, widened);
}

#endif
