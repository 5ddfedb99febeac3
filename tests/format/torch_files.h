/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-made pickles and zip files, right and wrong ones. A step that fails ends the test. */
#ifndef OSPREY_TESTS_TORCH_FILES_H
#define OSPREY_TESTS_TORCH_FILES_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes from a program in words, with protocol 2 in front: 'text' is BINUNICODE, @module:name is
 * GLOBAL, #5 is BININT, x89 is that byte, and any other word stands for its characters: opcodes are
 * mostly letters. The caller frees the buffer.
 */
osprey__buffer assemble(const char *program);

/* A float tensor in a program: elements of storage data/KEY, from an offset. */
#define TENSOR(key, elements, offset, dims, strides)                                               \
    " @torch._utils:_rebuild_tensor_v2 ( " STORAGE(                                                \
        "FloatStorage", key, elements) " #" offset " ( " dims " t ( " strides                      \
                                       " t x89 @collections:OrderedDict ) R t R "
#define STORAGE(type, key, elements) "( 'storage' @torch:" type " '" key "' 'cpu' #" elements " t Q"

/* A state dict of one tensor, "a", of 2 x 3 floats. */
#define ONE_TENSOR "} 'a' " TENSOR("0", "6", "0", "#2 #3", "#3 #1") " s ."

/* A zip file that is being written; zeroed at first. What is changed comes out so. */
typedef struct zip_file {
    osprey__buffer bytes, directory;
    size_t count;
} zip_file;

void zip_add(zip_file *zip, const char *name, const void *data, size_t length);

/* The whole file in a block of exactly *length bytes; freed with osprey__free. */
uint8_t *zip_finish(zip_file *zip, size_t *length);

/* A file as torch.save makes it: top/data.pkl from the program, byteorder, and data/0 with
 * storage_bytes counting up from 0. */
uint8_t *make_checkpoint(const char *program, size_t storage_bytes, size_t *length);

#endif
