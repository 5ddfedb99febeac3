/* SPDX-License-Identifier: Apache-2.0 */
/* The tiles that stand in for AMX's: what they compute, and that they take no wrong use. */
#include "cmocka_all.h"
#include "kernels/tiles_emulated.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Tiles 0 (sums), 1 (rows) and 2 (columns) of 2 x 3 sums over two steps of k. */
enum { M = 2, N = 3, STEPS = 2 };

static const uint8_t *shapes(void)
{
    static uint8_t config[64];
    memset(config, 0, sizeof config);
    config[0] = 1;
    config[16] = N * 4;
    config[18] = STEPS * 4;
    config[20] = N * 4;
    config[48] = M;
    config[49] = M;
    config[50] = STEPS;
    return config;
}

static int release(void **state)
{
    (void)state;
    emulated_tilerelease();
    return 0;
}

static void test_bytes(void **state)
{
    (void)state;
    const int8_t a[M][STEPS * 4] = {{1, -2, 3, -128, 5, 6, 7, 8}, {0, 0, 0, 0, 0, 0, 0, -1}};
    uint8_t b[STEPS][N * 4];
    for (unsigned i = 0; i < sizeof b; i++) (&b[0][0])[i] = (uint8_t)(255 - i);
    int32_t sums[M][N] = {{1000, 0, 0}, {0, INT32_MIN, 0}}, wanted[M][N];
    memcpy(wanted, sums, sizeof wanted);
    wanted[1][1] = 0;
    for (unsigned m = 0; m < M; m++)
        for (unsigned n = 0; n < N; n++)
            for (unsigned k = 0; k < STEPS * 4; k++)
                wanted[m][n] += a[m][k] * b[k / 4][4 * n + k % 4];
    wanted[1][1] = (int32_t)((uint32_t)wanted[1][1] + (uint32_t)INT32_MIN); /* wraps around */
    emulated_ldtilecfg(shapes());
    emulated_tileloadd(0, sums, sizeof *sums);
    emulated_tileloadd(1, a, sizeof *a);
    emulated_tileloadd(2, b, sizeof *b);
    emulated_tdpbsud(0, 1, 2);
    emulated_tilestored(0, sums, sizeof *sums);
    assert_memory_equal(sums, wanted, sizeof sums);
    emulated_tilezero(0);
    emulated_tilestored(0, sums, sizeof *sums);
    memset(wanted, 0, sizeof wanted);
    assert_memory_equal(sums, wanted, sizeof sums);
}

static uint16_t bfloat16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* One sum of two steps: (a0 b0 + a2 b2) + (a1 b1 + a3 b3). */
static float dot(const float a[4], const float b[4], float before)
{
    uint16_t rows[M][STEPS * 2] = {{0}}, columns[STEPS][N * 2] = {{0}};
    float sums[M][N] = {{before}};
    for (unsigned k = 0; k < 4; k++) {
        rows[0][k] = bfloat16(a[k]);
        columns[k / 2][k % 2] = bfloat16(b[k]);
    }
    emulated_tilerelease();
    emulated_ldtilecfg(shapes());
    emulated_tileloadd(0, sums, sizeof *sums);
    emulated_tileloadd(1, rows, sizeof *rows);
    emulated_tileloadd(2, columns, sizeof *columns);
    emulated_tdpbf16ps(0, 1, 2);
    emulated_tilestored(0, sums, sizeof *sums);
    for (unsigned n = 0; n < N; n++) assert_true(sums[1][n] == 0);
    return sums[0][0];
}

static void test_floats(void **state)
{
    (void)state;
    const float ones[] = {1, 1, 1, 1};
    assert_true(dot((const float[]){1, 2, 3, 4}, (const float[]){5, 6, 7, 8}, 0.5F) == 70.5F);
    /* In order of k the small one would be lost: even and odd elements have sums of their own. */
    assert_true(dot((const float[]){0x1p30F, 1, -0x1p30F, 1}, ones, 0) == 2);
    assert_true(dot((const float[]){0x1p30F, 1, 1, -0x1p30F}, ones, 0) == 0);
    /* Subnormal operands and results are zeros. */
    assert_true(dot((const float[]){0x1p-127F, 0, 0, 0}, (const float[]){0x1p100F, 0, 0, 0}, 0) ==
                0);
    assert_true(dot((const float[]){0x1p-70F, 0, 0, 0}, (const float[]){0x1p-70F, 0, 0, 0}, 0) ==
                0);
    assert_true(isnan(dot((const float[]){INFINITY, 0, 0, 0}, (const float[]){0, 0, 0, 0}, 0)));
}

/* The byte of the configuration that is not as it may be. */
static void refuse_config(unsigned at, uint8_t value)
{
    uint8_t config[64];
    memcpy(config, shapes(), sizeof config);
    config[at] = value;
    expect_assert_failure(emulated_ldtilecfg(config));
}

static void test_wrong_configurations(void **state)
{
    (void)state;
    refuse_config(0, 0); /* palette */
    refuse_config(0, 2);
    refuse_config(1, 1);   /* start row */
    refuse_config(15, 1);  /* what must be zero */
    refuse_config(16, 65); /* bytes of a row */
    refuse_config(17, 1);
    refuse_config(32, 4);  /* a ninth tile */
    refuse_config(48, 17); /* rows */
    refuse_config(48, 0);  /* bytes, but no rows */
    refuse_config(51, 1);  /* rows, but no bytes */
    refuse_config(56, 1);
    emulated_ldtilecfg(shapes());
    expect_assert_failure(emulated_ldtilecfg(shapes()));
}

static void test_tiles_that_are_not_there(void **state)
{
    (void)state;
    char bytes[1024] = {0};
    expect_assert_failure(emulated_tilezero(0));
    emulated_ldtilecfg(shapes());
    emulated_tilezero(0);
    expect_assert_failure(emulated_tilezero(3));
    expect_assert_failure(emulated_tilezero(8));
    expect_assert_failure(emulated_tileloadd(3, bytes, 64));
    expect_assert_failure(emulated_tilestored(8, bytes, 64));
    emulated_tilerelease();
    expect_assert_failure(emulated_tileloadd(0, bytes, 64));
    expect_assert_failure(emulated_tdpbsud(0, 1, 2));
}

/* A product with the byte of the configuration changed. */
static void refuse_product(unsigned at, uint8_t value)
{
    uint8_t config[64];
    memcpy(config, shapes(), sizeof config);
    config[at] = value;
    emulated_ldtilecfg(config);
    expect_assert_failure(emulated_tdpbf16ps(0, 1, 2));
    expect_assert_failure(emulated_tdpbsud(0, 1, 2));
    emulated_tilerelease();
}

static void test_shapes_that_do_not_fit(void **state)
{
    (void)state;
    refuse_product(16, N * 4 + 4);
    refuse_product(16, N * 4 - 1);
    refuse_product(18, STEPS * 4 + 4);
    refuse_product(18, STEPS * 4 + 1);
    refuse_product(20, N * 4 - 4);
    refuse_product(48, M + 1);
    refuse_product(50, STEPS + 1);
    emulated_ldtilecfg(shapes());
    expect_assert_failure(emulated_tdpbf16ps(0, 0, 2));
    expect_assert_failure(emulated_tdpbsud(0, 1, 1));
    emulated_tdpbsud(0, 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_bytes, release),
        cmocka_unit_test_teardown(test_floats, release),
        cmocka_unit_test_teardown(test_wrong_configurations, release),
        cmocka_unit_test_teardown(test_tiles_that_are_not_there, release),
        cmocka_unit_test_teardown(test_shapes_that_do_not_fit, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
