/* SPDX-License-Identifier: Apache-2.0 */
/* The tokenizer of a BERT text tower, BERT's own, XLM-RoBERTa's or RoBERTa's, from the files of a
 * Hugging Face directory. */
#ifndef OSPREY_INPUT_TEXT_BERT_FILES_H
#define OSPREY_INPUT_TEXT_BERT_FILES_H

#include "input/text/piece_tokenizer.h"
#include "input/text/tokenizer_files.h"
#include "input/text/wordpiece.h"

/* One of the two; the caller frees it. */
typedef struct osprey__bert_tokenizer {
    osprey__wordpiece *wordpiece;
    osprey__piece_tokenizer *pieces;
} osprey__bert_tokenizer;

/*
 * vocab.txt with the options of tokenizer_config.json where it is there, else tokenizer.json, which
 * tells its kind, else RoBERTa's vocab.json with merges.txt. With a cleaning (text_cleaning.h; else
 * it is empty), as open_clip has it, no WordPiece. On failure both are NULL. Errors:
 * OSPREY_NOT_FOUND (none of the files), OSPREY_UNSUPPORTED (a tokenizer, or a step of one, that is
 * none of theirs), OSPREY_FORMAT, OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__bert_files_open(const char *directory, const char *cleaning,
                                      osprey__bert_tokenizer *tokenizer,
                                      osprey__tokenizer_files *files, osprey_error *error);

#endif
