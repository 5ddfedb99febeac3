/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tokenizer as bytes, for an engine: its tables as they are used, so that nothing is parsed.
 * docs/engine-format.md has the layout.
 */
#ifndef OSPREY_INPUT_TEXT_CLIP_BPE_STORE_H
#define OSPREY_INPUT_TEXT_CLIP_BPE_STORE_H

#include "base/buffer.h"
#include "input/text/clip_bpe.h"

#include <osprey/error.h>

#include <stddef.h>

/* Appends the tokenizer. */
osprey_status osprey__clip_bpe_store(const osprey__clip_bpe *tokenizer, osprey__buffer *bytes,
                                     osprey_error *error);

/*
 * file is what errors name. Every id is below the vocabulary's size afterwards. The caller frees
 * *tokenizer with osprey__clip_bpe_free. Errors: OSPREY_FORMAT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__clip_bpe_load(const void *bytes, size_t length, const char *file,
                                    osprey__clip_bpe **tokenizer, osprey_error *error);

#endif
