/* SPDX-License-Identifier: Apache-2.0 */
/* The .npz parser: what it accepts has a name and lies inside the file. */
#include "format/npz.h"
#include "fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    osprey__tensor_table table;
    osprey_error error = {0};
    osprey__is_npz(bytes, length);
    if (osprey__npz_parse(bytes, length, "fuzz", &table, &error) != OSPREY_OK) {
        FUZZ_PROMISE(error.message[0] && !table.tensors && !table.owned);
        return 0;
    }
    for (size_t i = 0; i < table.count; i++) {
        const osprey__tensor *tensor = &table.tensors[i];
        const uint8_t *data = tensor->data;
        FUZZ_PROMISE(tensor->name && tensor->rank <= OSPREY__TENSOR_RANK);
        FUZZ_PROMISE(data > bytes && tensor->bytes <= length - (size_t)(data - bytes));
        if (!tensor->foreign_dtype)
            FUZZ_PROMISE(tensor->elements * osprey__dtype_bytes(tensor->dtype) == tensor->bytes);
    }
    osprey__tensor_table_free(&table);
    return 0;
}
