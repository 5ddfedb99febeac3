/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines of models that were opened before, so that the second start is instant.
 *
 * They lie in $XDG_CACHE_HOME/osprey, or $HOME/.cache/osprey. Each is known by the path, size and
 * time of the model's files, by options and precision, by this osprey and by the instruction set:
 * where one of them changes, the model is compiled again. What was not used for longest makes room
 * before an engine is written that would pass the limit, or that the disk has no room for. Several
 * processes may use the cache at once. Any thread may call.
 *
 *     osprey_cache_open_model("clip-vit-base-patch32", NULL, OSPREY_PRECISION_INT8,
 *                             OSPREY_CACHE_LIMIT_MIB, &model, NULL, &error);
 */
#ifndef OSPREY_CACHE_H
#define OSPREY_CACHE_H

#include <osprey/error.h>
#include <osprey/model.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OSPREY_CACHE_LIMIT_MIB 8192 /* where nothing else is asked for */

/*
 * Opens path's engine of that precision, with those options (which may be NULL), from the cache,
 * after compiling it into the cache if it is not there. Where that cannot be done (no place to
 * write, a model larger than the limit), opens the model itself. *uncached, which may be NULL, then
 * has the reason: OSPREY_LIMIT for that limit, OSPREY_NOT_FOUND without a place for a cache,
 * OSPREY_IO (its subject is the file or directory), OSPREY_INVALID_ARGUMENT for a directory with
 * files in the engine's place (anything else that is no file there is removed), or what
 * osprey_engine_compile says. Its status is OSPREY_OK where an engine was opened. An entry that is
 * found damaged when it is opened is replaced; one that the first run finds damaged is removed, and
 * that run fails with OSPREY_STALE: then open the model once more. The caller frees *model with
 * osprey_model_free. Errors: those of osprey_model_open_with.
 */
OSPREY_API osprey_status osprey_cache_open_model(const char *path,
                                                 const osprey_model_options *options,
                                                 osprey_precision precision, size_t limit_mib,
                                                 osprey_model **model, osprey_error *uncached,
                                                 osprey_error *error);

/* Whether that would compile it first: the cache has no engine of it yet, and the limit lets it in.
 * Compiling takes time, and up to twice the memory of the model's files. */
OSPREY_API bool osprey_cache_would_compile(const char *path, const osprey_model_options *options,
                                           osprey_precision precision, size_t limit_mib);

typedef struct osprey_cache_entry {
    const char *file; /* its path */
    uint64_t bytes;
    int64_t used_at; /* seconds since 1970, */
    long used_at_ns; /* and nanoseconds, below 10^9 */
} osprey_cache_entry;

typedef struct osprey_cache_list {
    const char *directory;
    const osprey_cache_entry *entries; /* what was used last comes first */
    size_t count;
    uint64_t bytes; /* of all of them */
    const char *const
        *others; /* paths of what is named as engines are, and is none of the cache's */
    size_t other_count;
} osprey_cache_list;

/*
 * The caller frees *list with osprey_cache_list_free. A cache that is not there yet has no entries.
 * Errors: OSPREY_NOT_FOUND (neither XDG_CACHE_HOME nor HOME names a place), OSPREY_IO (the
 * directory is named), OSPREY_LIMIT (a path is too long), OSPREY_OUT_OF_MEMORY.
 */
OSPREY_API osprey_status osprey_cache_read(osprey_cache_list **list, osprey_error *error);

/* Takes NULL. */
OSPREY_API void osprey_cache_list_free(osprey_cache_list *list);

/* Removes every entry, and what processes that were killed have left half-written; all else that
 * lies there stays. Errors: those of osprey_cache_read, OSPREY_IO also for an entry that cannot be
 * removed. */
OSPREY_API osprey_status osprey_cache_clear(osprey_error *error);

#ifdef __cplusplus
}
#endif

#endif
