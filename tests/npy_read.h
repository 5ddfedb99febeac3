/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the committed .npy files (float32, C order, version 1), which the tests trust. */
#ifndef OSPREY_TESTS_NPY_READ_H
#define OSPREY_TESTS_NPY_READ_H

#include <stddef.h>

typedef struct npy {
    float *data; /* freed by the caller */
    size_t rank, dims[4];
} npy;

/* Fails the running cmocka test where the file is not there or of another kind. */
npy npy_read(const char *path);

#endif
