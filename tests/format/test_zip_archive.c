/* SPDX-License-Identifier: Apache-2.0 */
/* Zip directories: right ones, and the tricks that wrong ones play. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "format/format_files.h"
#include "format/torch_files.h"
#include "format/zip_archive.h"

#include <string.h>

/* Of make_zip: two entries with names of one letter and 4 bytes each. */
#define LOCAL_BYTES   (30 + 1 + 4)
#define DIRECTORY_AT  (2 * LOCAL_BYTES)
#define CENTRAL_BYTES (46 + 1)
#define END_AT        (DIRECTORY_AT + 2 * CENTRAL_BYTES)

static uint8_t *make_zip(size_t *length)
{
    zip_file zip = {0};
    zip_add(&zip, "b", "bbbb", 4);
    zip_add(&zip, "a", "aaaa", 4);
    return zip_finish(&zip, length);
}

static void put_u32(uint8_t *at, uint32_t number)
{
    for (size_t i = 0; i < 4; i++) at[i] = (uint8_t)(number >> 8 * i);
}

static void test_finds_entries(void **state)
{
    (void)state;
    size_t length;
    uint8_t *bytes = make_zip(&length);
    osprey__zip_archive archive;
    osprey_error error = {0};
    assert_int_equal(osprey__zip_open(bytes, length, "test", &archive, &error), OSPREY_OK);
    assert_int_equal(archive.count, 2);
    assert_string_equal(archive.entries[0].name, "a");
    const osprey__zip_entry *entry = osprey__zip_find(&archive, "b");
    assert_ptr_equal(entry->data, bytes + 31); /* in place */
    assert_int_equal(entry->bytes, 4);
    assert_true(entry->stored);
    assert_null(osprey__zip_find(&archive, "c"));
    assert_refused(osprey__zip_get(&archive, "c", &entry, &error), &error, OSPREY_NOT_FOUND, "test",
                   "\"c\" is missing");
    osprey__zip_free(&archive);
    osprey__free(bytes);
}

static void test_no_entries(void **state)
{
    (void)state;
    zip_file zip = {0};
    size_t length;
    uint8_t *bytes = zip_finish(&zip, &length);
    osprey__zip_archive archive;
    osprey_error error = {0};
    assert_int_equal(osprey__zip_open(bytes, length, "test", &archive, &error), OSPREY_OK);
    assert_null(osprey__zip_find(&archive, "a"));
    osprey__zip_free(&archive);
    osprey__free(bytes);
}

/* One byte or number changed, and what that leads to. */
static void test_refuses_damage(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint32_t value;
        osprey_status status;
        const char *words;
    } changes[] = {
        {END_AT, 0, OSPREY_FORMAT, "directory at the end of the file is missing"},
        {END_AT + 10, 3 << 16 | 3, OSPREY_FORMAT, "missing or damaged"},
        {END_AT + 12, 0xfffffff0, OSPREY_FORMAT, "missing or damaged"},
        {END_AT + 16, 0xfffffff0, OSPREY_FORMAT, "missing or damaged"},
        {END_AT + 16, 0xffffffff, OSPREY_FORMAT, "missing or damaged"}, /* zip64 without it */
        {END_AT + 4, 1, OSPREY_UNSUPPORTED, "one part of a zip file"},
        {DIRECTORY_AT, 0, OSPREY_FORMAT, "entry 0 of its zip directory is damaged"},
        {DIRECTORY_AT + 28, 0xffff, OSPREY_FORMAT, "entry 0 of its zip directory is damaged"},
        {DIRECTORY_AT + 30, 0xffff, OSPREY_FORMAT, "entry 0 of its zip directory is damaged"},
        {DIRECTORY_AT + CENTRAL_BYTES + 42, 1, OSPREY_FORMAT, "\"a\": its own header"},
        {DIRECTORY_AT + CENTRAL_BYTES + 42, 0, OSPREY_FORMAT, "\"a\": its own header"},
        {DIRECTORY_AT + 42, 0xfffffff0, OSPREY_FORMAT, "\"b\": its own header"},
        {DIRECTORY_AT + 42, 0xffffffff, OSPREY_FORMAT, "entry 0"}, /* zip64 without its field */
        {DIRECTORY_AT + 20, 0x7fffffff, OSPREY_FORMAT, "\"b\": 2147483647 bytes are not there"},
        {DIRECTORY_AT + 24, 1 << 30, OSPREY_FORMAT, "\"b\": 4 bytes are not there"},
        {LOCAL_BYTES, 0, OSPREY_FORMAT, "\"a\": its own header"},
        {LOCAL_BYTES + 8, 8, OSPREY_FORMAT, "\"a\": its own header"}, /* another method */
        {LOCAL_BYTES + 22, 5, OSPREY_FORMAT, "\"a\": 4 bytes are not there"},
        {LOCAL_BYTES + 28, 'a' << 16 | 99, OSPREY_FORMAT, "\"a\": 4 bytes are not there"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        size_t length;
        uint8_t *bytes = make_zip(&length);
        osprey__zip_archive archive;
        osprey_error error = {0};
        put_u32(bytes + changes[i].at, changes[i].value);
        assert_refused(osprey__zip_open(bytes, length, "test", &archive, &error), &error,
                       changes[i].status, "test", changes[i].words);
        assert_null(archive.entries);
        osprey__free(bytes);
    }
}

static void test_refuses_every_cut(void **state)
{
    (void)state;
    size_t length;
    uint8_t *bytes = make_zip(&length);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *exact = osprey__calloc(cut, 1);
        osprey__zip_archive archive;
        memcpy(exact, bytes, cut);
        assert_int_equal(osprey__zip_open(exact, cut, "test", &archive, NULL), OSPREY_FORMAT);
        osprey__free(exact);
    }
    osprey__free(bytes);
}

/* Local headers inside the data of another entry: a bomb that unpacks to more than its size. */
static void test_refuses_overlap(void **state)
{
    (void)state;
    zip_file inner = {0}, zip = {0};
    zip_add(&inner, "b", "bbbb", 4);
    const size_t inner_bytes = inner.bytes.length;
    zip_add(&zip, "a", inner.bytes.bytes, inner_bytes);
    const size_t header = zip.bytes.length - inner_bytes;
    put_u32((uint8_t *)inner.directory.bytes + 42, (uint32_t)header);
    assert_int_equal(
        osprey__buffer_append(&zip.directory, inner.directory.bytes, inner.directory.length, NULL),
        OSPREY_OK);
    zip.count++;
    size_t length;
    uint8_t *bytes = zip_finish(&zip, &length);
    osprey__zip_archive archive;
    osprey_error error = {0};
    assert_refused(osprey__zip_open(bytes, length, "test", &archive, &error), &error, OSPREY_FORMAT,
                   "test", "\"a\" and \"b\" overlap");
    osprey__free(bytes);
    osprey__buffer_free(&inner.bytes);
    osprey__buffer_free(&inner.directory);
}

static void refuse_name(const char *name, const char *words)
{
    zip_file zip = {0};
    zip_add(&zip, "a", "aaaa", 4);
    zip_add(&zip, name, "bbbb", 4);
    size_t length;
    uint8_t *bytes = zip_finish(&zip, &length);
    osprey__zip_archive archive;
    osprey_error error = {0};
    assert_refused(osprey__zip_open(bytes, length, "test", &archive, &error), &error, OSPREY_FORMAT,
                   "test", words);
    osprey__free(bytes);
}

static void test_refuses_names_that_trick(void **state)
{
    (void)state;
    refuse_name("a", "two zip entries have the name \"a\"");
    static const char *const names[] = {"", "/etc/passwd", "..", "../a", "a/../b", "a/..", "a\\b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        refuse_name(names[i], "entry 1 of its zip directory has a name that leads out");
}

static void test_compressed_entries_are_refused_when_read(void **state)
{
    (void)state;
    size_t length;
    uint8_t *bytes = make_zip(&length);
    bytes[8] = bytes[DIRECTORY_AT + 10] = 8; /* deflated */
    osprey__zip_archive archive;
    osprey_error error = {0};
    const osprey__zip_entry *entry;
    assert_int_equal(osprey__zip_open(bytes, length, "test", &archive, &error), OSPREY_OK);
    assert_int_equal(osprey__zip_get(&archive, "a", &entry, &error), OSPREY_OK);
    assert_refused(osprey__zip_get(&archive, "b", &entry, &error), &error, OSPREY_UNSUPPORTED,
                   "test", "\"b\" is compressed");
    osprey__zip_free(&archive);
    bytes[8] = bytes[DIRECTORY_AT + 10] = 0;
    bytes[6] = bytes[DIRECTORY_AT + 8] = 1; /* encrypted */
    assert_int_equal(osprey__zip_open(bytes, length, "test", &archive, &error), OSPREY_OK);
    assert_int_equal(osprey__zip_get(&archive, "b", &entry, &error), OSPREY_UNSUPPORTED);
    osprey__zip_free(&archive);
    osprey__free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_entries),
        cmocka_unit_test(test_no_entries),
        cmocka_unit_test(test_refuses_damage),
        cmocka_unit_test(test_refuses_every_cut),
        cmocka_unit_test(test_refuses_overlap),
        cmocka_unit_test(test_refuses_names_that_trick),
        cmocka_unit_test(test_compressed_entries_are_refused_when_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
