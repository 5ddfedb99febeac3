/* SPDX-License-Identifier: Apache-2.0 */
/* Zip directory, pickle and tensors together: every element of what is accepted can be read. */
#include "base/memory.h"
#include "format/torch_zip.h"
#include "fuzz/fuzz_target.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    osprey__tensor_table table;
    osprey_error error = {0};
    if (osprey__torch_zip_parse(bytes, length, "fuzz", &table, &error) != OSPREY_OK) {
        FUZZ_PROMISE(error.message[0] && !table.tensors && !table.owned);
        return 0;
    }
    FUZZ_PROMISE(table.count > 0);
    for (size_t i = 0; i < table.count; i++) {
        const osprey__tensor *tensor = &table.tensors[i];
        FUZZ_PROMISE(tensor->name && strlen(tensor->name) <= length);
        FUZZ_PROMISE(tensor->rank <= OSPREY__TENSOR_RANK && tensor->bytes <= length);
        FUZZ_PROMISE(tensor->elements * osprey__dtype_bytes(tensor->dtype) == tensor->bytes);
        uint8_t *copy = osprey__calloc(tensor->bytes, 1); /* the sanitizer sees what lies outside */
        if (copy) memcpy(copy, tensor->data, tensor->bytes);
        osprey__free(copy);
    }
    osprey__tensor_table_free(&table);
    return 0;
}
