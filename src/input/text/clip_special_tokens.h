/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The special tokens that special_tokens_map.json and tokenizer_config.json give: a string, or an
 * object with "content". A later file overrides an earlier one. For src/input/text only.
 */
#ifndef OSPREY_INPUT_TEXT_CLIP_SPECIAL_TOKENS_H
#define OSPREY_INPUT_TEXT_CLIP_SPECIAL_TOKENS_H

#include "base/json.h"
#include "input/text/clip_bpe_build.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct osprey__clip_special_token {
    const char *content;
    const char *file; /* that gave it; NULL: CLIP's own */
    bool normalized;
} osprey__clip_special_token;

typedef struct osprey__clip_special_tokens {
    osprey__clip_special_token start, end, unknown, pad;
    json_t *roots[2]; /* the contents point into these */
    size_t root_count;
} osprey__clip_special_tokens;

/* CLIP's own. */
#define OSPREY__CLIP_SPECIAL_TOKENS                                                                \
    {                                                                                              \
        .start = {.content = OSPREY__CLIP_START}, .end = {.content = OSPREY__CLIP_END},            \
        .unknown = {.content = OSPREY__CLIP_END}, .pad = {.content = OSPREY__CLIP_END},            \
    }

/* The flags of an added token: *normalized, and the others refused where they are set. */
osprey_status osprey__added_token_flags(const json_t *object, const char *file, bool *normalized,
                                        osprey_error *error);

/* path has to live as long as the tokens. At most two files. */
osprey_status osprey__clip_special_tokens_read(osprey__clip_special_tokens *tokens,
                                               const char *path, osprey_error *error);

/* Adds those that the vocabulary has to the tokenizer. */
osprey_status osprey__clip_special_tokens_add(const osprey__clip_special_tokens *tokens,
                                              osprey_tokenizer *tokenizer,
                                              const osprey__token_map *map, osprey_error *error);

void osprey__clip_special_tokens_free(osprey__clip_special_tokens *tokens);

#endif
