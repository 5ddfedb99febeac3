/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every reader of a weight file makes: a table of named tensors whose elements lie in the
 * file's bytes. Whoever holds a tensor may read elements of its type without looking again: the
 * reader has checked shape, type and place.
 *
 * A table is never changed once it is read; any thread may look at it.
 */
#ifndef OSPREY_FORMAT_TENSOR_TABLE_H
#define OSPREY_FORMAT_TENSOR_TABLE_H

#include "base/dtype.h"

#include <stddef.h>

#define OSPREY__TENSORS_MAX 1000000u /* of one file */
#define OSPREY__TENSOR_RANK 8u

typedef enum osprey__weight_format {
    OSPREY__SAFETENSORS,
    OSPREY__TORCH_CHECKPOINT, /* a state dict that torch.save wrote */
    OSPREY__TORCH_SCRIPT,     /* modules that torch.jit.save wrote */
    OSPREY__NUMPY_ARCHIVE,    /* arrays that numpy.savez wrote */
} osprey__weight_format;

/* "safetensors", "PyTorch checkpoint", ... Static storage. */
const char *osprey__weight_format_name(osprey__weight_format format);

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

typedef struct osprey__tensor_table {
    osprey__weight_format format;
    osprey__tensor *tensors;
    size_t count;
    void *owned; /* what the names lie in, which release frees */
    void (*release)(void *owned);
} osprey__tensor_table;

/* Takes an empty (zeroed) or half-built table too. */
void osprey__tensor_table_free(osprey__tensor_table *table);

#endif
