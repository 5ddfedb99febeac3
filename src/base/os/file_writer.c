/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/file_writer.h"

#include "base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static osprey_status write_failed(const osprey__file_writer *writer, osprey_error *error)
{
    return osprey__fail(error, OSPREY_IO, writer->path, "cannot write it: %s", strerror(errno));
}

bool osprey__file_writer_remove_stale(const char *temporary)
{
    int file = open(temporary, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (file < 0) return false;
    bool removed = flock(file, LOCK_EX | LOCK_NB) == 0 && unlink(temporary) == 0;
    close(file);
    return removed;
}

/* The new temporary file, locked; -1 with errno where it cannot be made. */
static int create_locked(const char *temporary)
{
    for (;;) {
        int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0) {
            if (errno == EEXIST && osprey__file_writer_remove_stale(temporary)) continue;
            return -1;
        }
        struct stat info;
        flock(file, LOCK_EX); /* where files cannot be locked, none is taken for stale */
        if (fstat(file, &info) != 0 || info.st_nlink) return file;
        close(file); /* taken for stale before it was locked */
    }
}

osprey_status osprey__file_writer_open(osprey__file_writer *writer, const char *path,
                                       osprey_error *error)
{
    writer->path = NULL;
    struct stat info;
    /* A device or a pipe would be replaced by a file. */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, path,
                            S_ISDIR(info.st_mode)
                                ? "is a directory; name a file in it"
                                : "cannot be replaced: it is no regular file; name a new one");
    if (*path && path[strlen(path) - 1] == '/')
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, path,
                            "names a directory, which is not there; name a file");
    int needed =
        snprintf(writer->temporary, sizeof writer->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (needed < 0 || (size_t)needed >= sizeof writer->temporary)
        return osprey__fail(error, OSPREY_LIMIT, path, "the path is too long");
    writer->file = create_locked(writer->temporary);
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
