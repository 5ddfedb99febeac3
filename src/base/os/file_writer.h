/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file written piece by piece that takes its name only when all is there. Until then it has no
 * name (Linux's O_TMPFILE), so that nothing stays of it even if the process is killed; where the
 * file system knows no such files it is a temporary file beside it. One thread at a time.
 *
 *     osprey__file_writer writer = {0};
 *     status = osprey__file_writer_open(&writer, "m.osprey", error);
 *     if (status == OSPREY_OK) status = osprey__file_writer_write(&writer, bytes, length, error);
 *     if (status == OSPREY_OK) status = osprey__file_writer_commit(&writer, OSPREY__SYNCED, error);
 *     osprey__file_writer_close(&writer);
 */
#ifndef OSPREY_BASE_OS_FILE_WRITER_H
#define OSPREY_BASE_OS_FILE_WRITER_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__FILE_WRITER_PATH_BYTES 4096

typedef enum osprey__durability {
    OSPREY__SYNCED,     /* on the disk before it has its name */
    OSPREY__NOT_SYNCED, /* quicker; after a crash the file may be there without its contents */
} osprey__durability;

typedef struct osprey__file_writer {
    const char *path;                            /* as asked for, borrowed; NULL: not open */
    char target[OSPREY__FILE_WRITER_PATH_BYTES]; /* the file's name: the path, its links followed */
    char temporary[OSPREY__FILE_WRITER_PATH_BYTES];
    int file;
    bool is_nameless;
    char *block; /* what was appended last, and is not written yet */
    size_t gathered;
} osprey__file_writer;

/*
 * path has to outlive the writer; a link is written through to the file that it leads to. A
 * temporary file, "PATH.PID.tmp" beside that file, is locked as long as its writer lives, and those
 * of that path whose writer is gone are removed first. Errors of all of
 * these: OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY; of this one OSPREY_INVALID_ARGUMENT too
 * (what is there is no regular file).
 */
osprey_status osprey__file_writer_open(osprey__file_writer *writer, const char *path,
                                       osprey_error *error);

/* Appends. An error may show only in a later call, the commit at the latest. */
osprey_status osprey__file_writer_write(osprey__file_writer *writer, const void *bytes,
                                        size_t length, osprey_error *error);

/* Writes over the file's beginning; what is appended later still goes to its end. */
osprey_status osprey__file_writer_write_front(osprey__file_writer *writer, const void *bytes,
                                              size_t length, osprey_error *error);

/* Gives the file its name. */
osprey_status osprey__file_writer_commit(osprey__file_writer *writer, osprey__durability durability,
                                         osprey_error *error);

/* Removes what writers that were killed have left in directory of files whose name ends so. */
void osprey__file_writer_remove_stale(const char *directory, const char *ending);

/* Removes the temporary file unless it was committed. Takes a zeroed writer, and one whose opening
 * failed. */
void osprey__file_writer_close(osprey__file_writer *writer);

#endif
