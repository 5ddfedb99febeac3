/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a model's tokenizer, of whichever kind its files are. Any thread may call. The caller frees
 * *tokenizer with osprey__tokenizer_free.
 *
 *     osprey__tokenizer_files files;
 *     osprey_status status =
 *         osprey__tokenizer_open_directory("models/clip", &tokenizer, &files, &error);
 *     if (status == OSPREY_NOT_FOUND) status = osprey__tokenizer_builtin(&tokenizer, &error);
 */
#ifndef OSPREY_INPUT_TEXT_TEXT_TOKENIZER_H
#define OSPREY_INPUT_TEXT_TEXT_TOKENIZER_H

#include "base/buffer.h"
#include "input/text/tokenizer_files.h"
#include "input/text/wordpiece.h"

#include <osprey/error.h>
#include <osprey/tokenizer.h>

#include <stddef.h>

/*
 * CLIP's, from what lies in directory: tokenizer.json, else vocab.json with merges.txt; and for the
 * special tokens special_tokens_map.json and tokenizer_config.json, where they are there. Errors:
 * OSPREY_NOT_FOUND (neither tokenizer.json nor vocab.json nor merges.txt), OSPREY_UNSUPPORTED (a
 * tokenizer, or a step of one, that is not CLIP's), OSPREY_FORMAT (malformed, or one of the two
 * files is missing, or files contradict each other), OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__tokenizer_open_directory(const char *directory, osprey_tokenizer **tokenizer,
                                               osprey__tokenizer_files *files, osprey_error *error);

/* The 49408 tokens of CLIP as published, as open_clip's SimpleTokenizer numbers them. */
osprey_status osprey__tokenizer_builtin(osprey_tokenizer **tokenizer, osprey_error *error);

/* BERT's, XLM-RoBERTa's or RoBERTa's, from what lies in directory: see bert_files.h. */
osprey_status osprey__tokenizer_open_bert(const char *directory, const char *cleaning,
                                          osprey_tokenizer **tokenizer,
                                          osprey__tokenizer_files *files, osprey_error *error);

/* SigLIP's or SigLIP 2's, from what lies in directory: see piece_files.h. */
osprey_status osprey__tokenizer_open_siglip(const char *directory, const char *cleaning,
                                            osprey_tokenizer **tokenizer,
                                            osprey__tokenizer_files *files, osprey_error *error);

/* BERT's, from a file of its vocabulary, a token a line. Errors: OSPREY_NOT_FOUND, OSPREY_FORMAT,
 * OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__tokenizer_open_wordpiece(const char *path,
                                               const osprey__wordpiece_options *options,
                                               osprey_tokenizer **tokenizer, osprey_error *error);

/* Appends the tokenizer, for an engine. */
osprey_status osprey__tokenizer_store(const osprey_tokenizer *tokenizer, osprey__buffer *bytes,
                                      osprey_error *error);

/*
 * What was stored, from bytes that begin on a multiple of 8 and outlive the tokenizer; file is what
 * errors name. Every id is below the vocabulary's size afterwards.
 * Errors: OSPREY_FORMAT, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__tokenizer_load(const void *bytes, size_t length, const char *file,
                                     osprey_tokenizer **tokenizer, osprey_error *error);

/* Takes NULL. */
void osprey__tokenizer_free(osprey_tokenizer *tokenizer);

#endif
