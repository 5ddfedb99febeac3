/* SPDX-License-Identifier: Apache-2.0 */
/* spiece.model: what is accepted encodes to ids of its vocabulary. */
#include "base/memory.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/piece_encoding.h"
#include "input/text/spiece_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    osprey_error error = {0};
    osprey__piece_tokenizer *tokenizer = osprey__calloc(1, sizeof *tokenizer);
    if (!tokenizer) return 0;
    if (osprey__spiece_parse(bytes, length, "fuzz", true, "</s>", "</s>", tokenizer, &error) ==
        OSPREY_OK)
        fuzz_encode_pieces(tokenizer);
    else
        FUZZ_PROMISE(error.message[0]);
    osprey__piece_tokenizer_free(tokenizer);
    return 0;
}
