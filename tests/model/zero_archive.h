/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy archives of zeros, opened as models. A step that fails ends the test. */
#ifndef OSPREY_TESTS_ZERO_ARCHIVE_H
#define OSPREY_TESTS_ZERO_ARCHIVE_H

#include "format/torch_files.h"

#include <osprey/model.h>

/* Adds zeros of that shape, such as "(8, 8, 3, 16)", of so many elements. */
void add_zeros(zip_file *zip, const char *name, const char *shape, size_t elements);

typedef struct zero_array {
    const char *name, *shape;
    size_t elements;
} zero_array;

/* Adds all of them but the one of the name `without`. */
void add_arrays(zip_file *zip, const zero_array *arrays, size_t count, const char *without);

/* Opens what was written, as model.npz; vocabulary: of model.txt beside it, or NULL for none. */
osprey_status open_zip(zip_file *zip, const char *vocabulary, osprey_model **model,
                       osprey_error *error);

/* The same has to be refused, with these words. */
void refuse(zip_file *zip, const char *vocabulary, osprey_status status, const char *words);

/* How one array of an archive is broken. */
typedef struct broken_array {
    const char *name;
    const char *shape; /* what it has instead; NULL: the array is missing */
    size_t elements;
    osprey_status status; /* of the refusal, */
    const char *words;    /* which has these */
} broken_array;

/* Each of what `add` writes with one array broken has to be refused. */
void refuse_broken(void (*add)(zip_file *zip, const char *without), const broken_array *cases,
                   size_t count, const char *vocabulary);

#endif
