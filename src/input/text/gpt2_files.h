/* SPDX-License-Identifier: Apache-2.0 */
/* RoBERTa's vocab.json and merges.txt, as GPT-2 has them, in the form of tokenizer.json. */
#ifndef OSPREY_INPUT_TEXT_GPT2_FILES_H
#define OSPREY_INPUT_TEXT_GPT2_FILES_H

#include <osprey/error.h>

#include <jansson.h>

/*
 * What RobertaTokenizer makes of the two files; piece_tokenizer_json.h reads it. Every token of the
 * vocabulary has to be a single character, special ("<s>", or one of fairseq's made-up words), or
 * what a merge makes: others can never be found in a text, which tells that merges are missing. The
 * caller decrefs *root. Errors: OSPREY_FORMAT (malformed, or a token that no merge makes),
 * OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__gpt2_files_read(const char *vocabulary_path, const char *merges_path,
                                      json_t **root, osprey_error *error);

#endif
