/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's container: what is written comes back, and nothing else is believed. */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"
#include "format/engine_file.h"
#include "format/format_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES (3 * OSPREY__CHECKSUM_PIECE + 1)

/* Other bytes in each piece. */
static uint8_t large_byte(size_t i)
{
    return (uint8_t)(i * 7 + i / OSPREY__CHECKSUM_PIECE);
}

static void write_engine(const char *path, size_t large_bytes)
{
    osprey__engine_writer writer = {0};
    osprey_error error;
    uint8_t *large = calloc(large_bytes, 1);
    for (size_t i = 0; i < large_bytes; i++) large[i] = large_byte(i);
    assert_int_equal(osprey__engine_writer_open(&writer, path, &error), OSPREY_OK);
    assert_int_equal(osprey__engine_writer_section(&writer, "first", "abc", 3, &error), OSPREY_OK);
    assert_int_equal(osprey__engine_writer_section(&writer, "empty", "", 0, &error), OSPREY_OK);
    assert_int_equal(osprey__engine_writer_begin(&writer, "large", &error), OSPREY_OK);
    for (size_t at = 0; at < large_bytes;) {
        size_t piece = large_bytes - at < 10000 ? large_bytes - at : 10000;
        assert_int_equal(osprey__engine_writer_append(&writer, large + at, piece, &error),
                         OSPREY_OK);
        at += piece;
    }
    assert_false(osprey__file_exists(path));
    assert_int_equal(osprey__engine_writer_commit(&writer, OSPREY__SYNCED, &error), OSPREY_OK);
    osprey__engine_writer_close(&writer);
    free(large);
}

static void test_sections_come_back(void **state)
{
    (void)state;
    const char *path = in_directory("whole.osprey");
    osprey_error error;
    write_engine(path, LARGE_BYTES);
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_open(path, &file, &error), OSPREY_OK);
    assert_int_equal(file.section_count, 3);
    const osprey__engine_section *first = osprey__engine_file_find(&file, "first");
    assert_int_equal(first->length, 3);
    assert_memory_equal(first->bytes, "abc", 3);
    assert_int_equal(osprey__engine_file_find(&file, "empty")->length, 0);
    const osprey__engine_section *large = osprey__engine_file_find(&file, "large");
    assert_int_equal(large->length, LARGE_BYTES);
    assert_int_equal((uintptr_t)large->bytes % OSPREY__ENGINE_PAGE, 0);
    for (size_t i = 0; i < LARGE_BYTES; i++) assert_int_equal(large->bytes[i], large_byte(i));
    assert_null(osprey__engine_file_find(&file, "other"));
    assert_int_equal(osprey__engine_file_verify(&file, path, &error), OSPREY_OK);
    osprey__engine_file_close(&file);
}

/* Damage in the header is found when the file is opened, damage in a section when it is checked. */
static void test_damage_is_found(void **state)
{
    (void)state;
    const char *path = in_directory("damaged.osprey");
    osprey_error error;
    write_engine(path, 5000);
    char *bytes;
    size_t length;
    assert_int_equal(osprey__file_read(path, 1 << 20, &bytes, &length, &error), OSPREY_OK);
    osprey__engine_file file;
    for (size_t at = 0; at < length; at += at < OSPREY__ENGINE_PAGE ? 3 : 41) {
        bool padding = (at >= 4096 + 3 && at < 8192);
        if (padding) continue;
        bytes[at] ^= 0x20;
        osprey_status status = osprey__engine_file_parse(bytes, length, "damaged", &file, &error);
        if (status == OSPREY_OK) status = osprey__engine_file_verify(&file, "damaged", &error);
        if (status != OSPREY_FORMAT && status != OSPREY_UNSUPPORTED)
            fail_msg("a change of byte %zu is not seen", at);
        bytes[at] ^= 0x20;
    }
    assert_int_equal(osprey__engine_file_parse(bytes, length, "whole", &file, &error), OSPREY_OK);
    osprey__free(bytes);

    path = in_directory("large.osprey");
    write_engine(path, LARGE_BYTES);
    assert_int_equal(osprey__file_read(path, 1 << 25, &bytes, &length, &error), OSPREY_OK);
    const size_t begin = length - LARGE_BYTES,
                 places[] = {begin, begin + LARGE_BYTES / 2, length - 1};
    for (size_t i = 0; i < 3; i++) {
        bytes[places[i]] ^= 1;
        assert_int_equal(osprey__engine_file_parse(bytes, length, "large", &file, &error),
                         OSPREY_OK);
        assert_refused(osprey__engine_file_verify(&file, "large", &error), &error, OSPREY_FORMAT,
                       "large", "section \"large\"");
        bytes[places[i]] ^= 1;
    }
    /* Two pieces that have changed places. */
    for (size_t i = 0; i < OSPREY__CHECKSUM_PIECE; i++) {
        char first = bytes[begin + i];
        bytes[begin + i] = bytes[begin + OSPREY__CHECKSUM_PIECE + i];
        bytes[begin + OSPREY__CHECKSUM_PIECE + i] = first;
    }
    assert_int_equal(osprey__engine_file_parse(bytes, length, "large", &file, &error), OSPREY_OK);
    assert_refused(osprey__engine_file_verify(&file, "large", &error), &error, OSPREY_FORMAT,
                   "large", "section \"large\"");
    osprey__free(bytes);
}

/* Every shorter file is refused, in a block of exactly that many bytes. */
static void test_cut_off(void **state)
{
    (void)state;
    const char *path = in_directory("cut.osprey");
    osprey_error error;
    write_engine(path, 3000);
    char *bytes;
    size_t length;
    assert_int_equal(osprey__file_read(path, 1 << 20, &bytes, &length, &error), OSPREY_OK);
    for (size_t cut = 0; cut < length; cut += cut < 200 ? 1 : 97) {
        char *exact = malloc(cut ? cut : 1);
        memcpy(exact, bytes, cut);
        osprey__engine_file file;
        assert_int_equal(osprey__engine_file_parse(exact, cut, "cut", &file, &error),
                         OSPREY_FORMAT);
        free(exact);
    }
    osprey__free(bytes);
}

static void test_other_versions_are_named(void **state)
{
    (void)state;
    const char *path = in_directory("version.osprey");
    osprey_error error;
    write_engine(path, 10);
    char *bytes;
    size_t length;
    assert_int_equal(osprey__file_read(path, 1 << 20, &bytes, &length, &error), OSPREY_OK);
    bytes[OSPREY__ENGINE_MAGIC_BYTES] = 77;
    osprey__engine_file file;
    assert_refused(osprey__engine_file_parse(bytes, length, "m.osprey", &file, &error), &error,
                   OSPREY_UNSUPPORTED, "m.osprey", "format 77, this osprey reads format 15");
    osprey__free(bytes);
}

/* A writer that does not reach its end leaves nothing, and an older file as it was. */
static void test_writing_is_atomic(void **state)
{
    (void)state;
    const char *path = in_directory("atomic.osprey");
    osprey_error error;
    write_engine(path, 10);
    osprey__engine_writer writer = {0};
    assert_int_equal(osprey__engine_writer_open(&writer, path, &error), OSPREY_OK);
    assert_int_equal(osprey__engine_writer_section(&writer, "new", "x", 1, &error), OSPREY_OK);
    char temporary[OSPREY__FILE_WRITER_PATH_BYTES];
    snprintf(temporary, sizeof temporary, "%s", writer.file.temporary);
    assert_true(writer.file.is_nameless || osprey__file_exists(temporary));
    osprey__engine_writer_close(&writer);
    assert_false(osprey__file_exists(temporary));
    osprey__engine_file file;
    assert_int_equal(osprey__engine_file_open(path, &file, &error), OSPREY_OK);
    assert_non_null(osprey__engine_file_find(&file, "large"));
    osprey__engine_file_close(&file);

    writer = (osprey__engine_writer){0};
    const char *nowhere = in_directory("missing/atomic.osprey");
    assert_refused(osprey__engine_writer_open(&writer, nowhere, &error), &error, OSPREY_IO,
                   "atomic.osprey", "cannot create it");
    osprey__engine_writer_close(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_come_back),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_writing_is_atomic),
        cmocka_unit_test(test_other_versions_are_named),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
