/* SPDX-License-Identifier: Apache-2.0 */
/* The files of tokenizers of SentencePiece's kind, SigLIP's, SigLIP 2's and XLM-RoBERTa's, and of
 * RoBERTa's. */
#ifndef OSPREY_INPUT_TEXT_PIECE_FILES_H
#define OSPREY_INPUT_TEXT_PIECE_FILES_H

#include "input/text/piece_tokenizer.h"
#include "input/text/tokenizer_files.h"

#include <jansson.h>

/*
 * From what lies in directory: spiece.model, as transformers' SiglipTokenizer reads it, else
 * tokenizer.json; and tokenizer_config.json and special_tokens_map.json, for the padding and
 * whether texts are lower case, where they are there. With a cleaning (text_cleaning.h; else it is
 * empty) as open_clip has it: tokenizer.json first, and lower case is the cleaning's. The caller
 * frees *tokenizer with osprey__piece_tokenizer_free. Errors: OSPREY_NOT_FOUND (neither of the
 * two), and those of spiece_file.h, piece_tokenizer_json.h and text_cleaning.h.
 */
osprey_status osprey__siglip_tokenizer_open(const char *directory, const char *cleaning,
                                            osprey__piece_tokenizer **tokenizer,
                                            osprey__tokenizer_files *files, osprey_error *error);

/*
 * XLM-RoBERTa's or RoBERTa's, from root, which is tokenizer.json, or what stands for it, at path in
 * directory, and the same two files for the special tokens; lower case is none of transformers'
 * XLMRobertaTokenizer. files has those of root, to which these are added. Texts are not filled up.
 * RoBERTa's lose the white space around them, as sentence-transformers does it. The rest as above.
 */
osprey_status osprey__roberta_tokenizer_open(const json_t *root, const char *path,
                                             const char *directory, const char *cleaning,
                                             osprey__piece_tokenizer **tokenizer,
                                             osprey__tokenizer_files *files, osprey_error *error);

#endif
