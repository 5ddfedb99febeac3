/* SPDX-License-Identifier: Apache-2.0 */
/* Group norm over feature maps, for the image_ops_f32_*.c of all instruction sets. */
#ifndef OSPREY_KERNELS_SIMD_GROUP_NORM_F32_SIMD_H
#define OSPREY_KERNELS_SIMD_GROUP_NORM_F32_SIMD_H

#include "kernels/group_norm_moments.h"
#include "kernels/simd/vec_f32.h"
#include "kernels/simd/vec_math_f32.h"

enum {
    SUM_VECS = 4,
    /* Added up before they join the sum of all: so a sum of many stays as exact as one of few. */
    SUM_POSITIONS = 64,
};

/* Sums and squares of `vecs` vectors of channels (a constant at every call), the last of which may
 * have fewer than a vector: each element less the first position's of its channel. */
OSPREY__INLINE void sum_channels(const osprey__group_norm_f32_args *args, size_t channel,
                                 const size_t vecs)
{
    vec bases[SUM_VECS], sums[SUM_VECS], squares[SUM_VECS];
    size_t count = args->channels - channel;
    OSPREY__UNROLL
    for (size_t i = 0; i < vecs; i++) {
        bases[i] = load_channels(args->x + channel + i * VEC_FLOATS, count - i * VEC_FLOATS);
        sums[i] = squares[i] = vec_set(0.0f);
    }
    for (size_t begin = 0; begin < args->positions; begin += SUM_POSITIONS) {
        size_t left = args->positions - begin, end = left < SUM_POSITIONS ? left : SUM_POSITIONS;
        const float *x = args->x + begin * args->stride + channel;
        vec part[SUM_VECS], part_squares[SUM_VECS];
        OSPREY__UNROLL
        for (size_t i = 0; i < vecs; i++) part[i] = part_squares[i] = vec_set(0.0f);
        for (size_t position = 0; position < end; position++, x += args->stride) {
            OSPREY__UNROLL
            for (size_t i = 0; i < vecs; i++) {
                vec element = load_channels(x + i * VEC_FLOATS, count - i * VEC_FLOATS) - bases[i];
                part[i] += element;
                part_squares[i] = vec_fma(element, element, part_squares[i]);
            }
        }
        OSPREY__UNROLL
        for (size_t i = 0; i < vecs; i++) {
            sums[i] += part[i];
            squares[i] += part_squares[i];
        }
    }
    OSPREY__UNROLL
    for (size_t i = 0; i < vecs; i++) {
        size_t at = channel + i * VEC_FLOATS;
        store_channels(args->factors + at, count - i * VEC_FLOATS, sums[i]);
        store_channels(args->factors + args->channels + at, count - i * VEC_FLOATS, squares[i]);
    }
}

/* activation is a constant at every call but the last of group_norm_f32. */
OSPREY__INLINE void apply_factors(const osprey__group_norm_f32_args *args,
                                  const osprey_activation activation)
{
    for (size_t position = 0; position < args->positions; position++)
        for (size_t i = 0; i < args->channels; i += VEC_FLOATS) {
            size_t at = position * args->stride + i, count = args->channels - i;
            vec x =
                vec_fma(load_channels(args->x + at, count), load_channels(args->factors + i, count),
                        load_channels(args->factors + args->channels + i, count));
            if (args->residual) x += load_channels(args->residual + at, count);
            store_channels(args->out + at, count, vec_activate(activation, x, false));
        }
}

static void group_norm_f32(const osprey__group_norm_f32_args *args)
{
    size_t channel = 0;
    for (; channel + SUM_VECS * VEC_FLOATS <= args->channels; channel += SUM_VECS * VEC_FLOATS)
        sum_channels(args, channel, SUM_VECS);
    for (; channel < args->channels; channel += VEC_FLOATS) sum_channels(args, channel, 1);
    osprey__group_norm_factors(args);
    if (args->activation == OSPREY_ACTIVATION_RELU)
        apply_factors(args, OSPREY_ACTIVATION_RELU);
    else if (args->activation == OSPREY_ACTIVATION_NONE)
        apply_factors(args, OSPREY_ACTIVATION_NONE);
    else
        apply_factors(args, args->activation);
}

#endif
