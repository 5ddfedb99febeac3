/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of Python's pickle that PyTorch writes for tensors: torch.save's protocol 2 and the
 * same as TorchScript's own writer has it (torch/csrc/jit/serialization/pickler.h).
 *
 * A pickle is a program for a stack machine, and Python's runs what it names. This one knows the
 * opcodes and the few globals that tensors need, refuses any other by its name, and executes
 * nothing: what a global would be called with is kept as data. What it makes is a graph of values,
 * in which containers may hold the same value many times, or themselves.
 *
 * Strings point into the pickle, which has to outlive the values. Any thread may call.
 */
#ifndef OSPREY_FORMAT_PICKLE_H
#define OSPREY_FORMAT_PICKLE_H

#include "base/dtype.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__PICKLE_BYTES_MAX  (16u << 20)
#define OSPREY__PICKLE_VALUES_MAX 4000000u
#define OSPREY__PICKLE_STRING_MAX 65536u
#define OSPREY__PICKLE_MARKS_MAX  1000u /* containers that are open at once */

typedef enum osprey__pickle_kind {
    OSPREY__PICKLE_NONE,
    OSPREY__PICKLE_BOOL,
    OSPREY__PICKLE_INT,
    OSPREY__PICKLE_FLOAT, /* without its number, which no tensor needs */
    OSPREY__PICKLE_STRING,
    OSPREY__PICKLE_TUPLE,
    OSPREY__PICKLE_LIST,
    OSPREY__PICKLE_DICT,    /* items: key, value, key, value ... */
    OSPREY__PICKLE_GLOBAL,  /* a class or function, never called */
    OSPREY__PICKLE_STORAGE, /* inner: the tuple that names it */
    OSPREY__PICKLE_TENSOR,  /* inner: the tuple of _rebuild_tensor_v2's arguments */
    OSPREY__PICKLE_OBJECT,  /* of a TorchScript class; inner: its state */
} osprey__pickle_kind;

/* Of a value in osprey__pickle.values. */
typedef uint32_t osprey__pickle_id;
#define OSPREY__PICKLE_NO_ID UINT32_MAX

typedef struct osprey__pickle_value {
    osprey__pickle_kind kind;
    union {
        int64_t number; /* BOOL, INT */
        struct {
            int role; /* pickle.c's */
            bool is_storage;
            osprey__dtype dtype; /* of a storage */
        } global;
        struct {
            const char *bytes;
            size_t length;
        } text; /* STRING: not terminated */
        struct {
            uint32_t first, last, count;
        } items; /* TUPLE, LIST, DICT: see osprey__pickle_item */
        osprey__pickle_id inner;
    };
} osprey__pickle_value;

typedef struct osprey__pickle_item {
    osprey__pickle_id value;
    uint32_t next; /* OSPREY__PICKLE_NO_ID after the last */
} osprey__pickle_item;

typedef struct osprey__pickle {
    osprey__pickle_value *values;
    size_t value_count, value_capacity;
    osprey__pickle_item *items; /* of all containers; a value's begin at items.first */
    size_t item_count, item_capacity;
    osprey__pickle_id root;
} osprey__pickle;

/*
 * file is named by errors, which give the offset of what they refuse. On error *pickle is empty;
 * freed with osprey__pickle_free.
 * Errors: OSPREY_FORMAT, OSPREY_UNSUPPORTED (an opcode or global, by name), OSPREY_LIMIT,
 * OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__pickle_read(const uint8_t *bytes, size_t length, const char *file,
                                  osprey__pickle *pickle, osprey_error *error);

/* The value, which has to be there. */
static inline const osprey__pickle_value *osprey__pickle_at(const osprey__pickle *pickle,
                                                            osprey__pickle_id id)
{
    return &pickle->values[id];
}

/* Item index of a tuple, list or dict; NULL for any other value, and where it has fewer. */
const osprey__pickle_value *osprey__pickle_get(const osprey__pickle *pickle,
                                               const osprey__pickle_value *value, size_t index);

/* Takes an empty (zeroed) pickle too. */
void osprey__pickle_free(osprey__pickle *pickle);

#endif
