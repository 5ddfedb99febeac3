/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mapped file of weights in any format. What it is, its first bytes tell, not its name; a new
 * format is a reader with the signature of osprey__safetensors_parse, and a line in weight_file.c.
 */
#ifndef OSPREY_FORMAT_WEIGHT_FILE_H
#define OSPREY_FORMAT_WEIGHT_FILE_H

#include "base/os/file_map.h"
#include "format/tensor_table.h"

#include <osprey/error.h>

typedef struct osprey__weight_file {
    osprey__file_map map;
    osprey__tensor_table table;
} osprey__weight_file;

/*
 * path has to outlive the tensors, which name it. Closed with osprey__weight_file_close, also on
 * error. Errors: OSPREY_NOT_FOUND, OSPREY_IO, OSPREY_FORMAT, OSPREY_UNSUPPORTED (a format that
 * osprey knows and does not read, with what to do), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__weight_file_open(const char *path, osprey__weight_file *file,
                                       osprey_error *error);

/* Takes an unopened (zeroed) file too. */
void osprey__weight_file_close(osprey__weight_file *file);

#endif
