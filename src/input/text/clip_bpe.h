/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes CLIP's tokenizer, from the files of a model or from CLIP's own vocabulary, which is
 * compiled in. Any thread may call. The caller frees *tokenizer with osprey__tokenizer_free.
 *
 *     osprey__tokenizer_files files;
 *     osprey_status status =
 *         osprey__tokenizer_open_directory("models/clip", &tokenizer, &files, &error);
 *     if (status == OSPREY_NOT_FOUND) status = osprey__tokenizer_builtin(&tokenizer, &error);
 */
#ifndef OSPREY_INPUT_TEXT_CLIP_BPE_H
#define OSPREY_INPUT_TEXT_CLIP_BPE_H

#include <osprey/error.h>
#include <osprey/tokenizer.h>

#include <stddef.h>

/* Names of the files that a tokenizer was made from, within their directory; static storage. */
typedef struct osprey__tokenizer_files {
    const char *names[4];
    size_t count;
} osprey__tokenizer_files;

/*
 * Takes what lies in directory: tokenizer.json, else vocab.json with merges.txt; and for the
 * special tokens special_tokens_map.json and tokenizer_config.json, where they are there. Errors:
 * OSPREY_NOT_FOUND (neither tokenizer.json nor vocab.json nor merges.txt), OSPREY_UNSUPPORTED (a
 * tokenizer, or a step of one, that is not CLIP's), OSPREY_FORMAT (malformed, or one of the two
 * files is missing, or files contradict each other), OSPREY_IO, OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__tokenizer_open_directory(const char *directory, osprey_tokenizer **tokenizer,
                                               osprey__tokenizer_files *files, osprey_error *error);

/* The 49408 tokens of CLIP as published, as open_clip's SimpleTokenizer numbers them. */
osprey_status osprey__tokenizer_builtin(osprey_tokenizer **tokenizer, osprey_error *error);

/* Takes NULL. */
void osprey__tokenizer_free(osprey_tokenizer *tokenizer);

#endif
