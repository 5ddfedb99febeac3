/* SPDX-License-Identifier: Apache-2.0 */
/* The files of SigLIP's and SigLIP 2's tokenizers. */
#ifndef OSPREY_INPUT_TEXT_SIGLIP_FILES_H
#define OSPREY_INPUT_TEXT_SIGLIP_FILES_H

#include "input/text/piece_tokenizer.h"
#include "input/text/tokenizer_files.h"

/*
 * From what lies in directory: spiece.model, as transformers' SiglipTokenizer reads it, else
 * tokenizer.json; and tokenizer_config.json and special_tokens_map.json, for the padding and
 * whether texts are lower case, where they are there. The caller frees *tokenizer with
 * osprey__piece_tokenizer_free. Errors: OSPREY_NOT_FOUND (neither of the two), and those of
 * spiece_file.h and piece_tokenizer_json.h.
 */
osprey_status osprey__siglip_tokenizer_open(const char *directory,
                                            osprey__piece_tokenizer **tokenizer,
                                            osprey__tokenizer_files *files, osprey_error *error);

#endif
