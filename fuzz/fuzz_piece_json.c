/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.json of SigLIP's kinds, behind open_clip's cleaning where the length is odd: what is
 * accepted encodes to ids of its vocabulary. */
#include "base/json.h"
#include "base/memory.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/piece_encoding.h"
#include "input/text/piece_tokenizer_json.h"
#include "input/text/text_cleaning.h"

static void parse(const json_t *root, bool cleans)
{
    const osprey__piece_settings settings = {0};
    osprey_error error = {0};
    osprey__piece_tokenizer *tokenizer = osprey__calloc(1, sizeof *tokenizer);
    if (!tokenizer) return;
    if (osprey__piece_tokenizer_parse_json(root, "fuzz", &settings, tokenizer, &error) ==
        OSPREY_OK) {
        if (cleans)
            FUZZ_PROMISE(osprey__text_cleaning_add(&tokenizer->cleaning, "canonicalize", "fuzz",
                                                   NULL) == OSPREY_OK);
        fuzz_encode_pieces(tokenizer);
    } else {
        FUZZ_PROMISE(error.message[0]);
    }
    osprey__piece_tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_t *root = NULL;
    if (osprey__json_parse((const char *)bytes, length, "fuzz", &root, NULL) == OSPREY_OK)
        parse(root, length % 2);
    json_decref(root);
    return 0;
}
