/* SPDX-License-Identifier: Apache-2.0 */
#include "base/os/file_map.h"

#include "base/memory.h"
#include "base/os/file_writer.h"
#include "base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static osprey_status open_failed(const char *path, osprey_error *error)
{
    osprey_status status = errno == ENOENT || errno == ENOTDIR ? OSPREY_NOT_FOUND : OSPREY_IO;
    return osprey__fail(error, status, path, "cannot open it: %s", strerror(errno));
}

osprey_status osprey__file_map_open(const char *path, osprey__file_map *map, osprey_error *error)
{
    *map = (osprey__file_map){0};
    /* Opening a pipe would wait for its writer. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return open_failed(path, error);
    osprey_status status = OSPREY_OK;
    struct stat info;
    if (fstat(file, &info) != 0) {
        status = osprey__fail(error, OSPREY_IO, path, "cannot look at it: %s", strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        status = osprey__fail(error, OSPREY_IO, path, "not a regular file");
    } else if (info.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (bytes == MAP_FAILED)
            status = osprey__fail(error, OSPREY_IO, path, "cannot map it: %s", strerror(errno));
        else
            *map = (osprey__file_map){bytes, (size_t)info.st_size};
    }
    close(file);
    return status;
}

void osprey__file_map_close(osprey__file_map *map)
{
    if (map->bytes) munmap((void *)(uintptr_t)map->bytes, map->length);
    *map = (osprey__file_map){0};
}

/* Room for the file, its NUL, and a byte by which a read finds its end; 4096 where its size is not
 * known before it is read, or is more than the caller wants. */
static size_t first_capacity(int file, size_t limit)
{
    struct stat info;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 4096) return 4096;
    return (uint64_t)info.st_size <= limit ? (size_t)info.st_size + 2 : 4096;
}

static osprey_status read_all(int file, const char *path, size_t limit, char **text, size_t *length,
                              osprey_error *error)
{
    size_t capacity = 0, used = 0;
    char *bytes = NULL;
    for (;;) {
        if (capacity - used < 2) {
            size_t larger = capacity ? capacity * 2 : first_capacity(file, limit);
            char *grown = osprey__realloc(bytes, larger, 1);
            if (!grown) {
                osprey__free(bytes);
                return osprey__fail_memory(error, larger);
            }
            bytes = grown;
            capacity = larger;
        }
        ssize_t got = read(file, bytes + used, capacity - used - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            osprey__free(bytes);
            return osprey__fail(error, OSPREY_IO, path, "cannot read it: %s", strerror(errno));
        }
        if (got == 0) break;
        used += (size_t)got;
        if (used > limit) {
            osprey__free(bytes);
            return osprey__fail(error, OSPREY_LIMIT, path, "larger than %zu bytes", limit);
        }
    }
    bytes[used] = '\0';
    *text = bytes;
    *length = used;
    return OSPREY_OK;
}

osprey_status osprey__file_read(const char *path, size_t limit, char **text, size_t *length,
                                osprey_error *error)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", limit, text, length, error);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return open_failed(path, error);
    osprey_status status = read_all(file, path, limit, text, length, error);
    close(file);
    return status;
}

osprey_status osprey__file_write(const char *path, const void *bytes, size_t length,
                                 osprey_error *error)
{
    osprey__file_writer writer = {0};
    osprey_status status = osprey__file_writer_open(&writer, path, error);
    if (status == OSPREY_OK) status = osprey__file_writer_write(&writer, bytes, length, error);
    if (status == OSPREY_OK) status = osprey__file_writer_commit(&writer, OSPREY__SYNCED, error);
    osprey__file_writer_close(&writer);
    return status;
}

osprey__file_mark osprey__file_mark_of(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) return (osprey__file_mark){0};
    return (osprey__file_mark){
        .device = (uint64_t)info.st_dev,
        .inode = (uint64_t)info.st_ino,
        .bytes = (uint64_t)info.st_size,
        .seconds = (int64_t)info.st_mtim.tv_sec,
        .nanoseconds = info.st_mtim.tv_nsec,
    };
}

bool osprey__file_marks_equal(const osprey__file_mark *a, const osprey__file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

bool osprey__file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool osprey__is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

osprey_status osprey__path_join(char *path, size_t capacity, const char *directory,
                                const char *name, osprey_error *error)
{
    int needed = snprintf(path, capacity, "%s/%s", directory, name);
    if (needed < 0 || (size_t)needed >= capacity)
        return osprey__fail(error, OSPREY_LIMIT, directory, "the path is too long");
    return OSPREY_OK;
}
