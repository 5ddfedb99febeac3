/* SPDX-License-Identifier: Apache-2.0 */
/* Where the cache lies, and under which name a model's engine lies in it. */
#ifndef OSPREY_ENGINE_CACHE_KEY_H
#define OSPREY_ENGINE_CACHE_KEY_H

#include <osprey/error.h>
#include <osprey/model.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__CACHE_ENDING ".osprey" /* of an entry's name */

/* $XDG_CACHE_HOME/osprey or $HOME/.cache/osprey; OSPREY_NOT_FOUND without either. */
osprey_status osprey__cache_directory(char *directory, size_t capacity, osprey_error *error);

/*
 * The name of the engine of the model at path, opened with those options: the model's own, and a
 * hash of what the engine depends on. Errors: OSPREY_NOT_FOUND, OSPREY_IO, OSPREY_LIMIT,
 * OSPREY_UNSUPPORTED, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__cache_name(const char *path, const osprey_model_options *options,
                                 osprey_precision precision, char *name, size_t capacity,
                                 osprey_error *error);

/* Whether it is of that form: other engines in that directory are the user's. */
bool osprey__is_cache_name(const char *name);

#endif
