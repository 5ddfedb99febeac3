/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizers library's tokenizer.json, where it holds CLIP's tokenizer. For src/input/text. */
#ifndef OSPREY_INPUT_TEXT_CLIP_TOKENIZER_JSON_H
#define OSPREY_INPUT_TEXT_CLIP_TOKENIZER_JSON_H

#include "base/json.h"
#include "input/text/clip_special_tokens.h"
#include "input/text/token_map.h"

#include <osprey/error.h>

/* An object of token to id, as vocab.json is, and room for more. The map borrows the keys. */
osprey_status osprey__token_map_from_json(osprey__token_map *map, json_t *vocabulary, size_t more,
                                          const char *file, osprey_error *error);

/* On an error *tokenizer is NULL or what there is so far. */
osprey_status osprey__clip_from_tokenizer_json(const json_t *root, const char *file,
                                               const osprey__clip_special_tokens *special,
                                               osprey__clip_bpe **tokenizer, osprey_error *error);

/* The parts of a merge, which is "a b" or ["a","b"]; number is what errors call it. */
osprey_status osprey__json_merge(const json_t *merge, const char *file, size_t number,
                                 const char **left, size_t *left_length, const char **right,
                                 osprey_error *error);

#endif
