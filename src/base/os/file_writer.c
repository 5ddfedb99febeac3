/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/file_writer.h"

#include "base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static osprey_status write_failed(const osprey__file_writer *writer, osprey_error *error)
{
    return osprey__fail(error, OSPREY_IO, writer->path, "cannot write it: %s", strerror(errno));
}

osprey_status osprey__file_writer_open(osprey__file_writer *writer, const char *path,
                                       osprey_error *error)
{
    writer->path = NULL;
    struct stat info;
    /* A device or a pipe would be replaced by a file. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return osprey__fail(error, OSPREY_IO, path,
                            "cannot be replaced: it is no regular file; name a new one");
    int needed =
        snprintf(writer->temporary, sizeof writer->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (needed < 0 || (size_t)needed >= sizeof writer->temporary)
        return osprey__fail(error, OSPREY_LIMIT, path, "the path is too long");
    writer->file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->file < 0)
        return osprey__fail(error, OSPREY_IO, path, "cannot create it: %s", strerror(errno));
    writer->path = path;
    return OSPREY_OK;
}

osprey_status osprey__file_writer_write(osprey__file_writer *writer, const void *bytes,
                                        size_t length, osprey_error *error)
{
    for (const char *at = bytes; length;) {
        ssize_t written = write(writer->file, at, length);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return write_failed(writer, error);
        at += written;
        length -= (size_t)written;
    }
    return OSPREY_OK;
}

osprey_status osprey__file_writer_write_front(osprey__file_writer *writer, const void *bytes,
                                              size_t length, osprey_error *error)
{
    if (lseek(writer->file, 0, SEEK_SET) < 0) return write_failed(writer, error);
    OSPREY_TRY(osprey__file_writer_write(writer, bytes, length, error));
    return lseek(writer->file, 0, SEEK_END) < 0 ? write_failed(writer, error) : OSPREY_OK;
}

osprey_status osprey__file_writer_commit(osprey__file_writer *writer, osprey__durability durability,
                                         osprey_error *error)
{
    if (durability == OSPREY__SYNCED && fsync(writer->file) != 0)
        return write_failed(writer, error);
    int file = writer->file;
    writer->file = -1;
    if (close(file) != 0) return write_failed(writer, error);
    if (rename(writer->temporary, writer->path) != 0) return write_failed(writer, error);
    writer->path = NULL;
    return OSPREY_OK;
}

void osprey__file_writer_close(osprey__file_writer *writer)
{
    if (!writer->path) return;
    if (writer->file >= 0) close(writer->file);
    unlink(writer->temporary);
    writer->path = NULL;
}
