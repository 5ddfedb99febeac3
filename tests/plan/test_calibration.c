/* SPDX-License-Identifier: Apache-2.0 */
/* Static ranges from histograms. make_calibration_golden.py searches the same cuts in NumPy. */
#include "cmocka_all.h"
#include "plan/calibration.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = OSPREY__HISTOGRAM_BINS };

static long long long_tail(long long bin)
{
    return 1000000 / (1 + bin * bin / 16);
}

static long long outliers(long long bin)
{
    return bin < 600 ? (600 - bin) * (600 - bin) : bin >= 1900 && bin % 50 == 0 ? 3 : 0;
}

static long long uniform(long long bin)
{
    (void)bin;
    return 10;
}

static long long sparse(long long bin)
{
    return bin % 3 ? 0 : 3000000 / (100 + bin * bin);
}

static long long two_humps(long long bin)
{
    return bin < 300 ? 5000 : llabs(bin - 1500) < 40 ? 900 : 0;
}

/* Of a layer behind a rectifier: most values are zero. */
static long long rectified(long long bin)
{
    long long left = BINS - bin;
    return bin ? left * left * left * left / 100000000 : 500000000;
}

/* Few values, so far away that to cut them off would be the larger error. */
static long long far_away(long long bin)
{
    return bin < 400 ? (400 - bin) * (400 - bin) : bin >= 2000 ? 5 : 0;
}

/* The largest magnitude is where the last bin that is not empty ends. */
static void fill(osprey__histogram *seen, long long (*count)(long long bin), int exponent)
{
    for (size_t bin = 0; bin < BINS; bin++) {
        seen->counts[bin] = (uint64_t)count((long long)bin);
        if (seen->counts[bin]) seen->largest = ldexpf((float)(bin + 1), exponent - 11);
    }
    seen->exponent = exponent;
}

static void test_entropy_cuts_where_numpy_does(void **state)
{
    (void)state;
    static const struct {
        long long (*count)(long long bin);
        float cut; /* in bins */
    } expected[] = {{long_tail, 1919}, {outliers, 595},   {uniform, 2048}, {sparse, 1663},
                    {two_humps, 1540}, {rectified, 1919}, {far_away, 2012}};
    static osprey__histogram seen;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        for (int exponent = -20; exponent <= 20; exponent += 20) {
            fill(&seen, expected[i].count, exponent);
            float range = osprey__histogram_range(&seen, OSPREY_CALIBRATION_ENTROPY);
            float wanted = ldexpf(expected[i].cut, exponent - 11);
            if (range != wanted)
                fail_msg("%zu: %g instead of %g", i, (double)range, (double)wanted);
            assert_true(osprey__histogram_range(&seen, OSPREY_CALIBRATION_MINMAX) == seen.largest);
        }
    /* Nothing lies beyond the largest magnitude. */
    fill(&seen, uniform, 0);
    seen.largest = 2047.5F / BINS;
    assert_true(osprey__histogram_range(&seen, OSPREY_CALIBRATION_ENTROPY) == seen.largest);
}

static float *random_values(size_t count)
{
    float *values = calloc(count, sizeof *values);
    uint32_t random = 7;
    for (size_t i = 0; i < count; i++) {
        random = random * 1664525 + 1013904223;
        float uniform_value = (float)(random >> 8) / (1 << 23) - 1;
        values[i] = uniform_value * uniform_value * uniform_value * 37;
    }
    return values;
}

/* Backwards and in pieces, or at once: the same histogram, which is that of 2048 bins below 64. */
static void test_order_and_pieces_do_not_matter(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    float *values = random_values(COUNT);
    static osprey__histogram at_once, in_pieces;
    osprey__histogram_add(&at_once, values, COUNT);
    for (size_t end = COUNT; end > 0;) {
        size_t piece = end % 7 < end ? 1 + end % 7 : end;
        end -= piece;
        osprey__histogram_add(&in_pieces, values + end, piece);
    }
    osprey__histogram_add(&in_pieces, values, 0);
    assert_int_equal(at_once.exponent, 6);
    assert_int_equal(in_pieces.exponent, 6);
    assert_memory_equal(at_once.counts, in_pieces.counts, sizeof at_once.counts);
    assert_true(at_once.largest == in_pieces.largest);
    uint64_t counts[BINS] = {0};
    double largest = 0;
    for (size_t i = 0; i < COUNT; i++) {
        counts[(size_t)floor(fabs((double)values[i]) / 64 * BINS)]++;
        largest = fmax(largest, fabs((double)values[i]));
    }
    assert_memory_equal(at_once.counts, counts, sizeof counts);
    assert_true((double)osprey__histogram_range(&at_once, OSPREY_CALIBRATION_MINMAX) == largest);
    free(values);
}

static void test_values_at_the_ends(void **state)
{
    (void)state;
    static osprey__histogram zeros, tiny, huge;
    const float nothing[] = {0, -0.0F}, small[] = {FLT_TRUE_MIN, -FLT_MIN, 0},
                large[] = {FLT_TRUE_MIN, -FLT_MAX, 1};
    osprey__histogram_add(&zeros, nothing, 2);
    osprey__histogram_add(&tiny, small, 3);
    osprey__histogram_add(&huge, small, 3);
    osprey__histogram_add(&huge, large, 3);
    for (int method = OSPREY_CALIBRATION_MINMAX; method <= OSPREY_CALIBRATION_ENTROPY; method++) {
        osprey_calibration_method how = (osprey_calibration_method)method;
        assert_true(osprey__histogram_range(&zeros, how) == 0);
        assert_true(osprey__histogram_range(&tiny, how) == FLT_MIN);
    }
    assert_int_equal(zeros.counts[0], 2);
    assert_true(osprey__histogram_range(&huge, OSPREY_CALIBRATION_MINMAX) == FLT_MAX);
    assert_int_equal(huge.counts[0], 5);
    assert_int_equal(huge.counts[BINS - 1], 1);
}

static void test_what_is_not_finite_is_told(void **state)
{
    (void)state;
    const float wrong[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 4; i++) {
        static osprey__histogram seen;
        const float values[] = {1, wrong[i], 2};
        seen = (osprey__histogram){0};
        osprey__histogram_add(&seen, values, 1);
        assert_false(seen.not_finite);
        osprey__histogram_add(&seen, values, 3);
        assert_true(seen.not_finite);
        assert_true(seen.largest == 1);
    }
}

static void test_names_of_methods(void **state)
{
    (void)state;
    assert_string_equal(osprey_calibration_method_name(OSPREY_CALIBRATION_NONE), "none");
    assert_string_equal(osprey_calibration_method_name(OSPREY_CALIBRATION_MINMAX), "minmax");
    assert_string_equal(osprey_calibration_method_name(OSPREY_CALIBRATION_ENTROPY), "entropy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entropy_cuts_where_numpy_does),
        cmocka_unit_test(test_order_and_pieces_do_not_matter),
        cmocka_unit_test(test_values_at_the_ends),
        cmocka_unit_test(test_what_is_not_finite_is_told),
        cmocka_unit_test(test_names_of_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
