/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/tiles_emulated.h"

#include "cmocka_all.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TILES = 8, MOST_ROWS = 16, MOST_ROW_BYTES = 64, CONFIG_BYTES = 64 };

/* Otherwise an exception: #UD or #GP. */
#define REQUIRE(condition) mock_assert((condition), #condition, __FILE__, __LINE__)

typedef struct emulated_tile {
    unsigned rows, row_bytes; /* 0: not to be used */
    uint8_t bytes[MOST_ROWS][MOST_ROW_BYTES];
} emulated_tile;

static _Thread_local emulated_tile tiles[TILES];
static _Thread_local bool configured;

static bool all_zero(const uint8_t *bytes, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (bytes[i]) return false;
    return true;
}

void emulated_ldtilecfg(const void *config)
{
    uint8_t bytes[CONFIG_BYTES];
    memcpy(bytes, config, sizeof bytes);
    REQUIRE(!configured); /* no exception, but somebody has not released them */
    REQUIRE(bytes[0] == 1);
    REQUIRE(bytes[1] == 0);
    REQUIRE(all_zero(bytes, 2, 16));
    REQUIRE(all_zero(bytes, 16 + 2 * TILES, 48));
    REQUIRE(all_zero(bytes, 48 + TILES, CONFIG_BYTES));
    memset(tiles, 0, sizeof tiles);
    for (unsigned i = 0; i < TILES; i++) {
        unsigned row_bytes = bytes[16 + 2 * i] | (unsigned)bytes[17 + 2 * i] << 8;
        unsigned rows = bytes[48 + i];
        REQUIRE(row_bytes <= MOST_ROW_BYTES);
        REQUIRE(rows <= MOST_ROWS);
        REQUIRE((rows == 0) == (row_bytes == 0));
        tiles[i].rows = rows;
        tiles[i].row_bytes = row_bytes;
    }
    configured = true;
}

void emulated_tilerelease(void)
{
    memset(tiles, 0, sizeof tiles);
    configured = false;
}

static emulated_tile *usable(unsigned tile)
{
    REQUIRE(configured);
    REQUIRE(tile < TILES);
    REQUIRE(tiles[tile].rows > 0);
    return &tiles[tile];
}

void emulated_tilezero(unsigned tile)
{
    emulated_tile *t = usable(tile);
    memset(t->bytes, 0, sizeof t->bytes);
}

void emulated_tileloadd(unsigned tile, const void *from, size_t stride)
{
    emulated_tile *t = usable(tile);
    memset(t->bytes, 0, sizeof t->bytes);
    for (unsigned row = 0; row < t->rows; row++)
        memcpy(t->bytes[row], (const char *)from + row * stride, t->row_bytes);
}

void emulated_tilestored(unsigned tile, void *to, size_t stride)
{
    const emulated_tile *t = usable(tile);
    for (unsigned row = 0; row < t->rows; row++)
        memcpy((char *)to + row * stride, t->bytes[row], t->row_bytes);
}

/* The operands of a product: all different, and of shapes that fit. */
typedef struct product {
    emulated_tile *sums;
    const emulated_tile *a, *b;
} product;

static product product_of(unsigned sums, unsigned a, unsigned b)
{
    REQUIRE(sums != a && sums != b && a != b);
    product p = {usable(sums), usable(a), usable(b)};
    REQUIRE(p.sums->row_bytes % 4 == 0 && p.a->row_bytes % 4 == 0 && p.b->row_bytes % 4 == 0);
    REQUIRE(p.sums->rows == p.a->rows);
    REQUIRE(p.a->row_bytes / 4 == p.b->rows);
    REQUIRE(p.sums->row_bytes == p.b->row_bytes);
    return p;
}

/* Subnormal numbers count as zeros, operands and results. */
static float flush(float x)
{
    return fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x;
}

static float bfloat16_at(const uint8_t *row, unsigned i)
{
    uint32_t bits = (uint32_t)(row[2 * i] | row[2 * i + 1] << 8) << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return flush(x);
}

/* Even and odd elements are summed apart (a product of two is exact), then together, then with what
 * was there. */
void emulated_tdpbf16ps(unsigned sums, unsigned a, unsigned b)
{
    product p = product_of(sums, a, b);
    for (unsigned m = 0; m < p.sums->rows; m++)
        for (unsigned n = 0; n < p.sums->row_bytes / 4; n++) {
            float halves[2] = {0, 0}, sum;
            for (unsigned k = 0; k < p.b->rows; k++)
                for (unsigned i = 0; i < 2; i++)
                    halves[i] = flush(fmaf(bfloat16_at(p.a->bytes[m], 2 * k + i),
                                           bfloat16_at(p.b->bytes[k], 2 * n + i), halves[i]));
            memcpy(&sum, p.sums->bytes[m] + 4 * n, sizeof sum);
            sum = flush(flush(sum) + flush(halves[0] + halves[1]));
            memcpy(p.sums->bytes[m] + 4 * n, &sum, sizeof sum);
        }
}

void emulated_tdpbsud(unsigned sums, unsigned a, unsigned b)
{
    product p = product_of(sums, a, b);
    for (unsigned m = 0; m < p.sums->rows; m++)
        for (unsigned n = 0; n < p.sums->row_bytes / 4; n++) {
            uint32_t sum; /* wraps around */
            memcpy(&sum, p.sums->bytes[m] + 4 * n, sizeof sum);
            for (unsigned k = 0; k < p.b->rows; k++)
                for (unsigned i = 0; i < 4; i++)
                    sum += (uint32_t)((int8_t)p.a->bytes[m][4 * k + i] *
                                      (int)p.b->bytes[k][4 * n + i]);
            memcpy(p.sums->bytes[m] + 4 * n, &sum, sizeof sum);
        }
}
