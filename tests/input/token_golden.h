/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with their ids, as make_tokenizer_golden.py and make_wordpiece_golden.py wrote them. */
#ifndef OSPREY_TESTS_TOKEN_GOLDEN_H
#define OSPREY_TESTS_TOKEN_GOLDEN_H

#include <osprey/tokenizer.h>

#include <stddef.h>
#include <stdint.h>

/* Encodes the text and fails where it gets other ids. */
void token_golden_assert_ids(const osprey_tokenizer *tokenizer, const char *text, size_t text_bytes,
                             const int32_t *ids, size_t count, size_t capacity);

/* Encodes each text of the file and returns how many there were. */
size_t token_golden_check(const osprey_tokenizer *tokenizer, const char *path);

#endif
