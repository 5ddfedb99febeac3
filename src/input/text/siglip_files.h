/* SPDX-License-Identifier: Apache-2.0 */
/* The files of SigLIP's and SigLIP 2's tokenizers. */
#ifndef OSPREY_INPUT_TEXT_SIGLIP_FILES_H
#define OSPREY_INPUT_TEXT_SIGLIP_FILES_H

#include "input/text/piece_tokenizer.h"
#include "input/text/tokenizer_files.h"

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

#endif
