/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file mapped read-only: pages come from the file when they are touched and are shared with
 * other processes. Also reading a whole small file, and replacing a file in one step.
 */
#ifndef OSPREY_BASE_OS_FILE_MAP_H
#define OSPREY_BASE_OS_FILE_MAP_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct osprey__file_map {
    const void *bytes; /* NULL for an empty file */
    size_t length;
} osprey__file_map;

/* Maps path. Errors: OSPREY_NOT_FOUND, OSPREY_IO (also for anything but a regular file). */
osprey_status osprey__file_map_open(const char *path, osprey__file_map *map, osprey_error *error);

/* Takes an unopened (zeroed) map too. */
void osprey__file_map_close(osprey__file_map *map);

/*
 * The whole of path (regular file, pipe, or "-" for standard input) in a block that ends with a
 * NUL not counted in *length. The caller frees *text with osprey__free. OSPREY_LIMIT above limit.
 */
osprey_status osprey__file_read(const char *path, size_t limit, char **text, size_t *length,
                                osprey_error *error);

/* Writes length bytes to path in one step: temporary file beside it, synced, renamed. */
osprey_status osprey__file_write(const char *path, const void *bytes, size_t length,
                                 osprey_error *error);

/* What tells a file from another, and from itself before it was written to. */
typedef struct osprey__file_mark {
    uint64_t device, inode, bytes;
    int64_t seconds; /* of its last change */
    long nanoseconds;
} osprey__file_mark;

/* All zero for what is not there. */
osprey__file_mark osprey__file_mark_of(const char *path);

bool osprey__file_marks_equal(const osprey__file_mark *a, const osprey__file_mark *b);

bool osprey__file_exists(const char *path);
bool osprey__is_directory(const char *path);

/* "directory/name" into path; OSPREY_LIMIT where it does not fit. */
osprey_status osprey__path_join(char *path, size_t capacity, const char *directory,
                                const char *name, osprey_error *error);

#endif
