/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shapes of AMX's eight tile registers, as ldtilecfg reads them (Intel SDM volume 2). A tile
 * without rows is not to be used. What must be zero is; else the instruction faults.
 */
#ifndef OSPREY_KERNELS_X86_TILE_CONFIG_H
#define OSPREY_KERNELS_X86_TILE_CONFIG_H

#include <stdint.h>

/* Of a whole tile. */
enum { AMX_ROWS = 16, AMX_ROW_BYTES = 64 };

typedef struct tile_config {
    uint8_t palette; /* 1 */
    uint8_t start_row, zeros[14];
    uint16_t row_bytes[16]; /* of tiles 0 to 7, at most AMX_ROW_BYTES; zeros behind them */
    uint8_t rows[16];       /* at most AMX_ROWS; zeros behind them */
} tile_config;

_Static_assert(sizeof(tile_config) == 64, "what ldtilecfg reads");

#endif
