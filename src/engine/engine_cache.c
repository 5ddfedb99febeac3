/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/os/file_writer.h"
#include "base/status.h"
#include "engine/cache_key.h"
#include "engine/engine_compile.h"
#include "model/engine_model.h"

#include <osprey/cache.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* What the disk lacks for that many bytes more, if the cache's entries can make up for it; or 0. */
static uint64_t disk_lacks(const osprey_cache_list *list, uint64_t coming)
{
    struct statvfs disk;
    if (statvfs(list->directory, &disk) != 0) return 0;
    const uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    return coming > left && coming - left <= list->bytes ? coming - left : 0;
}

/* Removes what was not used for longest until the rest, and `coming` bytes more, have room within
 * the limit and on the disk; never `keep`. What another process has removed meanwhile, to make room
 * of its own, is gone as well. */
static void evict(const char *keep, uint64_t limit, uint64_t coming)
{
    osprey_cache_list *list;
    if (osprey_cache_read(&list, NULL) != OSPREY_OK) return;
    const uint64_t lacking = disk_lacks(list, coming),
                   most = limit - osprey__smaller(limit, coming);
    uint64_t bytes = list->bytes;
    for (size_t i = list->count; i > 0 && (bytes > most || bytes > list->bytes - lacking); i--) {
        const osprey_cache_entry *entry = &list->entries[i - 1];
        if (strcmp(entry->file, keep) != 0 && (unlink(entry->file) == 0 || errno == ENOENT))
            bytes -= entry->bytes;
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

/* Now, to the nanosecond: what the system takes for now goes by its clock's ticks. */
static void note_use(const char *file)
{
    struct timespec now[2];
    clock_gettime(CLOCK_REALTIME, now);
    now[1] = now[0];
    utimensat(AT_FDCWD, file, now, 0);
}

/*
 * The engine in that file, noted as used. Entries are not synced when they are written, which would
 * cost the first start seconds: one that may have gone through a crash is read as a whole once.
 */
static osprey_status open_entry(const char *file, osprey_model **model, osprey_error *error)
{
    bool verify = is_from_before_boot(file);
    OSPREY_TRY(osprey_model_open(file, model, error));
    osprey__engine *engine = (*model)->engine;
    if (engine) {
        engine->is_cached = true;
        /* Whoever named the model is told which of its files this is of, each time. */
        if (engine->manifest.note[0]) (*model)->info.note = engine->manifest.note;
    }
    osprey_status status = verify ? osprey_engine_verify(*model, error) : OSPREY_OK;
    if (status == OSPREY_OK) {
        note_use(file);
        return OSPREY_OK;
    }
    osprey_model_free(*model);
    *model = NULL;
    return status;
}

static osprey_status make_directory(const char *path, mode_t mode, osprey_error *error)
{
    if (mkdir(path, mode) == 0) return OSPREY_OK;
    const int reason = errno == EEXIST ? ENOTDIR : errno;
    if (osprey__is_directory(path)) return OSPREY_OK;
    return osprey__fail(error, OSPREY_IO, path, "cannot have the cache there: %s",
                        strerror(reason));
}

/* The directory and those above it, as far as they are missing. */
static osprey_status make_directories(const char *directory, osprey_error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", directory);
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        OSPREY_TRY(make_directory(path, 0777, error));
        *slash = '/';
    }
    return make_directory(path, 0700, error);
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

/* Of the model's weights in that precision, which is nearly all of its engine. */
static uint64_t engine_bytes(const osprey_model *model, osprey_precision precision)
{
    static const unsigned bits[OSPREY_PRECISIONS] = {
        [OSPREY_PRECISION_FP32] = 32, [OSPREY_PRECISION_BF16] = 16, [OSPREY_PRECISION_FP16] = 16,
        [OSPREY_PRECISION_INT8] = 8,  [OSPREY_PRECISION_INT4] = 4,
    };
    const osprey_model_info *info = osprey_model_get_info(model);
    return (info->image.parameters + info->text.parameters) * bits[precision] / 8;
}

static osprey_status check_limit(const char *file, const osprey_model *model, size_t limit_mib,
                                 osprey_error *error)
{
    const uint64_t bytes = source_bytes(model);
    if (bytes <= (uint64_t)limit_mib << 20) return OSPREY_OK;
    return osprey__fail(error, OSPREY_LIMIT, file,
                        "the model's files have %.1f MiB, and the cache may hold %zu MiB",
                        (double)bytes / (1 << 20), limit_mib);
}

/* Whether an engine may be there: what else has its name may hold a reader up (a pipe), or be
 * another's (a directory with a model, a link to a file, which would be written through). */
static bool is_regular(const char *file)
{
    struct stat info;
    return lstat(file, &info) == 0 && S_ISREG(info.st_mode);
}

/* What is no file goes, for the name is the cache's: a link, not what it leads to; a directory only
 * if there is nothing in it. */
static osprey_status clear_place(const char *file, osprey_error *error)
{
    if (is_regular(file) || remove(file) == 0 || errno == ENOENT) return OSPREY_OK;
    if (errno == ENOTEMPTY || errno == EEXIST)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, file,
                            "is a directory with files, where the cache would keep the model's "
                            "engine; remove it");
    return osprey__fail(error, OSPREY_IO, file,
                        "is no engine, and cannot be removed for the model's: %s", strerror(errno));
}

/* The engine of *model, compiled into file, takes its place; without success it stays. */
static osprey_status compile_entry(const char *directory, const char *file,
                                   osprey_precision precision, size_t limit_mib,
                                   osprey_model **model, osprey_error *error)
{
    const osprey_engine_options options = {.precision = precision};
    osprey_model *engine = NULL;
    OSPREY_TRY(check_limit(file, *model, limit_mib, error));
    OSPREY_TRY(make_directories(directory, error));
    OSPREY_TRY(clear_place(file, error));
    osprey__file_writer_remove_stale(directory, OSPREY__CACHE_ENDING);
    const uint64_t limit = (uint64_t)limit_mib << 20;
    evict(file, limit, engine_bytes(*model, precision));
    OSPREY_TRY(osprey__engine_compile(*model, &options, file, OSPREY__NOT_SYNCED, error));
    evict(file, limit, 0); /* which takes more than its weights */
    OSPREY_TRY(open_entry(file, &engine, error));
    osprey_model_free(*model);
    *model = engine;
    return OSPREY_OK;
}

/* The place of that model's engine, which is no engine itself. */
static osprey_status find_entry(const char *path, const osprey_model_options *options,
                                osprey_precision precision, char directory[PATH_MAX],
                                char file[PATH_MAX], osprey_error *error)
{
    char name[256];
    OSPREY_TRY(osprey__cache_directory(directory, PATH_MAX, error));
    OSPREY_TRY(osprey__cache_name(path, options, precision, name, sizeof name, error));
    return osprey__path_join(file, PATH_MAX, directory, name, error);
}

static const osprey_model_options defaults = {0};

bool osprey_cache_would_compile(const char *path, const osprey_model_options *options,
                                osprey_precision precision, size_t limit_mib)
{
    char directory[PATH_MAX], file[PATH_MAX];
    osprey_model *model;
    if (!options) options = &defaults;
    if (osprey__is_engine(path) ||
        find_entry(path, options, precision, directory, file, NULL) != OSPREY_OK ||
        is_regular(file) || osprey_model_open_with(path, options, &model, NULL) != OSPREY_OK)
        return false;
    const bool fits = check_limit(file, model, limit_mib, NULL) == OSPREY_OK;
    osprey_model_free(model);
    return fits;
}

osprey_status osprey_cache_open_model(const char *path, const osprey_model_options *options,
                                      osprey_precision precision, size_t limit_mib,
                                      osprey_model **model, osprey_error *uncached,
                                      osprey_error *error)
{
    char directory[PATH_MAX], file[PATH_MAX];
    if (!options) options = &defaults;
    *model = NULL;
    if (uncached) *uncached = (osprey_error){0};
    if (osprey__is_engine(path)) return osprey_model_open_with(path, options, model, error);
    osprey_status found = find_entry(path, options, precision, directory, file, uncached);
    if (found == OSPREY_OK && is_regular(file) && open_entry(file, model, NULL) == OSPREY_OK) {
        evict(file, (uint64_t)limit_mib << 20, 0); /* it may be lower than it was */
        return OSPREY_OK;
    }
    OSPREY_TRY(osprey_model_open_with(path, options, model, error));
    if (found == OSPREY_OK) compile_entry(directory, file, precision, limit_mib, model, uncached);
    return OSPREY_OK;
}
