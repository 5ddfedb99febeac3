/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors parser on good, wrong and damaged files. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "format/format_files.h"
#include "format/safetensors.h"

#include <stdio.h>
#include <string.h>

/* Six tensors of every kind that matters: scalar, empty, foreign, at an odd address, out of order.
 */
static const char good_header[] =
    "{'__metadata__':{'format':'pt','note':'\\u00e9'},"
    "'c.half':{'dtype':'BF16','shape':[3],'data_offsets':[25,31]},"
    "'a.weight':{'dtype':'F32','shape':[2,3],'data_offsets':[0,24]},"
    "'b.flag':{'dtype':'BOOL','shape':[1],'data_offsets':[24,25]},"
    "'empty':{'dtype':'F32','shape':[0,7],'data_offsets':[31,31]},"
    "'scale':{'dtype':'F16','shape':[],'data_offsets':[31,33]},"
    "'packed':{'dtype':'F4','shape':[2,3],'data_offsets':[33,36]}}   ";
#define GOOD_BYTES 36

static const osprey__tensor *find(const osprey__tensor_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->tensors[i].name, name) == 0) return &table->tensors[i];
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

static void test_reads_every_kind_of_tensor(void **state)
{
    (void)state;
    size_t length = 0;
    uint8_t *bytes = make_safetensors(good_header, GOOD_BYTES, &length);
    osprey__tensor_table table;
    osprey_error error;
    assert_int_equal(osprey__safetensors_parse(bytes, length, "good", &table, &error), OSPREY_OK);
    assert_int_equal(table.count, 6);

    const osprey__tensor *weight = find(&table, "a.weight");
    assert_string_equal(weight->file, "good");
    assert_int_equal(weight->dtype, OSPREY__F32);
    assert_null(weight->foreign_dtype);
    assert_int_equal(weight->rank, 2);
    assert_int_equal(weight->dims[0], 2);
    assert_int_equal(weight->dims[1], 3);
    assert_int_equal(weight->elements, 6);
    assert_int_equal(weight->bytes, 24);
    assert_int_equal(*(const uint8_t *)weight->data, 0);

    const osprey__tensor *half = find(&table, "c.half");
    assert_int_equal(half->dtype, OSPREY__BF16);
    assert_int_equal(*(const uint8_t *)half->data, 25);
    assert_int_equal(find(&table, "scale")->rank, 0);
    assert_int_equal(find(&table, "scale")->elements, 1);
    assert_int_equal(find(&table, "empty")->elements, 0);
    assert_string_equal(find(&table, "packed")->foreign_dtype, "F4");
    assert_int_equal(find(&table, "packed")->bytes, 3);
    osprey__tensor_table_free(&table);
    osprey__free(bytes);
}

static void test_a_file_without_tensors_is_legal(void **state)
{
    (void)state;
    size_t length = 0;
    uint8_t *bytes = make_safetensors("{}", 0, &length);
    osprey__tensor_table table;
    assert_int_equal(osprey__safetensors_parse(bytes, length, "none", &table, NULL), OSPREY_OK);
    assert_int_equal(table.count, 0);
    osprey__tensor_table_free(&table);
    osprey__free(bytes);
}

static void check_refusal(const char *header, size_t data_bytes, osprey_status wanted,
                          const char *message_part)
{
    size_t length = 0;
    uint8_t *bytes = make_safetensors(header, data_bytes, &length);
    osprey__tensor_table table;
    osprey_error error;
    osprey_status got = osprey__safetensors_parse(bytes, length, "bad file", &table, &error);
    assert_refused(got, &error, wanted, "bad file", message_part);
    assert_null(table.tensors);
    osprey__free(bytes);
}

static void test_refuses_contradictory_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        osprey_status status;
        const char *message_part;
    } refusals[] = {
        /* JSON */
        {"", 0, OSPREY_FORMAT, "does not begin with"},
        {" {}", 0, OSPREY_FORMAT, "does not begin with"},
        {"[]", 0, OSPREY_FORMAT, "does not begin with"},
        {"{", 0, OSPREY_FORMAT, "not valid JSON: line 1"},
        {"{}x", 0, OSPREY_FORMAT, "not valid JSON"},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1]},"
         "'a':{'dtype':'U8','shape':[1],'data_offsets':[1,2]}}",
         2, OSPREY_FORMAT, "duplicate"},
        {"{'a':{'dtype':'U8','dtype':'I8','shape':[1],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT,
         "duplicate"},
        {"{'a\xff':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT, "0xff"},
        {"{'a\\u0000':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT,
         "not valid JSON"},
        {"{'a':{'dtype':'U8','shape':[NaN],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT, "NaN"},
        {"{'a':{'dtype':'U8','shape':[-Infinity],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT,
         "not valid JSON"},
        /* entries */
        {"{'a':3}", 0, OSPREY_FORMAT, "tensor \"a\" has to be an object"},
        {"{'a':{}}", 0, OSPREY_FORMAT, "tensor \"a\" has no \"dtype\""},
        {"{'a':{'dtype':1}}", 0, OSPREY_FORMAT, "tensor \"a\" has no \"dtype\""},
        {"{'a':{'dtype':'F33','shape':[],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT, "type \"F33\""},
        {"{'__metadata__':[]}", 0, OSPREY_FORMAT, "__metadata__"},
        {"{'__metadata__':{'k':1}}", 0, OSPREY_FORMAT, "\"k\""},
        /* shapes */
        {"{'a':{'dtype':'U8','data_offsets':[0,1]}}", 1, OSPREY_FORMAT, "no \"shape\""},
        {"{'a':{'dtype':'U8','shape':{},'data_offsets':[0,1]}}", 1, OSPREY_FORMAT, "no \"shape\""},
        {"{'a':{'dtype':'U8','shape':[-1],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT,
         "tensor \"a\" has a dimension"},
        {"{'a':{'dtype':'U8','shape':[1.0],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT,
         "tensor \"a\" has a dimension"},
        {"{'a':{'dtype':'U8','shape':['1'],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT,
         "tensor \"a\" has a dimension"},
        {"{'a':{'dtype':'U8','shape':[9223372036854775808],'data_offsets':[0,1]}}", 1,
         OSPREY_FORMAT, "too big integer"},
        {"{'a':{'dtype':'U8','shape':[9223372036854775807,9223372036854775807],"
         "'data_offsets':[0,1]}}",
         1, OSPREY_FORMAT, "tensor \"a\" has a shape whose product overflows"},
        {"{'a':{'dtype':'F32','shape':[4611686018427387904],'data_offsets':[0,0]}}", 0,
         OSPREY_FORMAT, "tensor \"a\" has a shape whose size in bytes overflows"},
        {"{'a':{'dtype':'U8','shape':[4294967296,4294967296],'data_offsets':[0,0]}}", 0,
         OSPREY_FORMAT, "product overflows"},
        {"{'a':{'dtype':'U8','shape':[1,1,1,1,1,1,1,1,1],'data_offsets':[0,1]}}", 1, OSPREY_LIMIT,
         "tensor \"a\" has 9 dimensions"},
        /* places */
        {"{'a':{'dtype':'U8','shape':[1]}}", 1, OSPREY_FORMAT, "tensor \"a\" has no \"data_off"},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[0]}}", 1, OSPREY_FORMAT, "two whole"},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1,2]}}", 1, OSPREY_FORMAT, "two whole"},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1.5]}}", 1, OSPREY_FORMAT, "two whole"},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[-1,0]}}", 1, OSPREY_FORMAT, "two whole"},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[1,0]}}", 1, OSPREY_FORMAT,
         "ends at byte 0, before it begins at byte 1"},
        {"{'a':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}}", 1, OSPREY_FORMAT,
         "tensor \"a\" ends at byte 2 of the data, but only 1"},
        {"{'a':{'dtype':'U8','shape':[1],"
         "'data_offsets':[9223372036854775806,9223372036854775807]}}",
         1, OSPREY_FORMAT, "cut off"},
        {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}}", 4, OSPREY_FORMAT,
         "tensor \"a\" has 4 bytes, but its type and shape need 8"},
        {"{'a':{'dtype':'F4','shape':[3],'data_offsets':[0,1]}}", 1, OSPREY_FORMAT, "need 2"},
        /* coverage */
        {"{'a':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},"
         "'b':{'dtype':'U8','shape':[2],'data_offsets':[1,3]}}",
         3, OSPREY_FORMAT, "\"a\" and \"b\" overlap"},
        {"{'a':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},"
         "'b':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}}",
         2, OSPREY_FORMAT, "overlap"},
        {"{'a':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},"
         "'b':{'dtype':'U8','shape':[0],'data_offsets':[1,1]}}",
         2, OSPREY_FORMAT, "overlap"},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[1,2]}}", 2, OSPREY_FORMAT,
         "the 1 bytes before tensor \"a\""},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1]},"
         "'b':{'dtype':'U8','shape':[1],'data_offsets':[3,4]}}",
         4, OSPREY_FORMAT, "the 2 bytes before tensor \"b\""},
        {"{'a':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}}", 4, OSPREY_FORMAT,
         "the last 3 bytes"},
        {"{}", 1, OSPREY_FORMAT, "the last 1 bytes"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        check_refusal(refusals[i].header, refusals[i].data_bytes, refusals[i].status,
                      refusals[i].message_part);
}

static void test_refuses_deep_nesting(void **state)
{
    (void)state;
    char header[20000];
    size_t used = (size_t)snprintf(header, sizeof header, "{'a':");
    memset(header + used, '[', 10000);
    header[used + 10000] = '\0';
    check_refusal(header, 0, OSPREY_FORMAT, "depth");
}

static void test_refuses_too_many_tensors(void **state)
{
    (void)state;
    const size_t entries = OSPREY__TENSORS_MAX + 1, entry_bytes = strlen("'0000000':0,");
    char *header = osprey__calloc(entries * entry_bytes + 2, 1);
    assert_non_null(header);
    header[0] = '{';
    for (size_t i = 0; i < entries; i++)
        snprintf(header + 1 + i * entry_bytes, entry_bytes + 1, "'%07zu':0,", i);
    header[entries * entry_bytes] = '}'; /* for the last comma */
    check_refusal(header, 0, OSPREY_LIMIT, "1000001 entries");
    osprey__free(header);
}

static void test_refuses_wrong_header_lengths(void **state)
{
    (void)state;
    osprey__tensor_table table;
    osprey_error error;
    osprey_status got = osprey__safetensors_parse(NULL, 0, "empty", &table, &error);
    assert_refused(got, &error, OSPREY_FORMAT, "empty", "the file is empty");
    uint8_t short_file[9] = {2, 0, 0, 0, 0, 0, 0, 0, '{'};
    got = osprey__safetensors_parse(short_file, 2, "two", &table, &error);
    assert_refused(got, &error, OSPREY_FORMAT, "two", "too short for a safetensors file");
    const uint8_t page[] = "<!DOCTYPE html><html>";
    got = osprey__safetensors_parse(page, sizeof page - 1, "page", &table, &error);
    assert_refused(got, &error, OSPREY_FORMAT, "page", "nor what torch.save or NumPy wrote");

    got = osprey__safetensors_parse(short_file, sizeof short_file, "short", &table, &error);
    assert_refused(got, &error, OSPREY_FORMAT, "short", "a header of 2 bytes, but 1 follow");
    memset(short_file, 0xff, 8);
    got = osprey__safetensors_parse(short_file, sizeof short_file, "huge", &table, &error);
    assert_refused(got, &error, OSPREY_FORMAT, "huge", "18446744073709551615");

    const uint32_t announced = OSPREY__SAFETENSORS_HEADER_BYTES + 1;
    uint8_t *long_file = osprey__calloc(8 + (size_t)announced, 1);
    assert_non_null(long_file);
    memcpy(long_file, &announced, sizeof announced);
    got = osprey__safetensors_parse(long_file, 8 + (size_t)announced, "long", &table, &error);
    assert_refused(got, &error, OSPREY_LIMIT, "long", "at most 100000000");
    osprey__free(long_file);
}

static void test_refuses_every_truncation(void **state)
{
    (void)state;
    size_t length = 0;
    uint8_t *bytes = make_safetensors(good_header, GOOD_BYTES, &length);
    for (size_t kept = 0; kept < length; kept++) {
        uint8_t *cut = osprey__calloc(kept, 1);
        assert_non_null(cut);
        memcpy(cut, bytes, kept);
        osprey__tensor_table table;
        osprey_error error;
        osprey_status got = osprey__safetensors_parse(cut, kept, "cut", &table, &error);
        assert_refused(got, &error, OSPREY_FORMAT, "cut", "");
        osprey__free(cut);
    }
    osprey__free(bytes);
}

/* Reads all that the table promises; AddressSanitizer sees what is outside of the file. */
static void read_tensors(const osprey__tensor_table *table)
{
    volatile uint8_t seen;
    for (size_t i = 0; i < table->count; i++) {
        const osprey__tensor *tensor = &table->tensors[i];
        size_t elements = 1;
        for (size_t d = 0; d < tensor->rank; d++) elements *= tensor->dims[d];
        assert_int_equal(elements, tensor->elements);
        if (!tensor->foreign_dtype)
            assert_int_equal(elements * osprey__dtype_bytes(tensor->dtype), tensor->bytes);
        const uint8_t *data = tensor->data;
        for (size_t b = 0; b < tensor->bytes; b++) seen = data[b];
    }
    (void)seen;
}

static void test_flipped_bits_never_lead_outside(void **state)
{
    (void)state;
    size_t length = 0, accepted = 0, refused = 0;
    uint8_t *bytes = make_safetensors(good_header, GOOD_BYTES, &length);
    uint8_t *flipped = osprey__calloc(length, 1);
    assert_non_null(flipped);
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        memcpy(flipped, bytes, length);
        for (int flips = 0; flips < 1 + round % 3; flips++) {
            random = random * 1664525 + 1013904223;
            flipped[(random >> 8) % length] ^= (uint8_t)(1U << (random >> 29));
        }
        osprey__tensor_table table;
        osprey_error error = {0};
        if (osprey__safetensors_parse(flipped, length, "flipped", &table, &error) == OSPREY_OK) {
            read_tensors(&table);
            accepted++;
        } else {
            assert_string_equal(error.subject, "flipped");
            assert_true(strlen(error.message) > 10);
            refused++;
        }
        osprey__tensor_table_free(&table);
    }
    assert_true(accepted > 100 && refused > 10000); /* the loop saw both sides */
    osprey__free(flipped);
    osprey__free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_kind_of_tensor),
        cmocka_unit_test(test_a_file_without_tensors_is_legal),
        cmocka_unit_test(test_refuses_contradictory_headers),
        cmocka_unit_test(test_refuses_deep_nesting),
        cmocka_unit_test(test_refuses_too_many_tensors),
        cmocka_unit_test(test_refuses_wrong_header_lengths),
        cmocka_unit_test(test_refuses_every_truncation),
        cmocka_unit_test(test_flipped_bits_never_lead_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
