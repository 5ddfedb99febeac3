/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokenizers of SentencePiece's kind, SigLIP's and SigLIP 2's (Gemma's), and RoBERTa's: added
 * tokens are found in the text, what lies between them goes through steps (text_steps.h) that make
 * spaces underlines, or into words, and is cut into pieces by a unigram model, or by merging pairs
 * of them. Never changed once it is made; any thread may call.
 */
#ifndef OSPREY_INPUT_TEXT_PIECE_TOKENIZER_H
#define OSPREY_INPUT_TEXT_PIECE_TOKENIZER_H

#include "base/buffer.h"
#include "input/text/added_tokens.h"
#include "input/text/bpe_merges.h"
#include "input/text/text_steps.h"
#include "input/text/unigram.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct osprey__character_id {
    int32_t character, id;
} osprey__character_id;

/* Pieces by merging: what a character is, and which two pieces are one. */
typedef struct osprey__piece_merges {
    osprey__bpe_merges merges;
    osprey__character_id *characters; /* sorted by character */
    size_t count;
    int32_t bytes[256]; /* of which other characters consist; all -1: they are unknown */
    int32_t unknown_id; /* then */
    bool fuses_unknown; /* neighbouring ones are one */
} osprey__piece_merges;

/* What is cut into pieces by itself. */
typedef enum osprey__word_split {
    OSPREY__SPLIT_NOWHERE,
    OSPREY__SPLIT_AT_UNDERLINES, /* each begins a word */
    OSPREY__SPLIT_AS_GPT2, /* by its pattern (word_patterns.h), and words are merged from bytes */
} osprey__word_split;

/* Built by the readers of files; zero-initialise. */
typedef struct osprey__piece_tokenizer {
    osprey__text_steps cleaning; /* of the whole text, before anything is looked for in it */
    osprey__text_steps steps;
    bool is_unigram;
    osprey__unigram unigram;
    osprey__piece_merges bpe;
    osprey__added_token *added;
    size_t added_count;
    osprey__word_split split;
    size_t hidden;  /* pieces of every text's front that are dropped: transformers' SiglipTokenizer
                       puts <unk> before it, so that the front is cut like the middle */
    bool leads;     /* after the cleaning the text's own underlines become spaces, and one is put
                       before it */
    bool ends_once; /* a text that ends with the end token gets no second one */
    size_t vocabulary;
    int32_t start_id, end_id, pad_id; /* -1: none */
} osprey__piece_tokenizer;

/* Adds a token; of content without characters none. Errors: OSPREY_LIMIT (file is named),
 * OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__piece_tokenizer_add(osprey__piece_tokenizer *tokenizer, const char *content,
                                          const osprey__added_token *how, const char *file,
                                          osprey_error *error);

/* Sets hidden, to the pieces that the steps which are there already, and the unigram model, make of
 * `prefix`. */
osprey_status osprey__piece_tokenizer_hide(osprey__piece_tokenizer *tokenizer, const char *prefix,
                                           osprey_error *error);

/* As osprey_tokenizer_encode, which checks capacity and text_bytes. */
osprey_status osprey__piece_tokenizer_encode(const osprey__piece_tokenizer *tokenizer,
                                             const char *text, size_t text_bytes, int32_t *ids,
                                             size_t capacity, size_t *count, osprey_error *error);

/* For an engine: appends the tokenizer, and makes it anew. The cleaning stands before the rest
 * where there is any, which the caller keeps. Load: OSPREY_FORMAT where the bytes are damaged; file
 * is what errors name. */
osprey_status osprey__piece_tokenizer_store(const osprey__piece_tokenizer *tokenizer,
                                            osprey__buffer *bytes, osprey_error *error);
osprey_status osprey__piece_tokenizer_load(const void *bytes, size_t length, bool cleans,
                                           const char *file, osprey__piece_tokenizer **tokenizer,
                                           osprey_error *error);

/* Takes NULL. */
void osprey__piece_tokenizer_free(osprey__piece_tokenizer *tokenizer);

#endif
