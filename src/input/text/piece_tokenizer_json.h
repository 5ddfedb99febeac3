/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.json, of the tokenizers library, with a Unigram model, or a BPE model over underlines
 * or bytes. */
#ifndef OSPREY_INPUT_TEXT_PIECE_TOKENIZER_JSON_H
#define OSPREY_INPUT_TEXT_PIECE_TOKENIZER_JSON_H

#include "input/text/piece_tokenizer.h"

#include <jansson.h>

/* What tokenizer_config.json and special_tokens_map.json say; contents of tokens, or NULL. */
typedef struct osprey__piece_settings {
    const char *start, *end, *pad;
    const bool *adds_start, *adds_end; /* NULL: not said, so that the tokenizer's own file counts */
    const bool *lower_case;            /* the same; true: even where that has no step for it, as
                                          with SigLIP 2 */
    bool leads;                        /* "add_prefix_space" */
} osprey__piece_settings;

/*
 * Into a zeroed tokenizer, which the caller frees, also on failure. Without a padding token in the
 * settings it is <pad>, or the end token. file is what errors name. Errors: OSPREY_FORMAT
 * (malformed), OSPREY_UNSUPPORTED (another kind of model, or a step of one that osprey does not
 * have: it is named), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__piece_tokenizer_parse_json(const json_t *root, const char *file,
                                                 const osprey__piece_settings *settings,
                                                 osprey__piece_tokenizer *tokenizer,
                                                 osprey_error *error);

/* The steps of its normalizer and pre_tokenizer; sets *split where it is not zero's. Errors as
 * above.
 */
osprey_status osprey__text_steps_parse_json(const json_t *root, const char *file,
                                            osprey__text_steps *steps, osprey__word_split *split,
                                            osprey_error *error);

#endif
