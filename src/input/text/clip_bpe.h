/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLIP's tokenizer, made from the files of a model or from CLIP's own vocabulary, which is compiled
 * in. Never changed once it is made. Any thread may call. The caller frees *tokenizer with
 * osprey__clip_bpe_free.
 */
#ifndef OSPREY_INPUT_TEXT_CLIP_BPE_H
#define OSPREY_INPUT_TEXT_CLIP_BPE_H

#include "input/text/tokenizer_files.h"

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

typedef struct osprey__clip_bpe osprey__clip_bpe;

/* As osprey_tokenizer_encode, which checks capacity and text_bytes. */
osprey_status osprey__clip_bpe_encode(const osprey__clip_bpe *tokenizer, const char *text,
                                      size_t text_bytes, int32_t *ids, size_t capacity,
                                      size_t *count, osprey_error *error);

/*
 * Takes what lies in directory: tokenizer.json, else vocab.json with merges.txt; and for the
 * special tokens special_tokens_map.json and tokenizer_config.json, where they are there. Errors:
 * OSPREY_NOT_FOUND (neither tokenizer.json nor vocab.json nor merges.txt), OSPREY_UNSUPPORTED (a
 * tokenizer, or a step of one, that is not CLIP's), OSPREY_FORMAT (malformed, or one of the two
 * files is missing, or files contradict each other), OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__clip_bpe_open_directory(const char *directory, osprey__clip_bpe **tokenizer,
                                              osprey__tokenizer_files *files, osprey_error *error);

/* The 49408 tokens of CLIP as published, as open_clip's SimpleTokenizer numbers them. */
osprey_status osprey__clip_bpe_builtin(osprey__clip_bpe **tokenizer, osprey_error *error);

/* Takes NULL. */
void osprey__clip_bpe_free(osprey__clip_bpe *tokenizer);

#endif
