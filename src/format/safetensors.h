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

#include "format/tensor_table.h"

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

#define OSPREY__SAFETENSORS_HEADER_BYTES 100000000u /* the reference implementation's limit */

/*
 * Parses the length bytes of a whole file. file is named by errors and by the tensors, and has to
 * outlive the table, whose tensors are in the order of their bytes. On error *table is empty; freed
 * with osprey__tensor_table_free.
 * Errors: OSPREY_FORMAT (the tensor is named), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__safetensors_parse(const uint8_t *bytes, size_t length, const char *file,
                                        osprey__tensor_table *table, osprey_error *error);

#endif
