/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cache_key.h"

#include "base/checksum.h"
#include "base/cpu/cpu_features.h"
#include "base/os/build_id.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "format/engine_file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

osprey_status osprey__cache_directory(char *directory, size_t capacity, osprey_error *error)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    /* The XDG specification: a relative path is to be ignored. */
    if (cache && cache[0] == '/')
        return osprey__path_join(directory, capacity, cache, "osprey", error);
    if (home && home[0] == '/')
        return osprey__path_join(directory, capacity, home, ".cache/osprey", error);
    return osprey__fail(error, OSPREY_NOT_FOUND, "XDG_CACHE_HOME",
                        "neither it nor HOME names a directory for the cache");
}

static bool ends_with(const char *name, const char *const *endings)
{
    size_t length = strlen(name);
    for (; *endings; endings++) {
        size_t wanted = strlen(*endings);
        if (length > wanted && strcmp(name + length - wanted, *endings) == 0) return true;
    }
    return false;
}

/* What a model is read from; anything else may change without harm. */
static bool is_model_file(const char *name)
{
    static const char *const endings[] = {".json", ".txt", ".model", ".safetensors", ".bin",
                                          ".pt",   ".pth", ".ckpt",  ".npz",         NULL};
    return ends_with(name, endings);
}

/* The same without weights: what is read beside a weight file that was named. */
static bool is_side_file(const char *name)
{
    static const char *const endings[] = {".json", ".txt", ".model", NULL};
    return ends_with(name, endings);
}

/* Name, size and times of a file as one number; 0 for what is no file. */
static uint64_t file_mark(const char *path)
{
    char mark[PATH_MAX + 128];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return 0;
    /* Of the status too: what an archive is unpacked to has the time that the archive says. */
    int length =
        snprintf(mark, sizeof mark, "%s %lld %lld.%09ld %lld.%09ld", path, (long long)info.st_size,
                 (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                 (long long)info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
    return osprey__checksum(mark, (size_t)length);
}

/* sentence-transformers keeps how tokens are pooled in a directory of its own, "1_Pooling". */
static bool is_pooling(const char *name)
{
    static const char *const endings[] = {"_Pooling", NULL};
    return ends_with(name, endings);
}

/* The sum of the files' marks: the order in which a directory lists them does not matter. */
static osprey_status mark_files(const char *directory, bool (*counts)(const char *name),
                                uint64_t *sum, osprey_error *error)
{
    DIR *files = opendir(directory);
    if (!files)
        return osprey__fail(error, OSPREY_IO, directory, "cannot list it: %s", strerror(errno));
    for (struct dirent *entry; (entry = readdir(files));) {
        char path[PATH_MAX], inner[PATH_MAX];
        if (counts(entry->d_name) &&
            osprey__path_join(path, sizeof path, directory, entry->d_name, NULL) == OSPREY_OK)
            *sum += file_mark(path);
        if (is_pooling(entry->d_name) &&
            osprey__path_join(path, sizeof path, directory, entry->d_name, NULL) == OSPREY_OK &&
            osprey__path_join(inner, sizeof inner, path, "config.json", NULL) == OSPREY_OK)
            *sum += file_mark(inner);
    }
    closedir(files);
    return OSPREY_OK;
}

static void add_text(osprey__checksum_stream *stream, const char *text)
{
    osprey__checksum_add(stream, text ? text : "", text ? strlen(text) + 1 : 1);
}

static osprey_status hash_key(const char *real, const char *name, uint64_t files, const char *level,
                              const osprey_model_options *options, osprey_precision precision,
                              char text[OSPREY__FINGERPRINT_BYTES], osprey_error *error)
{
    uint8_t build[32];
    size_t build_bytes = osprey__build_id(build, sizeof build);
    const uint32_t format = OSPREY__ENGINE_FORMAT;
    osprey__checksum_stream *stream;
    OSPREY_TRY(osprey__checksum_create(&stream, error));
    add_text(stream, real);
    add_text(stream, name);
    add_text(stream, options->arch);
    add_text(stream, options->weights);
    osprey__checksum_add(stream, &options->image_size, sizeof options->image_size);
    osprey__checksum_add(stream, &files, sizeof files);
    osprey__checksum_add(stream, OSPREY_VERSION, sizeof OSPREY_VERSION);
    osprey__checksum_add(stream, build, build_bytes);
    osprey__checksum_add(stream, &format, sizeof format);
    add_text(stream, level);
    osprey__checksum_add(stream, &precision, sizeof precision);
    osprey__checksum_print(stream, text);
    osprey__checksum_free(stream);
    return OSPREY_OK;
}

/* The path's last component as it was given: the model gets its name from it, even of a link. */
static void given_name(const char *path, char *name, size_t capacity)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    snprintf(name, capacity, "%.*s", (int)(end - begin), path + begin);
}

osprey_status osprey__cache_name(const char *path, const osprey_model_options *options,
                                 osprey_precision precision, char *name, size_t capacity,
                                 osprey_error *error)
{
    char real[PATH_MAX], directory[PATH_MAX], given[NAME_MAX + 1], hash[OSPREY__FINGERPRINT_BYTES];
    const osprey__cpu_features *cpu;
    uint64_t files = 0;
    OSPREY_TRY(osprey__cpu_features_get(&cpu, error));
    if (!realpath(path, real))
        return osprey__fail(error, OSPREY_NOT_FOUND, path, "cannot find it: %s", strerror(errno));
    memcpy(directory, real, sizeof directory);
    /* A weight file: its directory has the rest. The shards of an index are other weight files. */
    const bool is_directory = osprey__is_directory(real);
    const bool is_alone = !is_directory && !is_side_file(real);
    if (!is_directory) *strrchr(directory, '/') = '\0';
    if (is_alone) files = file_mark(real);
    if (options->weights) files += file_mark(options->weights); /* which may lie elsewhere */
    OSPREY_TRY(mark_files(directory[0] ? directory : "/", is_alone ? is_side_file : is_model_file,
                          &files, error));
    given_name(path, given, sizeof given);
    OSPREY_TRY(hash_key(real, given, files, cpu->level_name, options, precision, hash, error));
    const char *last = strrchr(is_alone ? real : directory, '/');
    int length =
        snprintf(name, capacity, "%.100s-%s" OSPREY__CACHE_ENDING, last ? last + 1 : "model", hash);
    if (length < 0 || (size_t)length >= capacity)
        return osprey__fail(error, OSPREY_LIMIT, path, "the name is too long");
    return OSPREY_OK;
}

bool osprey__is_cache_name(const char *name)
{
    const size_t ending = sizeof OSPREY__CACHE_ENDING - 1, hash = OSPREY__FINGERPRINT_BYTES - 1;
    const size_t length = strlen(name);
    if (length < 1 + hash + ending || strcmp(name + length - ending, OSPREY__CACHE_ENDING) != 0)
        return false;
    const char *digits = name + length - ending - hash;
    return digits[-1] == '-' && strspn(digits, "0123456789abcdef") == hash;
}
