/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch's zip files: what torch.save writes since 1.6, and the TorchScript archives of
 * torch.jit.save (pytorch.org/docs: "Serialization semantics", "torch.jit.save"; written by
 * caffe2/serialize/inline_container.cc).
 *
 * Under one directory of any name, data.pkl holds a graph of values whose tensors name their
 * elements: the entries data/0, data/1 and so on, stored uncompressed. A checkpoint's tensors are
 * those of its state dict, be it the value itself or under "state_dict", "model_state_dict" or
 * "model"; the prefix "module." of all names is dropped. An archive's are those of its modules,
 * named by the attributes that lead to them, as state_dict() would do it. Anything else in the file
 * is passed over: nothing is ever executed (see pickle.h).
 *
 * Tensors lie in the file's bytes, which have to outlive the table; only what is stored in another
 * order of dimensions than its own is copied.
 */
#ifndef OSPREY_FORMAT_TORCH_ZIP_H
#define OSPREY_FORMAT_TORCH_ZIP_H

#include "format/tensor_table.h"

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

/*
 * Reads the length bytes of a whole file. file is named by errors and by the tensors, and has to
 * outlive the table. On error *table is empty; freed with osprey__tensor_table_free.
 * Errors: OSPREY_FORMAT (entry, tensor or offset is named), OSPREY_UNSUPPORTED, OSPREY_LIMIT,
 * OSPREY_NOT_FOUND (a tensor's elements), OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__torch_zip_parse(const uint8_t *bytes, size_t length, const char *file,
                                      osprey__tensor_table *table, osprey_error *error);

#endif
