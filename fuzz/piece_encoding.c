/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/piece_encoding.h"

#include "fuzz/fuzz_target.h"

#include <string.h>

#define MOST 64

static const char *const texts[] = {
    "A photo of a cat, isn't it? <pad></s> <table>\n",
    ("\xef\xac\x81 e\xcc\x81 \xe7\x8c\xab\xe2\x96\x81\xe2\x96\x81 \xf0\x9f\xa6\x85\xff  "
     "\xe3\x80\x80"),
    "",
};

typedef struct encoding {
    osprey_status status;
    int32_t ids[MOST];
    size_t count;
} encoding;

static encoding encode(const osprey__piece_tokenizer *tokenizer, const char *text, size_t capacity)
{
    encoding made = {0};
    made.status = osprey__piece_tokenizer_encode(tokenizer, text, strlen(text), made.ids, capacity,
                                                 &made.count, NULL);
    /* What steps make of a text may become too long. */
    FUZZ_PROMISE(made.status == OSPREY_OK || made.status == OSPREY_LIMIT);
    if (made.status != OSPREY_OK) return made;
    FUZZ_PROMISE(made.count <= capacity);
    for (size_t i = 0; i < made.count; i++)
        FUZZ_PROMISE(made.ids[i] >= 0 && (size_t)made.ids[i] < tokenizer->vocabulary);
    return made;
}

void fuzz_encode_pieces(const osprey__piece_tokenizer *tokenizer)
{
    osprey__buffer bytes = {0};
    osprey__piece_tokenizer *copy = NULL;
    const bool cleans = tokenizer->cleaning.count;
    FUZZ_PROMISE(osprey__piece_tokenizer_store(tokenizer, &bytes, NULL) == OSPREY_OK);
    FUZZ_PROMISE(osprey__piece_tokenizer_load(bytes.bytes, bytes.length, cleans, "fuzz", &copy,
                                              NULL) == OSPREY_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const encoding whole = encode(tokenizer, texts[i], MOST),
                       cut = encode(tokenizer, texts[i], 5), stored = encode(copy, texts[i], MOST);
        FUZZ_PROMISE(stored.status == whole.status && stored.count == whole.count);
        FUZZ_PROMISE(memcmp(stored.ids, whole.ids, whole.count * sizeof *whole.ids) == 0);
        if (whole.status != OSPREY_OK || cut.status != OSPREY_OK || !cut.count) continue;
        FUZZ_PROMISE(memcmp(cut.ids, whole.ids, (cut.count - 1) * sizeof *cut.ids) == 0);
    }
    osprey__piece_tokenizer_free(copy);
    osprey__buffer_free(&bytes);
}
