/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/os/file_writer.h"
#include "base/status.h"
#include "engine/cache_key.h"
#include "engine/engine_compile.h"
#include "model/engine_model.h"

#include <osprey/cache.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct cache_list {
    osprey_cache_list list;
    char directory[PATH_MAX];
    osprey_cache_entry *entries;
    size_t capacity;
} cache_list;

static int by_use(const void *left, const void *right)
{
    const osprey_cache_entry *a = left, *b = right;
    return (b->used_at > a->used_at) - (b->used_at < a->used_at);
}

static osprey_status add_entry(cache_list *made, const char *path, const struct stat *info,
                               osprey_error *error)
{
    if (made->list.count == made->capacity) {
        size_t larger = made->capacity ? 2 * made->capacity : 16;
        osprey_cache_entry *grown = osprey__realloc(made->entries, larger, sizeof *grown);
        if (!grown) return osprey__fail_memory(error, larger * sizeof *grown);
        made->entries = grown;
        made->capacity = larger;
    }
    char *copy = osprey__strdup(path);
    if (!copy) return osprey__fail_memory(error, strlen(path) + 1);
    made->entries[made->list.count++] =
        (osprey_cache_entry){copy, (uint64_t)info->st_size, (int64_t)info->st_mtim.tv_sec};
    made->list.bytes += (uint64_t)info->st_size;
    return OSPREY_OK;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), wanted = strlen(ending);
    return length >= wanted && strcmp(text + length - wanted, ending) == 0;
}

/* What processes that were killed while they wrote an entry have left. */
static void remove_stale(const char *directory)
{
    DIR *entries = opendir(directory);
    if (!entries) return;
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[PATH_MAX];
        if (strstr(entry->d_name, ".osprey.") && ends_with(entry->d_name, ".tmp") &&
            osprey__path_join(path, sizeof path, directory, entry->d_name, NULL) == OSPREY_OK)
            osprey__file_writer_remove_stale(path);
    }
    closedir(entries);
}

static osprey_status read_directory(cache_list *made, osprey_error *error)
{
    DIR *directory = opendir(made->directory);
    if (!directory) return OSPREY_OK;
    osprey_status status = OSPREY_OK;
    for (struct dirent *entry; status == OSPREY_OK && (entry = readdir(directory));) {
        char path[PATH_MAX];
        struct stat info;
        if (ends_with(entry->d_name, ".osprey") &&
            osprey__path_join(path, sizeof path, made->directory, entry->d_name, NULL) ==
                OSPREY_OK &&
            stat(path, &info) == 0 && S_ISREG(info.st_mode))
            status = add_entry(made, path, &info, error);
    }
    closedir(directory);
    return status;
}

osprey_status osprey_cache_read(osprey_cache_list **list, osprey_error *error)
{
    *list = NULL;
    cache_list *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    made->list.directory = made->directory;
    osprey_status status = OSPREY_OK;
    if (osprey__cache_directory(made->directory, sizeof made->directory, NULL) == OSPREY_OK)
        status = read_directory(made, error);
    else
        made->directory[0] = '\0';
    made->list.entries = made->entries;
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
    osprey__free(made->entries);
    osprey__free(made);
}

osprey_status osprey_cache_clear(osprey_error *error)
{
    osprey_cache_list *list;
    OSPREY_TRY(osprey_cache_read(&list, error));
    osprey_status status = OSPREY_OK;
    remove_stale(list->directory);
    for (size_t i = 0; i < list->count && status == OSPREY_OK; i++)
        if (unlink(list->entries[i].file) != 0 && errno != ENOENT)
            status = osprey__fail(error, OSPREY_IO, list->entries[i].file, "cannot remove it: %s",
                                  strerror(errno));
    osprey_cache_list_free(list);
    return status;
}

/* Removes what was not used for longest until the rest fits; never `keep`. */
static void evict(const char *keep, uint64_t limit)
{
    osprey_cache_list *list;
    if (osprey_cache_read(&list, NULL) != OSPREY_OK) return;
    uint64_t bytes = list->bytes;
    for (size_t i = list->count; i > 0 && bytes > limit; i--) {
        const osprey_cache_entry *entry = &list->entries[i - 1];
        if (strcmp(entry->file, keep) != 0 && unlink(entry->file) == 0) bytes -= entry->bytes;
    }
    osprey_cache_list_free(list);
}

/* Whether the machine was started after the file was last used. */
static bool is_from_before_boot(const char *file)
{
    struct stat info;
    struct timespec now, since_boot;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return stat(file, &info) != 0 || info.st_mtim.tv_sec <= now.tv_sec - since_boot.tv_sec;
}

/*
 * The engine in that file, noted as used. Entries are not synced when they are written, which would
 * cost the first start seconds: one that may have gone through a crash is read as a whole once.
 */
static osprey_status open_entry(const char *file, osprey_model **model)
{
    bool verify = is_from_before_boot(file);
    OSPREY_TRY(osprey_model_open(file, model, NULL));
    osprey_status status = verify ? osprey_engine_verify(*model, NULL) : OSPREY_OK;
    if (status == OSPREY_OK) {
        utimensat(AT_FDCWD, file, NULL, 0);
        return OSPREY_OK;
    }
    osprey_model_free(*model);
    *model = NULL;
    return status;
}

/* The directory and those above it, as far as they are missing. */
static void make_directories(const char *directory)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", directory);
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    mkdir(path, 0700);
}

/* The engine of *model, compiled into file, takes its place; without success it stays. */
static void compile_entry(const char *directory, const char *file, osprey_precision precision,
                          uint64_t limit, osprey_model **model)
{
    const osprey_engine_options options = {.precision = precision};
    osprey_model *engine = NULL;
    make_directories(directory);
    remove_stale(directory);
    if (osprey__engine_compile(*model, &options, file, OSPREY__NOT_SYNCED, NULL) != OSPREY_OK)
        return;
    evict(file, limit);
    if (open_entry(file, &engine) != OSPREY_OK) return;
    osprey_model_free(*model);
    *model = engine;
}

static uint64_t source_bytes(const osprey_model *model)
{
    const osprey_model_info *info = osprey_model_get_info(model);
    uint64_t bytes = 0;
    struct stat file;
    for (size_t i = 0; i < info->file_count; i++)
        if (stat(info->files[i], &file) == 0) bytes += (uint64_t)file.st_size;
    return bytes;
}

/* The entry of that model, or false where the cache has no part in it. */
static bool find_entry(const char *path, const osprey_model_options *options,
                       osprey_precision precision, char directory[PATH_MAX], char file[PATH_MAX])
{
    char name[256];
    return !osprey__is_engine(path) &&
           osprey__cache_directory(directory, PATH_MAX, NULL) == OSPREY_OK &&
           osprey__cache_name(path, options, precision, name, sizeof name, NULL) == OSPREY_OK &&
           osprey__path_join(file, PATH_MAX, directory, name, NULL) == OSPREY_OK;
}

static const osprey_model_options defaults = {0};

bool osprey_cache_would_compile(const char *path, const osprey_model_options *options,
                                osprey_precision precision)
{
    char directory[PATH_MAX], file[PATH_MAX];
    return find_entry(path, options ? options : &defaults, precision, directory, file) &&
           !osprey__file_exists(file);
}

osprey_status osprey_cache_open_model(const char *path, const osprey_model_options *options,
                                      osprey_precision precision, size_t limit_mib,
                                      osprey_model **model, osprey_error *error)
{
    char directory[PATH_MAX], file[PATH_MAX];
    uint64_t limit = (uint64_t)limit_mib << 20;
    if (!options) options = &defaults;
    *model = NULL;
    if (!find_entry(path, options, precision, directory, file))
        return osprey_model_open_with(path, options, model, error);
    if (osprey__file_exists(file) && open_entry(file, model) == OSPREY_OK) return OSPREY_OK;
    OSPREY_TRY(osprey_model_open_with(path, options, model, error));
    if (source_bytes(*model) <= limit) compile_entry(directory, file, precision, limit, model);
    return OSPREY_OK;
}
