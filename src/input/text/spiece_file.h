/* SPDX-License-Identifier: Apache-2.0 */
/* SentencePiece's own file of a unigram model, as transformers' SiglipTokenizer reads spiece.model:
 * a protocol buffer, sentencepiece_model.proto's ModelProto. */
#ifndef OSPREY_INPUT_TEXT_SPIECE_FILE_H
#define OSPREY_INPUT_TEXT_SPIECE_FILE_H

#include "input/text/piece_tokenizer.h"

/*
 * Into a zeroed tokenizer, which the caller frees, also on failure: the model and SigLIP's steps.
 * Lower case where lower_case says so. end and pad: contents of these tokens, which have to be
 * pieces. file is what errors name. Errors: OSPREY_FORMAT (damaged), OSPREY_UNSUPPORTED (no unigram
 * model, or an option of one), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__spiece_parse(const void *bytes, size_t length, const char *file,
                                   bool lower_case, const char *end, const char *pad,
                                   osprey__piece_tokenizer *tokenizer, osprey_error *error);

#endif
