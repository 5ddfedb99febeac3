/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy archives of zeros, opened as models. A step that fails ends the test. */
#ifndef OSPREY_TESTS_ZERO_ARCHIVE_H
#define OSPREY_TESTS_ZERO_ARCHIVE_H

#include "format/torch_files.h"

#include <osprey/model.h>

/* Adds zeros of that shape, such as "(8, 8, 3, 16)", of so many elements. */
void add_zeros(zip_file *zip, const char *name, const char *shape, size_t elements);

/* Opens what was written, as model.npz; vocabulary: of model.txt beside it, or NULL for none. */
osprey_status open_zip(zip_file *zip, const char *vocabulary, osprey_model **model,
                       osprey_error *error);

/* The same has to be refused, with these words. */
void refuse(zip_file *zip, const char *vocabulary, osprey_status status, const char *words);

#endif
