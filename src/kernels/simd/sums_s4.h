/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the sums of int4's groups begin and end, for simd/tile_simd.h: integers, less their row's
 * correction; from the registers they are scaled and added to the floats in tile_job's sums.
 */
#ifndef OSPREY_KERNELS_SIMD_SUMS_S4_H
#define OSPREY_KERNELS_SIMD_SUMS_S4_H

#include "kernels/simd/integers.h"

typedef struct group_sums {
    const char *corrections; /* of the tile's first row, an int32_t; rows stride bytes apart */
    size_t stride;
    const float *scales; /* [TILE_COLUMNS] */
} group_sums;

OSPREY__INLINE vec first_sum(const tile_job *job, size_t row, size_t i)
{
    int32_t correction;
    (void)i;
    memcpy(&correction, job->group->corrections + row * job->group->stride, sizeof correction);
    return (vec)((integers){0} - correction);
}

OSPREY__INLINE void keep_sum(const tile_job *job, size_t row, size_t i, vec sum)
{
    float *total = job->sums + row * job->sums_stride + i * VEC_FLOATS;
    vec scale = vec_load(job->group->scales + i * VEC_FLOATS);
    vec_store(total, vec_load(total) + integers_to_vec((integers)sum) * scale);
}

#endif
