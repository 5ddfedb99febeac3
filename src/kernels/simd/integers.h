/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vector of 32-bit integers, as many as a vec has floats. Sums and bits are GNU C's operators; a
 * cast to and from vec keeps the bits. An instruction set defines these:
 *
 *     integers_round(x)           the nearest of floats, ties to even
 *     integers_to_vec(x)          as floats
 *     integers_max(x, y), integers_max_s16(x, y)      the latter of 16-bit halves
 *     integers_sum(x), integers_largest(x)            of the elements
 *     integers_store_s8(out, x), integers_store_s16   shortened; all of them fit
 *     integers_store_s8_quad(out, x[4])               the elements of each behind the other's
 */
#ifndef OSPREY_KERNELS_SIMD_INTEGERS_H
#define OSPREY_KERNELS_SIMD_INTEGERS_H

#include "kernels/simd/vec_f32.h"

typedef int32_t integers __attribute__((vector_size(sizeof(vec))));

#if defined(__aarch64__)
#include "kernels/arm/integers_neon.h"
#else
#include "kernels/x86/integers_x86.h"
#endif

#endif
