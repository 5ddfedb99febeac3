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

/* A tensor of the file: rows of columns floats. */
typedef struct tensor {
    char *data;
    size_t rows, columns;
} tensor;

static tensor find_tensor(char *file, const json_t *header, size_t data_start, const char *mlp,
                          const char *name)
{
    char key[256];
    snprintf(key, sizeof key, "%s.%s", mlp, name);
    const json_t *found = json_object_get(header, key);
    assert_non_null(found);
    assert_string_equal(json_string_value(json_object_get(found, "dtype")), "F32");
    const json_t *shape = json_object_get(found, "shape");
    const json_t *offset = json_array_get(json_object_get(found, "data_offsets"), 0);
    const json_t *columns = json_array_get(shape, 1);
    return (tensor){
        .data = file + data_start + json_integer_value(offset),
        .rows = (size_t)json_integer_value(json_array_get(shape, 0)),
        .columns = columns ? (size_t)json_integer_value(columns) : 1,
    };
}

static void set(const tensor *t, size_t row, size_t column, float value)
{
    memcpy(t->data + (row * t->columns + column) * sizeof value, &value, sizeof value);
}

void make_hostile(const char *directory, const char *mlp)
{
    char path[1024];
    size_t length;
    uint64_t header_bytes;
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    char *file = read_all(path, &length);
    memcpy(&header_bytes, file, sizeof header_bytes);
    json_t *header = json_loadb(file + 8, (size_t)header_bytes, 0, NULL);
    assert_non_null(header);
    size_t start = 8 + (size_t)header_bytes;
    tensor first = find_tensor(file, header, start, mlp, "fc1.weight");
    tensor bias = find_tensor(file, header, start, mlp, "fc1.bias");
    tensor second = find_tensor(file, header, start, mlp, "fc2.weight");
    for (size_t column = 0; column < first.columns; column++) set(&first, DEAD, column, 0);
    set(&bias, DEAD, 0, -100); /* of which any activation makes nothing */
    for (size_t row = 0; row < second.rows; row++) set(&second, row, DEAD, 1000);
    write_all(path, file, length);
    json_decref(header);
    free(file);
}
