/* SPDX-License-Identifier: Apache-2.0 */
/* How much a command gives the model at once, with --max-resident and without. */
#include "../../cli/batch_size.h"
#include "cmocka_all.h"

#define MIB ((size_t)1 << 20)

/* The sentence is told in test_cli_model.c. */
cli_exit cli_fail(cli_exit code, const char *subject, const char *format, ...)
{
    (void)format;
    assert_string_equal(subject, "--batch");
    return code;
}

static void test_without_a_limit_batches_are_as_asked_for(void **state)
{
    (void)state;
    const cli_options usual = {0}, asked = {.batch = 65536};
    assert_int_equal(cli_batch_size(&usual, 8, 100 * MIB), 8);
    assert_int_equal(cli_batch_size(&asked, 8, 100 * MIB), 65536);
    assert_int_equal(cli_check_batch(&asked, 65536, 100 * MIB), CLI_DONE);
    assert_int_equal(cli_batch_size(&usual, 8, 0), 8); /* a model of no images */
}

/* 16 MiB are for two batches by turns, or for the one of `bench`. */
static void test_a_limit_bounds_batches(void **state)
{
    (void)state;
    const cli_options limited = {.max_resident = 256 * MIB},
                      asked = {.max_resident = 256 * MIB, .batch = 65536};
    assert_int_equal(cli_batch_size(&limited, 8, MIB), 8);
    assert_int_equal(cli_batch_size(&limited, 9, MIB), 8);
    assert_int_equal(cli_batch_size(&asked, 8, MIB / 2), 16);
    assert_int_equal(cli_batch_size(&asked, 8, 9 * MIB), 1);
    assert_int_equal(cli_check_batch(&asked, 16, MIB), CLI_DONE);
    assert_int_equal(cli_check_batch(&asked, 17, MIB), CLI_WRONG_USE);
    assert_int_equal(cli_check_batch(&asked, 1, 100 * MIB), CLI_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_limit_batches_are_as_asked_for),
        cmocka_unit_test(test_a_limit_bounds_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
