/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding of any text with CLIP's own vocabulary; the first byte gives the capacity. */
#include "fuzz/fuzz_target.h"
#include "input/text/text_tokenizer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static osprey_tokenizer *tokenizer;
    if (length == 0 || (!tokenizer && osprey__tokenizer_builtin(&tokenizer, NULL) != OSPREY_OK))
        return 0;
    int32_t ids[258], cut[258];
    size_t capacity = 2 + bytes[0], count, cut_count;
    const char *text = (const char *)bytes + 1;
    osprey_status status =
        osprey_tokenizer_encode(tokenizer, text, length - 1, ids, 258, &count, NULL);
    FUZZ_PROMISE(status == OSPREY_OK && count >= 2 && count <= 258);
    FUZZ_PROMISE(ids[0] == 49406 && ids[count - 1] == 49407);
    for (size_t i = 0; i < count; i++) FUZZ_PROMISE(ids[i] >= 0 && ids[i] < 49408);
    osprey_tokenizer_encode(tokenizer, text, length - 1, cut, capacity, &cut_count, NULL);
    FUZZ_PROMISE(cut_count == (count < capacity ? count : capacity));
    FUZZ_PROMISE(memcmp(cut, ids, (cut_count - 1) * sizeof *cut) == 0);
    return 0;
}
