/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The special tokens that tokenizer_config.json and special_tokens_map.json give: each a string, or
 * an object with "content". For src/input/text only; contents and paths are borrowed from what is
 * read, and live until osprey__clip_special_tokens_free.
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
    json_t *numbered; /* tokenizer_config.json's added_tokens_decoder, or NULL */
    const char *numbered_file;
    struct {
        json_t *json;
        const char *path;
    } files[2];
    size_t file_count;
} osprey__clip_special_tokens;

/* CLIP's own. */
#define OSPREY__CLIP_SPECIAL_TOKENS                                                                \
    {                                                                                              \
        .start = {.content = OSPREY__CLIP_START}, .end = {.content = OSPREY__CLIP_END},            \
        .unknown = {.content = OSPREY__CLIP_END}, .pad = {.content = OSPREY__CLIP_END},            \
    }

/* Reads a file, at most two; what it gives overrides what an earlier one gave. */
osprey_status osprey__clip_special_tokens_read(osprey__clip_special_tokens *tokens,
                                               const char *path, osprey_error *error);

/* Before osprey__clip_bpe_begin: puts the numbered ones that the vocabulary lacks into the map. */
osprey_status osprey__clip_special_tokens_number(const osprey__clip_special_tokens *tokens,
                                                 osprey__token_map *map, osprey_error *error);

/*
 * After it: adds to the tokenizer those that the map has, then those of tokenizer.json's
 * added_tokens (or NULL), then the numbered ones; a later one replaces an earlier one's flags.
 */
osprey_status osprey__clip_special_tokens_add(const osprey__clip_special_tokens *tokens,
                                              const json_t *added, const char *added_file,
                                              osprey__clip_bpe *tokenizer,
                                              const osprey__token_map *map, osprey_error *error);

/* Puts a token with its id into the map, which may have it, but at no other id. */
osprey_status osprey__added_token_number(osprey__token_map *map, const json_t *token,
                                         const char *file, int64_t id, osprey_error *error);

void osprey__clip_special_tokens_free(osprey__clip_special_tokens *tokens);

#endif
