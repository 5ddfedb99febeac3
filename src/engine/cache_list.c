/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/os/file_writer.h"
#include "base/status.h"
#include "engine/cache_key.h"

#include <osprey/cache.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct cache_list {
    osprey_cache_list list;
    char directory[PATH_MAX];
    osprey_cache_entry *entries;
    char **others;
    size_t capacity, other_capacity;
} cache_list;

static int by_use(const void *left, const void *right)
{
    const osprey_cache_entry *a = left, *b = right;
    if (a->used_at != b->used_at) return b->used_at > a->used_at ? 1 : -1;
    return (b->used_at_ns > a->used_at_ns) - (b->used_at_ns < a->used_at_ns);
}

/* Room for one more of count. */
static osprey_status reserve(void **items, size_t item_bytes, size_t count, size_t *capacity,
                             osprey_error *error)
{
    if (count < *capacity) return OSPREY_OK;
    size_t larger = *capacity ? 2 * *capacity : 16;
    void *grown = osprey__realloc(*items, larger, item_bytes);
    if (!grown) return osprey__fail_memory(error, larger * item_bytes);
    *items = grown;
    *capacity = larger;
    return OSPREY_OK;
}

static osprey_status add_entry(cache_list *made, const char *path, const struct stat *info,
                               osprey_error *error)
{
    void *entries = made->entries;
    OSPREY_TRY(reserve(&entries, sizeof *made->entries, made->list.count, &made->capacity, error));
    made->entries = entries;
    char *copy = osprey__strdup(path);
    if (!copy) return osprey__fail_memory(error, strlen(path) + 1);
    made->entries[made->list.count++] = (osprey_cache_entry){
        copy, (uint64_t)info->st_size, (int64_t)info->st_mtim.tv_sec, info->st_mtim.tv_nsec};
    made->list.bytes += (uint64_t)info->st_size;
    return OSPREY_OK;
}

static osprey_status add_other(cache_list *made, const char *path, osprey_error *error)
{
    void *others = made->others;
    OSPREY_TRY(reserve(&others, sizeof *made->others, made->list.other_count, &made->other_capacity,
                       error));
    made->others = others;
    char *copy = osprey__strdup(path);
    if (!copy) return osprey__fail_memory(error, strlen(path) + 1);
    made->others[made->list.other_count++] = copy;
    return OSPREY_OK;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), wanted = strlen(ending);
    return length >= wanted && strcmp(text + length - wanted, ending) == 0;
}

/* Adds it if it is an engine's file; one that another process has just removed is none. */
static osprey_status read_entry(cache_list *made, const char *name, osprey_error *error)
{
    char path[PATH_MAX];
    struct stat info;
    if (!ends_with(name, OSPREY__CACHE_ENDING)) return OSPREY_OK;
    OSPREY_TRY(osprey__path_join(path, sizeof path, made->directory, name, error));
    if (!osprey__is_cache_name(name)) return add_other(made, path, error);
    if (lstat(path, &info) != 0)
        return errno == ENOENT
                   ? OSPREY_OK
                   : osprey__fail(error, OSPREY_IO, path, "cannot look at it: %s", strerror(errno));
    return S_ISREG(info.st_mode) ? add_entry(made, path, &info, error)
                                 : add_other(made, path, error);
}

static osprey_status read_directory(cache_list *made, osprey_error *error)
{
    DIR *directory = opendir(made->directory);
    if (!directory && errno == ENOENT) return OSPREY_OK;
    if (!directory)
        return osprey__fail(error, OSPREY_IO, made->directory, "cannot list the cache: %s",
                            strerror(errno));
    osprey_status status = OSPREY_OK;
    for (struct dirent *entry; status == OSPREY_OK && (entry = readdir(directory));)
        status = read_entry(made, entry->d_name, error);
    closedir(directory);
    return status;
}

osprey_status osprey_cache_read(osprey_cache_list **list, osprey_error *error)
{
    *list = NULL;
    cache_list *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    made->list.directory = made->directory;
    osprey_status status = osprey__cache_directory(made->directory, sizeof made->directory, error);
    if (status == OSPREY_OK) status = read_directory(made, error);
    made->list.entries = made->entries;
    made->list.others = (const char *const *)made->others;
    if (status != OSPREY_OK) {
        osprey_cache_list_free(&made->list);
        return status;
    }
    if (made->list.count) qsort(made->entries, made->list.count, sizeof *made->entries, by_use);
    *list = &made->list;
    return OSPREY_OK;
}

void osprey_cache_list_free(osprey_cache_list *list)
{
    if (!list) return;
    cache_list *made = (cache_list *)list; /* its first member */
    for (size_t i = 0; i < list->count; i++) osprey__free((char *)(uintptr_t)made->entries[i].file);
    for (size_t i = 0; i < list->other_count; i++) osprey__free(made->others[i]);
    osprey__free(made->entries);
    osprey__free(made->others);
    osprey__free(made);
}

osprey_status osprey_cache_clear(osprey_error *error)
{
    osprey_cache_list *list;
    OSPREY_TRY(osprey_cache_read(&list, error));
    osprey_status status = OSPREY_OK;
    osprey__file_writer_remove_stale(list->directory, OSPREY__CACHE_ENDING);
    for (size_t i = 0; i < list->count && status == OSPREY_OK; i++)
        if (unlink(list->entries[i].file) != 0 && errno != ENOENT)
            status = osprey__fail(error, OSPREY_IO, list->entries[i].file, "cannot remove it: %s",
                                  strerror(errno));
    osprey_cache_list_free(list);
    return status;
}
