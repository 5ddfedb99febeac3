/* SPDX-License-Identifier: Apache-2.0 */
#include "model/zero_archive.h"

#include "base/memory.h"
#include "cmocka_all.h"
#include "test_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void add_zeros(zip_file *zip, const char *name, const char *shape, size_t elements)
{
    char entry[256], header[256];
    const size_t bytes = elements * sizeof(float);
    int length = snprintf(header, sizeof header,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n", shape);
    char *npy = calloc(10 + (size_t)length + bytes, 1);
    memcpy(npy, "\x93NUMPY\x01", 8);
    npy[8] = (char)length;
    memcpy(npy + 10, header, (size_t)length);
    snprintf(entry, sizeof entry, "%s.npy", name);
    zip_add(zip, entry, npy, 10 + (size_t)length + bytes);
    free(npy);
}

void add_arrays(zip_file *zip, const zero_array *arrays, size_t count, const char *without)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(arrays[i].name, without) != 0)
            add_zeros(zip, arrays[i].name, arrays[i].shape, arrays[i].elements);
}

static void write_all(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

osprey_status open_zip(zip_file *zip, const char *vocabulary, osprey_model **model,
                       osprey_error *error)
{
    test_directory d;
    char path[128];
    size_t length;
    test_directory_create(&d);
    if (vocabulary) {
        snprintf(path, sizeof path, "%s/model.txt", d.path);
        write_all(path, vocabulary, strlen(vocabulary));
    }
    snprintf(path, sizeof path, "%s/model.npz", d.path);
    uint8_t *bytes = zip_finish(zip, &length);
    write_all(path, bytes, length);
    osprey__free(bytes);
    osprey_status status = osprey_model_open(path, model, error);
    test_directory_free(&d);
    return status;
}

void refuse(zip_file *zip, const char *vocabulary, osprey_status status, const char *words)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    osprey_status got = open_zip(zip, vocabulary, &model, &error);
    assert_null(model);
    if (got != status || !strstr(error.message, words))
        fail_msg("%s: %s (wanted \"%s\")", osprey_status_name(got), error.message, words);
}

void refuse_broken(void (*add)(zip_file *zip, const char *without), const broken_array *cases,
                   size_t count, const char *vocabulary)
{
    for (size_t i = 0; i < count; i++) {
        zip_file zip = {0};
        add(&zip, cases[i].name);
        if (cases[i].shape) add_zeros(&zip, cases[i].name, cases[i].shape, cases[i].elements);
        refuse(&zip, vocabulary, cases[i].status, cases[i].words);
    }
}
