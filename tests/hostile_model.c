/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile_model.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEAD 3 /* the unit */

static char *read_all(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length + 1);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}

static void write_all(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

void copy_model(const char *from, const char *to)
{
    DIR *directory = opendir(from);
    assert_non_null(directory);
    assert_int_equal(mkdir(to, 0700), 0);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char source[1024], copy[1024];
        size_t length;
        if (entry->d_name[0] == '.') continue;
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(copy, sizeof copy, "%s/%s", to, entry->d_name);
        char *bytes = read_all(source, &length);
        write_all(copy, bytes, length);
        free(bytes);
    }
    closedir(directory);
}

/* A directory's weights, and where their elements begin. */
typedef struct weights {
    char path[1024];
    char *file;
    size_t length, start;
    json_t *header;
} weights;

static weights read_weights(const char *directory)
{
    weights w;
    uint64_t header_bytes;
    snprintf(w.path, sizeof w.path, "%s/model.safetensors", directory);
    w.file = read_all(w.path, &w.length);
    memcpy(&header_bytes, w.file, sizeof header_bytes);
    w.header = json_loadb(w.file + 8, (size_t)header_bytes, 0, NULL);
    assert_non_null(w.header);
    w.start = 8 + (size_t)header_bytes;
    return w;
}

static void write_weights(weights *w)
{
    write_all(w->path, w->file, w->length);
    json_decref(w->header);
    free(w->file);
}

/* A tensor of the file: rows of columns floats. */
typedef struct tensor {
    char *data;
    size_t rows, columns;
} tensor;

static tensor find_tensor(const weights *w, const char *name)
{
    const json_t *found = json_object_get(w->header, name);
    assert_non_null(found);
    assert_string_equal(json_string_value(json_object_get(found, "dtype")), "F32");
    const json_t *shape = json_object_get(found, "shape");
    const json_t *offset = json_array_get(json_object_get(found, "data_offsets"), 0);
    const json_t *columns = json_array_get(shape, 1);
    return (tensor){
        .data = w->file + w->start + json_integer_value(offset),
        .rows = (size_t)json_integer_value(json_array_get(shape, 0)),
        .columns = columns ? (size_t)json_integer_value(columns) : 1,
    };
}

static tensor find_in(const weights *w, const char *mlp, const char *name)
{
    char key[256];
    snprintf(key, sizeof key, "%s.%s", mlp, name);
    return find_tensor(w, key);
}

static void set(const tensor *t, size_t row, size_t column, float value)
{
    memcpy(t->data + (row * t->columns + column) * sizeof value, &value, sizeof value);
}

void make_hostile(const char *directory, const char *mlp)
{
    weights w = read_weights(directory);
    tensor first = find_in(&w, mlp, "fc1.weight"), bias = find_in(&w, mlp, "fc1.bias");
    tensor second = find_in(&w, mlp, "fc2.weight");
    for (size_t column = 0; column < first.columns; column++) set(&first, DEAD, column, 0);
    set(&bias, DEAD, 0, -100); /* of which any activation makes nothing */
    for (size_t row = 0; row < second.rows; row++) set(&second, row, DEAD, 1000);
    write_weights(&w);
}

void set_element(const char *directory, const char *name, float value)
{
    weights w = read_weights(directory);
    tensor found = find_tensor(&w, name);
    set(&found, found.rows - 1, found.columns - 1, value);
    write_weights(&w);
}
