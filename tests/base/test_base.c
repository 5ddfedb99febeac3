/* SPDX-License-Identifier: Apache-2.0 */
/* The bottom layer: statuses, checked sizes, cursor, buffer, JSON, dtypes, files. */
#include "base/buffer.h"
#include "base/byte_cursor.h"
#include "base/dtype.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "cmocka_all.h"
#include "memory_hooks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_fail_cuts_what_does_not_fit(void **state)
{
    (void)state;
    char longer[1000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    osprey_error error;
    assert_int_equal(osprey__fail(&error, OSPREY_FORMAT, longer, "%s", longer), OSPREY_FORMAT);
    assert_int_equal(strlen(error.subject), sizeof error.subject - 1);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    assert_string_equal(osprey_status_name(OSPREY_FORMAT), "FORMAT");
    assert_string_equal(osprey_status_text(OSPREY_OK), "success");
    assert_int_equal(osprey__fail(NULL, OSPREY_IO, NULL, "no error wanted"), OSPREY_IO);
}

static void test_sizes_do_not_overflow(void **state)
{
    (void)state;
    size_t product;
    assert_true(osprey__multiply(1 << 20, 1 << 20, &product));
    assert_false(osprey__multiply(SIZE_MAX, 2, &product));
    assert_null(osprey__calloc(SIZE_MAX / 2, 3));
    assert_null(osprey__aligned_alloc(SIZE_MAX - 1));
    void *block = osprey__aligned_alloc(100);
    assert_int_equal((uintptr_t)block % OSPREY__ALIGNMENT, 0);
    osprey__aligned_free(block);
}

static void test_cursor_stays_inside(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5};
    osprey__byte_cursor cursor = osprey__cursor_over(bytes, sizeof bytes);
    uint64_t number;
    assert_true(osprey__cursor_number(&cursor, 2, false, &number));
    assert_int_equal(number, 0x0201);
    assert_true(osprey__cursor_number(&cursor, 2, true, &number));
    assert_int_equal(number, 0x0304);
    assert_false(osprey__cursor_number(&cursor, 2, true, &number));
    assert_null(osprey__cursor_take(&cursor, SIZE_MAX));
    assert_int_equal(cursor.remaining, 1);
}

static void test_buffer_grows(void **state)
{
    (void)state;
    osprey__buffer buffer = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(osprey__buffer_print(&buffer, NULL, "%03d,", i), OSPREY_OK);
    assert_int_equal(buffer.length, 4000);
    assert_memory_equal(buffer.bytes + 3996, "999,", 4);
    osprey__buffer_free(&buffer);
}

static void test_json_names_the_key(void **state)
{
    (void)state;
    const char *text = "{\"width\": 768, \"eps\": 1e-5, \"name\": 3, \"none\": null}";
    json_t *root = NULL;
    osprey_error error;
    assert_int_equal(osprey__json_parse(text, strlen(text), "a.json", &root, &error), OSPREY_OK);
    size_t width = 1, absent = 7;
    float eps = 0;
    const char *name = NULL;
    assert_int_equal(osprey__json_size(root, "width", "a.json", &width, &error), OSPREY_OK);
    assert_int_equal(osprey__json_size(root, "none", "a.json", &absent, &error), OSPREY_OK);
    assert_int_equal(osprey__json_float(root, "eps", "a.json", &eps, &error), OSPREY_OK);
    assert_int_equal(width, 768);
    assert_int_equal(absent, 7);
    assert_true(eps == 1e-5F);
    assert_int_equal(osprey__json_string(root, "name", "a.json", &name, &error), OSPREY_FORMAT);
    assert_string_equal(error.subject, "a.json");
    assert_non_null(strstr(error.message, "name"));
    json_decref(root);
    assert_int_equal(osprey__json_parse("{\"a\":1,\"a\":2}", 13, "b.json", &root, &error),
                     OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "line 1"));
}

static void test_json_survives_numbers_of_any_length(void **state)
{
    (void)state;
    char path[] = "/tmp/osprey_json_XXXXXX";
    close(mkstemp(path));
    const char *huge =
        "\xEF\xBB\xBF{\"most\": 1000000000000000019884624838656, \"name\": \"b\\\"1\", "
        "\"low\": -18446744073709551616, \"dim\": 512}";
    json_t *root = NULL;
    osprey_error error;
    assert_int_equal(osprey__json_parse(huge + 3, strlen(huge + 3), "c.json", &root, &error),
                     OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "too big integer"));
    assert_int_equal(osprey__file_write(path, huge, strlen(huge), &error), OSPREY_OK);
    assert_int_equal(osprey__json_read(path, 200, &root, &error), OSPREY_OK);
    unlink(path);
    const char *name = NULL;
    size_t most = 0, dim = 0;
    float low = 0;
    assert_int_equal(osprey__json_string(root, "name", "c.json", &name, &error), OSPREY_OK);
    assert_string_equal(name, "b\"1");
    /* Only the numbers that do not fit are reals. */
    assert_int_equal(osprey__json_size(root, "dim", "c.json", &dim, &error), OSPREY_OK);
    assert_int_equal(dim, 512);
    assert_int_equal(osprey__json_float(root, "low", "c.json", &low, &error), OSPREY_OK);
    assert_true(low == -0x1p64F);
    assert_int_equal(osprey__json_size(root, "most", "c.json", &most, &error), OSPREY_FORMAT);
    json_decref(root);
}

static void test_half_precision_is_exact(void **state)
{
    (void)state;
    const uint16_t halves[] = {0x0000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x8400, 0x7c00, 0x7e00};
    const float wanted[] = {0, 1, -2, 65504, 0x1p-24F, -0x1p-14F, INFINITY, NAN};
    float got[8];
    osprey__to_f32(OSPREY__F16, halves, 8, got);
    for (int i = 0; i < 7; i++) assert_true(got[i] == wanted[i]);
    assert_true(isnan(got[7]));
    const uint16_t brain[] = {0x3f80, 0xc2f7};
    osprey__to_f32(OSPREY__BF16, brain, 2, got);
    assert_true(got[0] == 1 && got[1] == -123.5F);
}

static void test_files_are_replaced_whole(void **state)
{
    (void)state;
    char directory[] = "/tmp/osprey_test_XXXXXX";
    assert_non_null(mkdtemp(directory));
    char path[64];
    osprey_error error;
    snprintf(path, sizeof path, "%s/a", directory);
    assert_int_equal(osprey__file_write(path, "one", 3, &error), OSPREY_OK);
    assert_int_equal(osprey__file_write(path, "three", 5, &error), OSPREY_OK);
    osprey__file_map map;
    assert_int_equal(osprey__file_map_open(path, &map, &error), OSPREY_OK);
    assert_int_equal(map.length, 5);
    assert_memory_equal(map.bytes, "three", 5);
    osprey__file_map_close(&map);
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(osprey__file_read(path, 4, &text, &length, &error), OSPREY_LIMIT);
    assert_int_equal(osprey__file_read(path, 5, &text, &length, &error), OSPREY_OK);
    assert_string_equal(text, "three");
    osprey__free(text);
    unlink(path);
    assert_int_equal(osprey__file_map_open(path, &map, &error), OSPREY_NOT_FOUND);
    assert_int_equal(osprey__file_map_open(directory, &map, &error), OSPREY_IO);
    rmdir(directory);
}

/* Photographs come through here: no copy for each time that room has doubled. */
static void test_file_is_read_into_one_block(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    static char written[LENGTH];
    for (size_t i = 0; i < LENGTH; i++) written[i] = (char)(i * 7 + i / 256);
    char path[] = "/tmp/osprey_test_XXXXXX";
    close(mkstemp(path));
    osprey_error error;
    assert_int_equal(osprey__file_write(path, written, LENGTH, &error), OSPREY_OK);
    char *text = NULL;
    size_t length = 0, allocations = 0;
    osprey__set_memory_hook(count_allocation, &allocations);
    assert_int_equal(osprey__file_read(path, LENGTH, &text, &length, &error), OSPREY_OK);
    osprey__set_memory_hook(NULL, NULL);
    assert_int_equal(allocations, 1);
    assert_int_equal(length, LENGTH);
    assert_memory_equal(text, written, LENGTH);
    assert_int_equal(text[LENGTH], 0);
    osprey__free(text);
    /* A large file is no reason to take more than the caller wants. */
    size_t left = 1;
    osprey__set_memory_hook(fail_at, &left);
    assert_int_equal(osprey__file_read(path, 5000, &text, &length, &error), OSPREY_OUT_OF_MEMORY);
    osprey__set_memory_hook(NULL, NULL);
    assert_int_equal(osprey__file_read(path, LENGTH - 1, &text, &length, &error), OSPREY_LIMIT);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_cuts_what_does_not_fit),
        cmocka_unit_test(test_sizes_do_not_overflow),
        cmocka_unit_test(test_cursor_stays_inside),
        cmocka_unit_test(test_buffer_grows),
        cmocka_unit_test(test_json_names_the_key),
        cmocka_unit_test(test_json_survives_numbers_of_any_length),
        cmocka_unit_test(test_half_precision_is_exact),
        cmocka_unit_test(test_files_are_replaced_whole),
        cmocka_unit_test(test_file_is_read_into_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
