/* SPDX-License-Identifier: Apache-2.0 */
/* From a group norm's sums to what each channel is multiplied by and what is added to it. */
#ifndef OSPREY_KERNELS_GROUP_NORM_MOMENTS_H
#define OSPREY_KERNELS_GROUP_NORM_MOMENTS_H

#include "kernels/image_ops.h"

#include <math.h>

/*
 * args->factors holds, for each channel, the sum of all elements less that of the first position,
 * and behind all of them the sum of their squares. Becomes the channel's factor, and what is added.
 */
static inline void osprey__group_norm_factors(const osprey__group_norm_f32_args *args)
{
    float *sums = args->factors, *squares = args->factors + args->channels;
    const double positions = (double)args->positions, size = (double)args->group_channels;
    for (size_t first = 0; first < args->channels; first += args->group_channels) {
        size_t end = first + args->group_channels;
        double total = 0, apart = 0;
        for (size_t c = first; c < end; c++)
            total += (double)args->x[c] + (double)sums[c] / positions;
        const double mean = total / size;
        for (size_t c = first; c < end; c++) {
            double own = (double)args->x[c] + (double)sums[c] / positions - mean;
            double within = (double)squares[c] / positions;
            within -= (double)sums[c] / positions * ((double)sums[c] / positions);
            /* Rounding may bring it below 0; a NaN stays. */
            apart += own * own + (within > 0 ? within : within - within);
        }
        const double deviation = sqrt(apart / size + (double)args->epsilon);
        for (size_t c = first; c < end; c++) {
            sums[c] = (float)((double)args->scale[c] / deviation);
            squares[c] = (float)((double)args->shift[c] - mean * (double)sums[c]);
        }
    }
}

#endif
