/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors parser: whatever it accepts lies inside the file and covers it exactly. */
#include "format/safetensors.h"
#include "fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    osprey__tensor_table table;
    osprey_error error = {0};
    if (osprey__safetensors_parse(bytes, length, "fuzz", &table, &error) != OSPREY_OK) {
        FUZZ_PROMISE(error.message[0] && !table.tensors && !table.owned);
        return 0;
    }
    const uint8_t *end = bytes + length;
    for (size_t i = table.count; i > 0; i--) {
        const osprey__tensor *tensor = &table.tensors[i - 1];
        const uint8_t *data = tensor->data;
        FUZZ_PROMISE(tensor->name && tensor->rank <= OSPREY__TENSOR_RANK);
        FUZZ_PROMISE(data >= bytes + 8 && tensor->bytes <= length && data + tensor->bytes == end);
        if (!tensor->foreign_dtype)
            FUZZ_PROMISE(tensor->elements * osprey__dtype_bytes(tensor->dtype) == tensor->bytes);
        end = data;
    }
    osprey__tensor_table_free(&table);
    return 0;
}
