/* SPDX-License-Identifier: Apache-2.0 */
/* Files written piece by piece: what pieces and blocks do to each other, and a disk that fills. */
#include "base/os/file_map.h"
#include "base/os/file_writer.h"
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)300007) /* of which no block is a multiple */
#define PIECES      ((size_t)16)

static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static void append_piece(osprey__file_writer *writer, size_t piece)
{
    osprey_error error;
    uint8_t *bytes = malloc(PIECE_BYTES);
    for (size_t i = 0; i < PIECE_BYTES; i++) bytes[i] = byte_at(piece * PIECE_BYTES + i);
    assert_int_equal(osprey__file_writer_write(writer, bytes, PIECE_BYTES, &error), OSPREY_OK);
    free(bytes);
}

static bool has_no_nameless_files;

/* Stands before the C library's, for a file system that knows no files without a name. */
int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const bool is_nameless = (flags & O_TMPFILE) == O_TMPFILE;
    const mode_t mode = flags & O_CREAT || is_nameless ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (!is_nameless || !has_no_nameless_files) return openat(AT_FDCWD, path, flags, mode);
    errno = EOPNOTSUPP;
    return -1;
}

static int use_named_files(void **state)
{
    (void)state;
    has_no_nameless_files = true;
    return 0;
}

static int use_nameless_files(void **state)
{
    (void)state;
    has_no_nameless_files = false;
    return 0;
}

static void test_pieces_and_blocks(void **state)
{
    (void)state;
    char directory[] = "/tmp/osprey-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/pieces", directory);
    osprey_error error;
    osprey__file_writer writer = {0};
    assert_int_equal(osprey__file_writer_open(&writer, path, &error), OSPREY_OK);
    for (size_t p = 0; p < PIECES / 2; p++) append_piece(&writer, p);
    assert_int_equal(osprey__file_writer_write_front(&writer, "front", 5, &error), OSPREY_OK);
    for (size_t p = PIECES / 2; p < PIECES; p++) append_piece(&writer, p);
    assert_int_equal(osprey__file_writer_commit(&writer, OSPREY__SYNCED, &error), OSPREY_OK);
    osprey__file_writer_close(&writer);

    osprey__file_map map;
    assert_int_equal(osprey__file_map_open(path, &map, &error), OSPREY_OK);
    assert_int_equal(map.length, PIECES * PIECE_BYTES);
    const uint8_t *bytes = map.bytes;
    assert_memory_equal(bytes, "front", 5);
    for (size_t i = 5; i < map.length; i++)
        if (bytes[i] != byte_at(i)) fail_msg("byte %zu is %u", i, bytes[i]);
    osprey__file_map_close(&map);
    unlink(path);
    assert_int_equal(rmdir(directory), 0);
}

/* What still waits for its block is lost as loudly as what was written. */
static void test_a_full_disk_is_noticed(void **state)
{
    (void)state;
    char directory[] = "/tmp/osprey-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/full", directory);
    osprey_error error;
    osprey__file_writer writer = {0};
    assert_int_equal(osprey__file_writer_open(&writer, path, &error), OSPREY_OK);
    append_piece(&writer, 0);
    struct rlimit usual, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    small = usual;
    small.rlim_cur = PIECE_BYTES / 2;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    osprey_status status = osprey__file_writer_commit(&writer, OSPREY__NOT_SYNCED, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, OSPREY_IO);
    assert_string_equal(error.subject, path);
    osprey__file_writer_close(&writer);
    assert_int_equal(rmdir(directory), 0); /* nothing is left */
}

static void test_a_private_file_stays_private(void **state)
{
    (void)state;
    char directory[] = "/tmp/osprey-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/private", directory);
    osprey_error error;
    struct stat info;
    assert_int_equal(osprey__file_write(path, "one", 3, &error), OSPREY_OK);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(osprey__file_write(path, "two", 3, &error), OSPREY_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    unlink(path);
    assert_int_equal(rmdir(directory), 0);
}

/* As SIGKILL leaves it, or an end of the process that no handler sees. */
static void test_a_killed_writer_leaves_nothing(void **state)
{
    (void)state;
    char directory[] = "/tmp/osprey-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    int nameless = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (nameless < 0) {
        rmdir(directory);
        skip();
    }
    close(nameless);
    snprintf(path, sizeof path, "%s/killed", directory);
    const pid_t child = fork();
    if (child == 0) {
        osprey__file_writer writer = {0};
        if (osprey__file_writer_open(&writer, path, NULL) != OSPREY_OK ||
            osprey__file_writer_write_front(&writer, "front", 5, NULL) != OSPREY_OK)
            _exit(1);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(rmdir(directory), 0);
}

/* Where every file has a name: it is seen while it is written, and goes with its writer. */
static void test_a_temporary_name(void **state)
{
    (void)state;
    char directory[] = "/tmp/osprey-test-XXXXXX", path[64], temporary[96];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/named", directory);
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    osprey_error error;
    osprey__file_writer writer = {0};
    assert_int_equal(osprey__file_writer_open(&writer, path, &error), OSPREY_OK);
    assert_int_equal(access(temporary, F_OK), 0);
    osprey__file_writer_close(&writer);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_and_blocks),
        cmocka_unit_test(test_a_full_disk_is_noticed),
        cmocka_unit_test(test_a_private_file_stays_private),
        cmocka_unit_test(test_a_killed_writer_leaves_nothing),
        cmocka_unit_test_setup_teardown(test_pieces_and_blocks, use_named_files,
                                        use_nameless_files),
        cmocka_unit_test_setup_teardown(test_a_temporary_name, use_named_files, use_nameless_files),
        cmocka_unit_test_setup_teardown(test_a_full_disk_is_noticed, use_named_files,
                                        use_nameless_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
