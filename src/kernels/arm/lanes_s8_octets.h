/* SPDX-License-Identifier: Apache-2.0 */
/* What tile_s8_i8mm.h multiplies: eight signed bytes of a row by eight of each column. */
#ifndef OSPREY_KERNELS_ARM_LANES_S8_OCTETS_H
#define OSPREY_KERNELS_ARM_LANES_S8_OCTETS_H

#include "kernels/simd/vec_f32.h"

typedef int64_t lane __attribute__((may_alias));

enum { LANE_DEPTH = 8, LANE_VEC_BYTES = 2 * sizeof(vec) };

#endif
