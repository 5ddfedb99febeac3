/* SPDX-License-Identifier: Apache-2.0 */
/* BERT's tokenizer from the files of a Hugging Face directory. */
#ifndef OSPREY_INPUT_TEXT_BERT_FILES_H
#define OSPREY_INPUT_TEXT_BERT_FILES_H

#include "input/text/tokenizer_files.h"
#include "input/text/wordpiece.h"

/*
 * vocab.txt with the options of tokenizer_config.json where it is there, else tokenizer.json.
 * Errors: OSPREY_NOT_FOUND (neither vocab.txt nor tokenizer.json), OSPREY_UNSUPPORTED (a tokenizer,
 * or a step of one, that is not BERT's), OSPREY_FORMAT, OSPREY_IO, OSPREY_LIMIT,
 * OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__wordpiece_open_directory(const char *directory, osprey__wordpiece **tokenizer,
                                               osprey__tokenizer_files *files, osprey_error *error);

#endif
