/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/file_writer.h"

#include "base/memory.h"
#include "base/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Written at once, on its own boundary in the file: the system then caches it as one huge page
 * where it can, and a map of the file has one fault instead of 32 or 512.
 */
#define BLOCK_BYTES ((size_t)2 << 20)

static osprey_status write_failed(const osprey__file_writer *writer, osprey_error *error)
{
    return osprey__fail(error, OSPREY_IO, writer->path, "cannot write it: %s", strerror(errno));
}

/* Removes that temporary file, named from the directory, if its writer is gone; whether it did. */
static bool remove_if_stale(int directory, const char *temporary)
{
    int file = openat(directory, temporary, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (file < 0) return false;
    struct stat info;
    bool removed = fstat(file, &info) == 0 && S_ISREG(info.st_mode) &&
                   flock(file, LOCK_EX | LOCK_NB) == 0 && unlinkat(directory, temporary, 0) == 0;
    close(file);
    return removed;
}

/* The length of NAME where entry is "NAME.PID.tmp", as osprey__file_writer_open names it; or 0. */
static size_t target_length(const char *entry)
{
    static const char ending[] = ".tmp";
    size_t end = strlen(entry);
    if (end < sizeof ending || strcmp(entry + end - (sizeof ending - 1), ending) != 0) return 0;
    end -= sizeof ending - 1;
    size_t digits = end;
    while (digits && entry[digits - 1] >= '0' && entry[digits - 1] <= '9') digits--;
    if (digits < 2 || digits == end || entry[digits] == '0' || entry[digits - 1] != '.') return 0;
    return digits - 1;
}

/* The stale temporary files of the file `name`, or of each whose name ends so. */
static void remove_stale(const char *directory, const char *name, bool is_ending)
{
    const size_t wanted = strlen(name);
    DIR *entries = opendir(directory);
    if (!entries) return;
    for (struct dirent *entry; (entry = readdir(entries));) {
        size_t length = target_length(entry->d_name);
        if ((is_ending ? length >= wanted : length == wanted) &&
            memcmp(entry->d_name + length - wanted, name, wanted) == 0)
            remove_if_stale(dirfd(entries), entry->d_name);
    }
    closedir(entries);
}

void osprey__file_writer_remove_stale(const char *directory, const char *ending)
{
    remove_stale(directory, ending, true);
}

/* The directory that a path names a file in; returns the file's name there. */
static const char *split(const char *path, char directory[OSPREY__FILE_WRITER_PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    snprintf(directory, OSPREY__FILE_WRITER_PATH_BYTES, "%.*s", slash ? (int)(slash - path + 1) : 1,
             slash ? path : ".");
    return slash ? slash + 1 : path;
}

/* By which a file that has no name yet is given one. */
typedef struct descriptor_path {
    char text[32];
} descriptor_path;

static descriptor_path path_of(int file)
{
    descriptor_path path;
    snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", file);
    return path;
}

/* A file without a name, of which nothing stays however the process ends; -1 where the file system
 * has none, or nothing could give it a name. Locked, as it has the temporary name for a moment. */
static int create_nameless(const char *directory)
{
    int file = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (file < 0) return -1;
    flock(file, LOCK_EX);
    if (access(path_of(file).text, F_OK) == 0) return file;
    close(file);
    return -1;
}

/* The new temporary file, locked; -1 with errno where it cannot be made. */
static int create_locked(const char *temporary)
{
    for (;;) {
        int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0) {
            if (errno == EEXIST && remove_if_stale(AT_FDCWD, temporary)) continue;
            return -1;
        }
        struct stat info;
        flock(file, LOCK_EX); /* where files cannot be locked, none is taken for stale */
        if (fstat(file, &info) != 0 || info.st_nlink) return file;
        close(file); /* taken for stale before it was locked */
    }
}

_Static_assert(OSPREY__FILE_WRITER_PATH_BYTES >= PATH_MAX, "realpath writes as much");

/* Fills writer->target. A dangling link would be replaced by the file, unlike any other. */
static osprey_status find_target(osprey__file_writer *writer, const char *path, osprey_error *error)
{
    struct stat info;
    const bool is_link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
    if (is_link && !realpath(path, writer->target))
        return osprey__fail(error, OSPREY_IO, path,
                            errno == ENOENT ? "cannot create it: it is a link to nothing"
                                            : "cannot create it: it is a link that leads nowhere");
    if (!is_link && (size_t)snprintf(writer->target, sizeof writer->target, "%s", path) >=
                        sizeof writer->target)
        return osprey__fail(error, OSPREY_LIMIT, path, "the path is too long");
    return OSPREY_OK;
}

osprey_status osprey__file_writer_open(osprey__file_writer *writer, const char *path,
                                       osprey_error *error)
{
    writer->path = NULL;
    writer->block = NULL;
    writer->gathered = 0;
    struct stat info;
    /* A device or a pipe would be replaced by a file. */
    const bool replaces = stat(path, &info) == 0;
    if (replaces && !S_ISREG(info.st_mode))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, path,
                            S_ISDIR(info.st_mode)
                                ? "is a directory; name a file in it"
                                : "cannot be replaced: it is no regular file; name a new one");
    if (*path && path[strlen(path) - 1] == '/')
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, path,
                            "names a directory, which is not there; name a file");
    OSPREY_TRY(find_target(writer, path, error));
    int needed = snprintf(writer->temporary, sizeof writer->temporary, "%s.%ld.tmp", writer->target,
                          (long)getpid());
    if (needed < 0 || (size_t)needed >= sizeof writer->temporary)
        return osprey__fail(error, OSPREY_LIMIT, path, "the path is too long");
    char directory[OSPREY__FILE_WRITER_PATH_BYTES];
    const char *name = split(writer->target, directory);
    remove_stale(directory, name, false);
    writer->file = create_nameless(directory);
    writer->is_nameless = writer->file >= 0;
    if (!writer->is_nameless) writer->file = create_locked(writer->temporary);
    if (writer->file < 0)
        return osprey__fail(error, OSPREY_IO, path, "cannot create it: %s", strerror(errno));
    if (replaces)
        fchmod(writer->file, info.st_mode & 0777); /* where it may; what is private stays so */
    writer->path = path;
    writer->block = osprey__calloc(1, BLOCK_BYTES);
    return writer->block ? OSPREY_OK : osprey__fail_memory(error, BLOCK_BYTES);
}

/* Writes what has gathered. */
static osprey_status flush(osprey__file_writer *writer, osprey_error *error)
{
    for (size_t at = 0; at < writer->gathered;) {
        ssize_t written = write(writer->file, writer->block + at, writer->gathered - at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return write_failed(writer, error);
        at += (size_t)written;
    }
    writer->gathered = 0;
    return OSPREY_OK;
}

osprey_status osprey__file_writer_write(osprey__file_writer *writer, const void *bytes,
                                        size_t length, osprey_error *error)
{
    for (const char *at = bytes; length;) {
        const size_t taken = osprey__smaller(length, BLOCK_BYTES - writer->gathered);
        memcpy(writer->block + writer->gathered, at, taken);
        writer->gathered += taken;
        if (writer->gathered == BLOCK_BYTES) OSPREY_TRY(flush(writer, error));
        at += taken;
        length -= taken;
    }
    return OSPREY_OK;
}

osprey_status osprey__file_writer_write_front(osprey__file_writer *writer, const void *bytes,
                                              size_t length, osprey_error *error)
{
    OSPREY_TRY(flush(writer, error));
    if (lseek(writer->file, 0, SEEK_SET) < 0) return write_failed(writer, error);
    OSPREY_TRY(osprey__file_writer_write(writer, bytes, length, error));
    OSPREY_TRY(flush(writer, error));
    return lseek(writer->file, 0, SEEK_END) < 0 ? write_failed(writer, error) : OSPREY_OK;
}

/* Gives the file its temporary name; only a file with a name can replace another. */
static osprey_status link_temporary(osprey__file_writer *writer, osprey_error *error)
{
    while (linkat(AT_FDCWD, path_of(writer->file).text, AT_FDCWD, writer->temporary,
                  AT_SYMLINK_FOLLOW) != 0)
        if (errno != EEXIST || !remove_if_stale(AT_FDCWD, writer->temporary))
            return write_failed(writer, error);
    writer->is_nameless = false;
    return OSPREY_OK;
}

osprey_status osprey__file_writer_commit(osprey__file_writer *writer, osprey__durability durability,
                                         osprey_error *error)
{
    OSPREY_TRY(flush(writer, error));
    if (durability == OSPREY__SYNCED && fsync(writer->file) != 0)
        return write_failed(writer, error);
    if (writer->is_nameless) OSPREY_TRY(link_temporary(writer, error));
    int file = writer->file;
    int lock = fcntl(file, F_DUPFD_CLOEXEC, 0); /* without it the name might be taken for stale */
    writer->file = lock;
    if (close(file) != 0) return write_failed(writer, error);
    if (rename(writer->temporary, writer->target) != 0) return write_failed(writer, error);
    if (lock >= 0) close(lock);
    writer->path = NULL;
    return OSPREY_OK;
}

void osprey__file_writer_close(osprey__file_writer *writer)
{
    osprey__free(writer->block);
    writer->block = NULL;
    if (!writer->path) return;
    if (writer->file >= 0) close(writer->file);
    if (!writer->is_nameless) unlink(writer->temporary);
    writer->path = NULL;
}
