/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's .npy files of float32 in C order, versions 1 to 3 (numpy.lib.format). */
#ifndef OSPREY_CLI_NPY_H
#define OSPREY_CLI_NPY_H

#include "output.h"

#include <stddef.h>
#include <stdio.h>

#define CLI_NPY_MAX_RANK 8

typedef struct cli_npy {
    FILE *file;
    const char *path;
    size_t rank;
    size_t shape[CLI_NPY_MAX_RANK];
} cli_npy;

/*
 * Reads and checks the header; the file may be hostile. "-" is standard input. On failure the
 * reason has been printed. cli_npy_close either way.
 */
cli_exit cli_npy_open(cli_npy *npy, const char *path);

/* The next count elements. */
cli_exit cli_npy_read(cli_npy *npy, float *elements, size_t count);

void cli_npy_close(cli_npy *npy);

/* CLI_WRONG_USE where the bytes would go to a terminal. */
cli_exit cli_npy_check_output(const cli_output *output);

/* Writes the header for a rank of at least 2; the elements follow through cli_output_write. */
void cli_npy_begin(cli_output *output, size_t rank, const size_t *shape);

#endif
