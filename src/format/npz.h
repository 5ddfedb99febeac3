/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NumPy's archives of arrays (.npz: a zip file with an .npy file an array, as np.savez writes it)
 * as a table of tensors. The .npy headers are those of NumPy's format 1.0, 2.0 and 3.0
 * (numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 *
 * Arrays are read in place: archives of np.savez_compressed are refused, with the way out, as are
 * arrays in Fortran's order. Nothing in a file is executed: arrays of Python objects, which NumPy
 * pickles, are there as tensors of a type that osprey does not read. Any thread may call.
 */
#ifndef OSPREY_FORMAT_NPZ_H
#define OSPREY_FORMAT_NPZ_H

#include "format/tensor_table.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__NPY_HEADER_BYTES 65536u

/* Whether the first entry of the zip file in bytes is an .npy file. */
bool osprey__is_npz(const uint8_t *bytes, size_t length);

/*
 * Names are those of the entries without ".npy". bytes and file have to outlive the table; on
 * error *table is empty. Errors: OSPREY_FORMAT (the entry is named), OSPREY_UNSUPPORTED
 * (compressed, Fortran's order, another version of .npy), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__npz_parse(const uint8_t *bytes, size_t length, const char *file,
                                osprey__tensor_table *table, osprey_error *error);

#endif
