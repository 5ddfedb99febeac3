/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.json: what is accepted encodes to ids of its vocabulary. */
#include "base/json.h"
#include "fuzz/fuzz_target.h"
#include "input/text/clip_bpe_build.h"
#include "input/text/clip_tokenizer_json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const osprey__clip_special_tokens special = OSPREY__CLIP_SPECIAL_TOKENS;
    const char *text = "a photo of <|endoftext|> \xc3\xa9's <S>";
    json_t *root = NULL;
    osprey__clip_bpe *tokenizer = NULL;
    osprey_error error = {0};
    if (osprey__json_parse((const char *)bytes, length, "fuzz", &root, &error) != OSPREY_OK)
        return 0;
    if (osprey__clip_from_tokenizer_json(root, "fuzz", &special, &tokenizer, &error) == OSPREY_OK) {
        int32_t ids[77];
        size_t count;
        FUZZ_PROMISE(osprey__clip_bpe_encode(tokenizer, text, strlen(text), ids, 77, &count,
                                             NULL) == OSPREY_OK);
        FUZZ_PROMISE(ids[0] == tokenizer->start_id && ids[count - 1] == tokenizer->end_id);
        for (size_t i = 0; i < count; i++)
            FUZZ_PROMISE(ids[i] >= 0 && (size_t)ids[i] < tokenizer->vocabulary);
    } else {
        FUZZ_PROMISE(error.message[0]);
    }
    osprey__clip_bpe_free(tokenizer);
    json_decref(root);
    return 0;
}
