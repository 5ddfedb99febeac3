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

/* A token in a text, from begin to before end, with the white space that it takes along. */
typedef struct osprey__added_match {
    const osprey__added_token *token; /* NULL: there is none */
    size_t begin, end;
} osprey__added_match;

/* The first place at or behind `from` where tokens of that kind begin, and the longest of them. */
osprey__added_match osprey__added_tokens_find(const osprey__added_token *tokens, size_t count,
                                              const int32_t *text, size_t length, size_t from,
                                              bool normalized);

/* Takes NULL with a count of 0. */
void osprey__added_tokens_free(osprey__added_token *tokens, size_t count);

#endif
