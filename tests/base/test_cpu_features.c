/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor can do, and how OSPREY_CPU restricts it. */
#include "base/cpu/cpu_features.h"
#include "base/cpu/usable_cores.h"
#include "cmocka_all.h"

#include <stdint.h>
#include <string.h>

#define ALL_LEVELS ((1U << OSPREY__CPU_LEVELS) - 1)

static void test_levels_below_the_best_are_supported(void **state)
{
    (void)state;
    const osprey__cpu_features *features;
    osprey_error error;
    assert_int_equal(osprey__cpu_features_get(&features, &error), OSPREY_OK);
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        bool supported = osprey__cpu_level_supported((osprey__cpu_level)level);
        assert_true(supported || (osprey__cpu_level)level != features->level);
        print_message("%s: %s\n", osprey__cpu_level_name((osprey__cpu_level)level),
                      supported ? "yes" : "not on this machine");
    }
    assert_string_equal(features->level_name, osprey__cpu_level_name(features->level));
    print_message("caches: %zu, %zu, %zu bytes; %zu cores\n", features->l1d_bytes,
                  features->l2_bytes, features->l3_bytes, features->usable_cores);
    assert_in_range(features->usable_cores, 1, 65536);
    assert_true(features->l1d_bytes >= 4096);
    assert_true(features->l2_bytes >= features->l1d_bytes);
}

static void test_a_name_takes_away_what_lies_above(void **state)
{
    (void)state;
    const osprey__cpu_features machine = {
        .level = OSPREY__CPU_LEVELS - 1,
        .levels = ALL_LEVELS,
        .usable_cores = 3,
    };
    osprey__cpu_features features;
    osprey_error error;
    for (int level = 0; level < OSPREY__CPU_LEVELS; level++) {
        const char *name = osprey__cpu_level_name((osprey__cpu_level)level);
        assert_non_null(strstr(OSPREY__CPU_NAMES, name));
        assert_int_equal(osprey__cpu_features_restrict(&machine, name, &features, &error),
                         OSPREY_OK);
        assert_int_equal(features.level, level);
        assert_int_equal(features.levels, (2U << level) - 1);
        assert_string_equal(features.level_name, name);
        assert_int_equal(features.usable_cores, 3);
    }
}

static void test_what_is_not_there_is_refused(void **state)
{
    (void)state;
    const osprey__cpu_features machine = {.level = OSPREY__CPU_LEVELS - 2,
                                          .levels = ALL_LEVELS >> 1};
    const char *missing = osprey__cpu_level_name(OSPREY__CPU_LEVELS - 1);
    osprey__cpu_features features;
    osprey_error error;
    assert_int_equal(osprey__cpu_features_restrict(&machine, missing, &features, &error),
                     OSPREY_UNSUPPORTED);
    assert_string_equal(error.subject, "OSPREY_CPU");
    assert_null(strstr(strstr(error.message, "that it has"), missing));
    assert_int_equal(osprey__cpu_features_restrict(&machine, "AVX2", &features, &error),
                     OSPREY_UNSUPPORTED);
    assert_non_null(strstr(error.message, OSPREY__CPU_NAMES));
}

/* As AVX-VNNI is on many machines with AVX-512. */
static void test_a_level_between_may_be_missing(void **state)
{
    (void)state;
    const osprey__cpu_level missing_level = 2, above = 3;
    const osprey__cpu_features machine = {.level = OSPREY__CPU_LEVELS - 1,
                                          .levels = ALL_LEVELS & ~(1U << missing_level)};
    const char *missing = osprey__cpu_level_name(missing_level);
    osprey__cpu_features features;
    osprey_error error;
    assert_int_equal(osprey__cpu_features_restrict(&machine, missing, &features, &error),
                     OSPREY_UNSUPPORTED);
    const char *has = strstr(error.message, "that it has");
    assert_non_null(strstr(has, osprey__cpu_level_name(1)));
    assert_null(strstr(strstr(has, ":"), missing));
    assert_int_equal(
        osprey__cpu_features_restrict(&machine, osprey__cpu_level_name(above), &features, &error),
        OSPREY_OK);
    assert_int_equal(features.level, above);
}

static void test_levels_are_found_by_name(void **state)
{
    (void)state;
    const osprey__cpu_features *features;
    osprey__cpu_level level;
    osprey_error error;
    assert_int_equal(osprey__cpu_features_get(&features, &error), OSPREY_OK);
    for (int at = 0; at < OSPREY__CPU_LEVELS; at++) {
        const char *name = osprey__cpu_level_name((osprey__cpu_level)at);
        bool found = osprey__cpu_level_find(name, features->level, &level);
        assert_int_equal(found, at <= (int)features->level &&
                                    osprey__cpu_level_supported((osprey__cpu_level)at));
        if (found) assert_int_equal(level, at);
    }
    assert_false(osprey__cpu_level_find("avx", features->level, &level));
}

static void test_quota_is_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(osprey__cgroup_quota_cores("150000 100000\n"), 2);
    assert_int_equal(osprey__cgroup_quota_cores("200000 100000\n"), 2);
    assert_int_equal(osprey__cgroup_quota_cores("1000 100000\n"), 1);
    assert_int_equal(osprey__cgroup_quota_cores("max 100000\n"), SIZE_MAX);
    assert_int_equal(osprey__cgroup_quota_cores("5 0\n"), SIZE_MAX);
    assert_int_equal(osprey__cgroup_quota_cores(""), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_below_the_best_are_supported),
        cmocka_unit_test(test_a_name_takes_away_what_lies_above),
        cmocka_unit_test(test_what_is_not_there_is_refused),
        cmocka_unit_test(test_a_level_between_may_be_missing),
        cmocka_unit_test(test_levels_are_found_by_name),
        cmocka_unit_test(test_quota_is_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
