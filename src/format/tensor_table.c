/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tensor_table.h"

#include "base/memory.h"

const char *osprey__weight_format_name(osprey__weight_format format)
{
    static const char *const names[] = {
        [OSPREY__SAFETENSORS] = "safetensors",
        [OSPREY__TORCH_CHECKPOINT] = "PyTorch checkpoint",
        [OSPREY__TORCH_SCRIPT] = "TorchScript archive",
        [OSPREY__NUMPY_ARCHIVE] = "NumPy archive",
    };
    return names[format];
}

void osprey__tensor_table_free(osprey__tensor_table *table)
{
    osprey__free(table->tensors);
    if (table->release) table->release(table->owned);
    *table = (osprey__tensor_table){0};
}
