/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of src/kernels/x86/tiles_amx.h in plain C, by Intel SDM volume 2, so that the
 * kernels over them run on machines that have no AMX. What would raise an exception there fails
 * the test (cmocka's mock_assert), and so does what no kernel should do: to configure tiles that
 * another has left configured. Tiles are the thread's own.
 */
#ifndef OSPREY_TESTS_KERNELS_TILES_EMULATED_H
#define OSPREY_TESTS_KERNELS_TILES_EMULATED_H

#include <stddef.h>

#define TILES_CONFIGURE(config)    emulated_ldtilecfg(config)
#define TILES_RELEASE()            emulated_tilerelease()
#define TILE_ZERO(t)               emulated_tilezero(t)
#define TILE_LOAD(t, from, stride) emulated_tileloadd(t, from, stride)
#define TILE_STORE(t, to, stride)  emulated_tilestored(t, to, stride)
#define TILE_DOT_BF16(sums, a, b)  emulated_tdpbf16ps(sums, a, b)
#define TILE_DOT_S8_U8(sums, a, b) emulated_tdpbsud(sums, a, b)

/* config: 64 bytes */
void emulated_ldtilecfg(const void *config);
void emulated_tilerelease(void);
void emulated_tilezero(unsigned tile);
void emulated_tileloadd(unsigned tile, const void *from, size_t stride);
void emulated_tilestored(unsigned tile, void *to, size_t stride);
void emulated_tdpbf16ps(unsigned sums, unsigned a, unsigned b);
void emulated_tdpbsud(unsigned sums, unsigned a, unsigned b);

#endif
