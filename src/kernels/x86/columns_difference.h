/* SPDX-License-Identifier: Apache-2.0 */
/* Weights that are the difference of two matrices', kept for the tiles that follow. */
#ifndef OSPREY_KERNELS_X86_COLUMNS_DIFFERENCE_H
#define OSPREY_KERNELS_X86_COLUMNS_DIFFERENCE_H

#include "kernels/simd/tile_simd.h"

typedef struct column_source {
    const char *b, *minus;
    char *difference;
} column_source;

/* Of its own, so that the compiler sees that they stay and has a loop for either case. */
OSPREY__INLINE column_source columns_from(const tile_job *job)
{
    return (column_source){job->b, job->minus, job->difference};
}

OSPREY__INLINE vec step_columns(column_source source, const char *b, size_t i)
{
    vec columns = lane_columns(b + i * LANE_VEC_BYTES);
    if (!source.minus) return columns;
    size_t at = (size_t)(b - source.b) + i * LANE_VEC_BYTES;
    columns -= lane_columns(source.minus + at);
    vec_store((float *)(source.difference + at), columns);
    return columns;
}

#endif
