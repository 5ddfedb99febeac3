/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a CLIP tokenizer consists of, and the steps in which the readers of its files build one:
 * fill a token map, begin, add each merge in order of rank, add the special tokens. For
 * src/input/text only.
 */
#ifndef OSPREY_INPUT_TEXT_CLIP_BPE_BUILD_H
#define OSPREY_INPUT_TEXT_CLIP_BPE_BUILD_H

#include "input/text/added_tokens.h"
#include "input/text/bpe_merges.h"
#include "input/text/clip_bpe.h"
#include "input/text/token_map.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__CLIP_START    "<|startoftext|>"
#define OSPREY__CLIP_END      "<|endoftext|>"
#define OSPREY__CLIP_WORD_END "</w>"

struct osprey__clip_bpe {
    osprey__bpe_merges merges;
    int32_t byte_ids[256];     /* of each byte's symbol */
    int32_t byte_end_ids[256]; /* the same with </w> */
    osprey__added_token *added;
    size_t added_count;
    size_t vocabulary;
    int32_t start_id, end_id;
    /* Whether the split pattern begins with the two special tokens, as that of transformers 5. */
    bool splits_special;
};

/* The character that stands for a byte in tokens (GPT-2's table), in UTF-8; returns its length. */
size_t osprey__clip_byte_symbol(uint8_t byte, char symbol[2]);

/* start, end and unknown have to be tokens of the map. */
osprey_status osprey__clip_bpe_begin(const osprey__token_map *map, size_t merge_count,
                                     const char *start, const char *end, const char *unknown,
                                     osprey__clip_bpe **tokenizer, osprey_error *error);

/* file and number say which merge errors are about. */
osprey_status osprey__clip_bpe_add_merge(osprey__clip_bpe *tokenizer, const osprey__token_map *map,
                                         const char *left, size_t left_length, const char *right,
                                         size_t right_length, const char *file, size_t number,
                                         osprey_error *error);

/*
 * Every token of the map has to be a byte's symbol, an added token, or what a merge makes: others
 * can never be found in a text, which tells that merges are missing. file is that of the merges.
 * Errors: OSPREY_FORMAT (both files and a token are named), OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__clip_bpe_check_merges(const osprey__clip_bpe *tokenizer,
                                            const osprey__token_map *map, const char *file,
                                            osprey_error *error);

/* An added token of the same id is replaced. */
osprey_status osprey__clip_bpe_add_token(osprey__clip_bpe *tokenizer, const char *content,
                                         size_t length, int32_t id, bool normalized,
                                         const char *file, osprey_error *error);

#endif
