/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that are found in a text as a whole, before what lies between them is cut: as Hugging
 * Face's tokenizers have them (added_tokens). Any thread may call.
 */
#ifndef OSPREY_INPUT_TEXT_ADDED_TOKENS_H
#define OSPREY_INPUT_TEXT_ADDED_TOKENS_H

#include "input/text/code_points.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__ADDED_TOKENS_MAX ((size_t)4096)

typedef struct osprey__added_token {
    osprey__code_points content; /* not empty */
    int32_t id;
    bool normalized;  /* looked for in the normalised text, and itself normalised */
    bool strips_left; /* takes the white space before it along, */
    bool strips_right;
} osprey__added_token;

typedef struct osprey__text_span {
    const int32_t *at; /* code points */
    size_t count;
} osprey__text_span;

/* Where the ids of a text's tokens go, as far as there is room. */
typedef struct osprey__token_ids {
    int32_t *ids;
    size_t count, capacity;
} osprey__token_ids;

bool osprey__token_ids_full(const osprey__token_ids *to);
void osprey__token_ids_put(osprey__token_ids *to, const int32_t *ids, size_t count);

/* Encodes a text without added tokens; it may be empty. */
typedef osprey_status osprey__encode_between(void *context, osprey__text_span text);

/*
 * Puts the ids of a text's tokens of that kind, normalized or not, and gives what lies between them
 * to encode: of tokens that begin at one place, the longest counts. Errors: those of encode.
 */
osprey_status osprey__added_tokens_split(const osprey__added_token *tokens, size_t count,
                                         bool normalized, osprey__text_span text,
                                         osprey__token_ids *ids, osprey__encode_between *encode,
                                         void *context);

/* Takes NULL with a count of 0. */
void osprey__added_tokens_free(osprey__added_token *tokens, size_t count);

#endif
