/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static osprey_status parse(const char *bytes, size_t length, const char *file, json_t **root,
                           bool *overflow, osprey_error *error)
{
    json_error_t reason;
    *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &reason);
    if (*root) return OSPREY_OK;
    *overflow = json_error_code(&reason) == json_error_numeric_overflow;
    return osprey__fail(error, OSPREY_FORMAT, file, "not valid JSON: line %d, column %d: %s",
                        reason.line, reason.column, reason.text);
}

osprey_status osprey__json_parse(const char *bytes, size_t length, const char *file, json_t **root,
                                 osprey_error *error)
{
    bool overflow = false;
    return parse(bytes, length, file, root, &overflow, error);
}

/*
 * Rewrites the whole numbers that do not fit 64 bits as reals of the same length: the last four of
 * their at least 19 digits become the exponent "e004". text ends with a NUL.
 */
static void make_large_numbers_real(char *text)
{
    for (char *at = text; *at;) {
        if (*at == '"') {
            for (at++; *at && *at != '"'; at++)
                if (*at == '\\' && at[1]) at++;
            if (*at) at++;
            continue;
        }
        size_t digits = strspn(at, "0123456789"), number = strspn(at, "0123456789+-.eE");
        if (digits && digits == number) {
            errno = 0;
            strtoll(at, NULL, 10);
            if (errno == ERANGE) memcpy(at + digits - 4, "e004", 4);
        }
        at += number ? (*at == '-' ? 1 : number) : 1;
    }
}

osprey_status osprey__json_read(const char *path, size_t limit, json_t **root, osprey_error *error)
{
    char *text = NULL;
    size_t length = 0;
    OSPREY_TRY(osprey__file_read(path, limit, &text, &length, error));
    size_t mark = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    bool overflow = false;
    osprey_status status = parse(text + mark, length - mark, path, root, &overflow, error);
    /* transformers writes a model_max_length of 10^30, which no integer type holds. */
    if (overflow) {
        make_large_numbers_real(text);
        status = parse(text + mark, length - mark, path, root, &overflow, error);
    }
    osprey__free(text);
    return status;
}

/* The member, or NULL where it is absent or null. */
static json_t *member(const json_t *object, const char *key)
{
    json_t *found = json_object_get(object, key);
    return json_is_null(found) ? NULL : found;
}

static osprey_status wrong_type(const char *key, const char *file, const char *wanted,
                                osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, file, "\"%s\" has to be %s", key, wanted);
}

osprey_status osprey__json_size(const json_t *object, const char *key, const char *file,
                                size_t *value, osprey_error *error)
{
    const json_t *found = member(object, key);
    if (!found) return OSPREY_OK;
    if (!json_is_integer(found) || json_integer_value(found) < 0)
        return wrong_type(key, file, "a whole number, zero or more", error);
    *value = (size_t)json_integer_value(found);
    return OSPREY_OK;
}

osprey_status osprey__json_float(const json_t *object, const char *key, const char *file,
                                 float *value, osprey_error *error)
{
    const json_t *found = member(object, key);
    if (!found) return OSPREY_OK;
    if (!json_is_number(found) || !isfinite((float)json_number_value(found)))
        return wrong_type(key, file, "a number", error);
    *value = (float)json_number_value(found);
    return OSPREY_OK;
}

osprey_status osprey__json_bool(const json_t *object, const char *key, const char *file,
                                bool *value, osprey_error *error)
{
    const json_t *found = member(object, key);
    if (!found) return OSPREY_OK;
    if (!json_is_boolean(found)) return wrong_type(key, file, "true or false", error);
    *value = json_is_true(found);
    return OSPREY_OK;
}

osprey_status osprey__json_string(const json_t *object, const char *key, const char *file,
                                  const char **value, osprey_error *error)
{
    const json_t *found = member(object, key);
    if (!found) return OSPREY_OK;
    if (!json_is_string(found)) return wrong_type(key, file, "a string", error);
    *value = json_string_value(found);
    return OSPREY_OK;
}

osprey_status osprey__json_object(const json_t *object, const char *key, const char *file,
                                  json_t **value, osprey_error *error)
{
    json_t *found = member(object, key);
    if (!found) return OSPREY_OK;
    if (!json_is_object(found)) return wrong_type(key, file, "an object", error);
    *value = found;
    return OSPREY_OK;
}

osprey_status osprey__json_array(const json_t *object, const char *key, const char *file,
                                 json_t **value, osprey_error *error)
{
    json_t *found = member(object, key);
    if (!found) return OSPREY_OK;
    if (!json_is_array(found)) return wrong_type(key, file, "a list", error);
    *value = found;
    return OSPREY_OK;
}
