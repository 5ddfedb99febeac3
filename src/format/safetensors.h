/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The safetensors format (huggingface.co/docs/safetensors): 8 bytes with the header's length, a
 * JSON header, the tensors' bytes without gaps. Everything that the header says is checked here
 * against the block that it describes, as strictly as the reference implementation does it, so
 * that whoever holds an osprey__tensor may read elements of its type without looking again.
 *
 * Nothing is copied: the block has to outlive the table. Any thread may call; a table is never
 * changed once it is parsed.
 */
#ifndef OSPREY_FORMAT_SAFETENSORS_H
#define OSPREY_FORMAT_SAFETENSORS_H

#include "base/dtype.h"

#include <osprey/error.h>

#include <jansson.h>
#include <stddef.h>

#define OSPREY__SAFETENSORS_HEADER_BYTES 100000000u /* the reference implementation's limit */
#define OSPREY__SAFETENSORS_TENSORS      1000000u
#define OSPREY__TENSOR_RANK              8u

typedef struct osprey__tensor {
    const char *name;
    const char *file; /* the path that it came from */
    osprey__dtype dtype;
    const char *foreign_dtype; /* NULL; else a type that osprey does not read, and no dtype */
    size_t rank;               /* 0: a single number */
    size_t dims[OSPREY__TENSOR_RANK];
    size_t elements;
    size_t bytes;
    const void *data; /* little-endian, row-major; at any alignment */
} osprey__tensor;

typedef struct osprey__safetensors {
    osprey__tensor *tensors; /* in the order of their bytes */
    size_t count;
    json_t *header; /* owns the names */
} osprey__safetensors;

/*
 * Parses the length bytes of a whole file. file is named by errors and by the tensors, and has to
 * outlive the table. On error *table is empty; freed with osprey__safetensors_free.
 * Errors: OSPREY_FORMAT (the tensor is named), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__safetensors_parse(const void *bytes, size_t length, const char *file,
                                        osprey__safetensors *table, osprey_error *error);

/* Takes an empty (zeroed) table too. */
void osprey__safetensors_free(osprey__safetensors *table);

#endif
