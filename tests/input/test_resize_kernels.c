/* SPDX-License-Identifier: Apache-2.0 */
/* Every instruction set's resize against the portable one: the same bits, at all sizes. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "input/image/resize.h"

#include <stdlib.h>
#include <string.h>

static uint32_t random_state = 1;

/* Numerical Recipes' generator: the same numbers on every machine. */
static uint32_t next_random(void)
{
    random_state = random_state * 1664525U + 1013904223U;
    return random_state >> 8;
}

static size_t random_size(size_t most)
{
    return 1 + next_random() % most;
}

/* bytes and the slack behind them, in a block of exactly that size for AddressSanitizer. */
static uint8_t *random_bytes(size_t bytes)
{
    uint8_t *block = osprey__calloc(bytes + OSPREY__RESIZE_SLACK, 1);
    assert_non_null(block);
    for (size_t i = 0; i < bytes + OSPREY__RESIZE_SLACK; i++) {
        uint32_t value = next_random();
        /* Black and white make the sums overshoot. */
        block[i] = value & 1 ? (value & 2 ? 255 : 0) : (uint8_t)(value >> 8);
    }
    return block;
}

static osprey__resize_axis random_axis(size_t in, size_t out)
{
    size_t first = next_random() % out;
    osprey__resize_axis axis;
    osprey_error error;
    osprey_resample resample = (osprey_resample)(next_random() % 6);
    const osprey__resize_input input = {.samples = in, .end = (double)in};
    if (osprey__resize_axis_init(&axis, &input, out, first, 1 + next_random() % (out - first),
                                 resample, &error) != OSPREY_OK)
        fail_msg("%s", error.message);
    return axis;
}

static void check_horizontal(const osprey__resize_kernels *kernels)
{
    size_t in = random_size(100), rows = random_size(9);
    osprey__resize_axis axis = random_axis(in, random_size(60));
    size_t row_bytes = in * 3 + next_random() % 5,
           out_bytes = axis.count * 3 + OSPREY__RESIZE_ROW_SLACK;
    uint8_t *source = random_bytes(row_bytes * rows);
    uint8_t *wanted = random_bytes(out_bytes * rows), *got = random_bytes(out_bytes * rows);
    osprey__resize_portable.horizontal(source, row_bytes, rows, &axis, wanted, out_bytes);
    kernels->horizontal(source, row_bytes, rows, &axis, got, out_bytes);
    for (size_t y = 0; y < rows; y++)
        assert_memory_equal(got + y * out_bytes, wanted + y * out_bytes, axis.count * 3);
    osprey__free(source);
    osprey__free(wanted);
    osprey__free(got);
    osprey__resize_axis_free(&axis);
}

static void check_vertical(const osprey__resize_kernels *kernels)
{
    size_t in = random_size(60), bytes = random_size(200);
    osprey__resize_axis axis = random_axis(in, random_size(40));
    size_t row_bytes = bytes + next_random() % 5;
    uint8_t *source = random_bytes(row_bytes * in);
    uint8_t *wanted = random_bytes(bytes), *got = random_bytes(bytes);
    for (size_t output = 0; output < axis.count; output++) {
        osprey__resize_portable.vertical(source, row_bytes, &axis, output, wanted, bytes);
        kernels->vertical(source, row_bytes, &axis, output, got, bytes);
        assert_memory_equal(got, wanted, bytes);
    }
    osprey__free(source);
    osprey__free(wanted);
    osprey__free(got);
    osprey__resize_axis_free(&axis);
}

static void check_to_planes(const osprey__resize_kernels *kernels)
{
    const float scale[3] = {0.01460F, 0.0150F, 0.0142F}, shift[3] = {-1.79F, -1.75F, 0};
    osprey__resize_levels levels;
    osprey__resize_levels_init(&levels, scale, shift);
    size_t count = random_size(70);
    uint8_t *rgb = random_bytes(count * 3);
    float *wanted = osprey__calloc(count * 6, sizeof *wanted), *got = wanted + 3 * count;
    assert_non_null(wanted);
    float *const wanted_planes[3] = {wanted, wanted + count, wanted + 2 * count};
    float *const got_planes[3] = {got, got + count, got + 2 * count};
    osprey__resize_portable.to_planes(rgb, count, &levels, wanted_planes);
    kernels->to_planes(rgb, count, &levels, got_planes);
    assert_memory_equal(got, wanted, 3 * count * sizeof *got);
    osprey__free(rgb);
    osprey__free(wanted);
}

static void test_every_instruction_set_gives_the_same_bits(void **state)
{
    (void)state;
    const osprey__cpu_features *features;
    assert_int_equal(osprey__cpu_features_get(&features, NULL), OSPREY_OK);
    const osprey__resize_kernels *kernels;
    /* The first ones are the portable ones themselves. */
    for (size_t i = 1; (kernels = osprey__resize_kernels_at(i)); i++) {
        if (!osprey__resize_kernels_run(kernels, features)) {
            print_message("%s: not run, this machine lacks it\n", kernels->name);
            continue;
        }
        for (int round = 0; round < 600; round++) {
            check_horizontal(kernels);
            check_vertical(kernels);
            check_to_planes(kernels);
        }
        print_message("%s: 600 rounds equal to portable\n", kernels->name);
    }
}

/* The portable passes have only the golden files above them; these sums are done by hand. */
static void test_a_box_filter_is_a_mean(void **state)
{
    (void)state;
    const uint8_t row[12 + OSPREY__RESIZE_SLACK] = {10, 0, 255, 20, 0, 255, 30, 1, 0, 41, 2, 1};
    uint8_t got[6 + OSPREY__RESIZE_ROW_SLACK + OSPREY__RESIZE_SLACK];
    osprey__resize_axis axis;
    const osprey__resize_input in = {.samples = 4, .end = 4};
    assert_int_equal(osprey__resize_axis_init(&axis, &in, 2, 0, 2, OSPREY_RESAMPLE_BOX, NULL),
                     OSPREY_OK);
    osprey__resize_portable.horizontal(row, 12, 1, &axis, got, 6 + OSPREY__RESIZE_ROW_SLACK);
    const uint8_t wanted[6] = {15, 0, 255, 36, 2, 1};
    assert_memory_equal(got, wanted, 6);
    osprey__resize_axis_free(&axis);
}

/* Places as Pillow adds them up: its third of 5 out of 14 is 6, where 2.5 * 2.8 would give 7. */
static void test_nearest_takes_pillows_places(void **state)
{
    (void)state;
    static const size_t wanted[5] = {1, 4, 6, 9, 12};
    const osprey__resize_input in = {.samples = 14, .end = 14};
    for (size_t first = 0; first < 5; first++) {
        osprey__resize_axis axis;
        assert_int_equal(osprey__resize_axis_init(&axis, &in, 5, first, 5 - first,
                                                  OSPREY_RESAMPLE_NEAREST, NULL),
                         OSPREY_OK);
        for (size_t i = 0; i < axis.count; i++) {
            assert_int_equal(axis.windows[i].first, wanted[first + i]);
            assert_int_equal(axis.windows[i].taps, 1);
        }
        uint8_t row[14 * 3 + OSPREY__RESIZE_SLACK] = {0};
        uint8_t got[15 + OSPREY__RESIZE_ROW_SLACK + OSPREY__RESIZE_SLACK];
        for (uint8_t i = 0; i < 14 * 3; i++) row[i] = (uint8_t)(255 - i);
        osprey__resize_portable.horizontal(row, 14 * 3, 1, &axis, got, sizeof got);
        for (size_t i = 0; i < axis.count; i++)
            assert_memory_equal(got + 3 * i, row + 3 * wanted[first + i], 3);
        osprey__resize_axis_free(&axis);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_instruction_set_gives_the_same_bits),
        cmocka_unit_test(test_a_box_filter_is_a_mean),
        cmocka_unit_test(test_nearest_takes_pillows_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
