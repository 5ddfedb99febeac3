/* SPDX-License-Identifier: Apache-2.0 */
/* What attention of every format does with keys: columns of a panel, like those of a weight. */
#ifndef OSPREY_KERNELS_SIMD_PACK_KEYS_SIMD_H
#define OSPREY_KERNELS_SIMD_PACK_KEYS_SIMD_H

#include "kernels/simd/tile_simd.h"

#include <string.h>

/*
 * Transposes up to VEC_FLOATS keys into columns of a panel, zeros for those that there are not. A
 * key has head_lanes lanes of four bytes, which nothing here looks into.
 */
static void pack_key_group(const float *k, size_t stride, size_t keys, size_t head_lanes,
                           float *columns)
{
    size_t d = 0;
    if (keys >= VEC_FLOATS) {
        for (; d + 4 <= head_lanes; d += 4) {
            vec x[4];
            OSPREY__UNROLL
            for (size_t i = 0; i < 4; i++) x[i] = vec_load_quads(k + i * stride + d, stride);
            vec_transpose_quads(x);
            OSPREY__UNROLL
            for (size_t i = 0; i < 4; i++) vec_store(columns + (d + i) * TILE_COLUMNS, x[i]);
        }
        keys = VEC_FLOATS;
    }
    for (size_t i = d; i < head_lanes; i++) vec_store(columns + i * TILE_COLUMNS, vec_set(0.0f));
    for (size_t key = 0; key < keys; key++)
        for (size_t i = d; i < head_lanes; i++)
            memcpy(columns + i * TILE_COLUMNS + key, k + key * stride + i, sizeof *k);
}

#endif
