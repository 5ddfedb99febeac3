/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON through jansson, with errors that name the file, the line and the key.
 *
 * A key that is absent, or null, leaves *value as it was (so set the default first); a key of
 * another type is an OSPREY_FORMAT error. `file` is what errors name.
 */
#ifndef OSPREY_BASE_JSON_H
#define OSPREY_BASE_JSON_H

#include <osprey/error.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Parses length bytes; duplicate keys, trailing bytes and whole numbers that do not fit 64 bits are
 * refused. The caller decrefs *root.
 */
osprey_status osprey__json_parse(const char *bytes, size_t length, const char *file, json_t **root,
                                 osprey_error *error);

/* Reads (at most limit bytes) and parses a file, with or without a UTF-8 byte order mark. A whole
 * number that does not fit 64 bits becomes a real, right to 15 digits. */
osprey_status osprey__json_read(const char *path, size_t limit, json_t **root, osprey_error *error);

osprey_status osprey__json_size(const json_t *object, const char *key, const char *file,
                                size_t *value, osprey_error *error);
osprey_status osprey__json_float(const json_t *object, const char *key, const char *file,
                                 float *value, osprey_error *error);
osprey_status osprey__json_bool(const json_t *object, const char *key, const char *file,
                                bool *value, osprey_error *error);
/* *value points into the JSON. */
osprey_status osprey__json_string(const json_t *object, const char *key, const char *file,
                                  const char **value, osprey_error *error);
/* *value points into the JSON; NULL-safe like the rest. */
osprey_status osprey__json_object(const json_t *object, const char *key, const char *file,
                                  json_t **value, osprey_error *error);
osprey_status osprey__json_array(const json_t *object, const char *key, const char *file,
                                 json_t **value, osprey_error *error);

#endif
