/* SPDX-License-Identifier: Apache-2.0 */
/* Engines in a directory of their own. A step that fails ends the test. */
#ifndef OSPREY_TESTS_ENGINE_FILES_H
#define OSPREY_TESTS_ENGINE_FILES_H

#include "open_model.h"

#include <osprey/osprey.h>

#include <stddef.h>
#include <stdint.h>

/* cmocka's setup and teardown: a new directory, and its removal with what is in it. */
int make_directory(void **state);
int remove_directory(void **state);

/* A path in it; valid until the next call but three. */
const char *in_directory(const char *name);

/* A session on one thread. */
osprey_session *open_session(const osprey_model *model, osprey_tower towers);

/* Compiles a golden model to path. options may be NULL. */
void compile_golden(const char *name, const osprey_engine_options *options, const char *path);

/*
 * Compiles a golden model to path, over and over, while one allocation fails: the first, the
 * second, up to that of number `each`, then every step-th, until none is left to fail. Each time
 * there is an error and no file.
 */
void compile_without_memory(const char *name, const osprey_engine_options *options,
                            const char *path, size_t each, size_t step);

/* What opening the bytes as an engine, and running both towers, comes to. */
osprey_status run_bytes(const uint8_t *bytes, size_t length, osprey_error *error);

/* Whole file; the caller frees it. */
uint8_t *read_bytes(const char *path, size_t *length);

#endif
