/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of AMX (Intel SDM volume 2) that kernels use. Tiles are named by a literal 0 to
 * 7. A kernel's source names this header as OSPREY__TILES; the tests compile the same source with
 * tests/kernels/tiles_emulated.h instead, which has the same names.
 *
 *     TILES_CONFIGURE(config)          gives the tiles of this thread the shapes of a tile_config
 *     TILES_RELEASE()                  and takes them back
 *     TILE_ZERO(t)
 *     TILE_LOAD(t, from, stride)       its rows, stride bytes apart
 *     TILE_STORE(t, to, stride)
 *     TILE_DOT_BF16(sums, a, b)        sums[m][n] += pairs a[m][k] * pairs b[k][n], in floats
 *     TILE_DOT_S8_U8(sums, a, b)       the same of fours: signed bytes times unsigned ones
 *
 * Not the intrinsics: those of gcc 12 do not tell the compiler that ldtilecfg reads 64 bytes, nor
 * that tileloadd reads memory, so that stores which ought to come before may come after, or never.
 */
#ifndef OSPREY_KERNELS_X86_TILES_AMX_H
#define OSPREY_KERNELS_X86_TILES_AMX_H

#include "kernels/x86/tile_config.h"

#include <stddef.h>

#define TILES_CONFIGURE(config)                                                                    \
    __asm__ volatile("ldtilecfg %0" : : "m"(*(const tile_config *)(config)) : "memory")

#define TILES_RELEASE() __asm__ volatile("tilerelease" : : : "memory")

#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t : : : "memory")

#define TILE_LOAD(t, from, stride)                                                                 \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t                                               \
                     :                                                                             \
                     : "r"((const void *)(from)), "r"((size_t)(stride))                            \
                     : "memory")

#define TILE_STORE(t, to, stride)                                                                  \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)"                                           \
                     :                                                                             \
                     : "r"((void *)(to)), "r"((size_t)(stride))                                    \
                     : "memory")

#define TILE_DOT_BF16(sums, a, b)                                                                  \
    __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sums : : : "memory")

#define TILE_DOT_S8_U8(sums, a, b)                                                                 \
    __asm__ volatile("tdpbsud %%tmm" #b ", %%tmm" #a ", %%tmm" #sums : : : "memory")

#endif
