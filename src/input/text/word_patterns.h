/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the patterns by which GPT-2's and CLIP's tokenizers split a text end a word. Any thread may
 * call.
 */
#ifndef OSPREY_INPUT_TEXT_WORD_PATTERNS_H
#define OSPREY_INPUT_TEXT_WORD_PATTERNS_H

#include "input/text/added_tokens.h"
#include "input/text/code_points.h"

#include <stddef.h>

/* Code points of literal, which is ASCII, at the front of text; 0 where text does not begin with
 * it. */
size_t osprey__match_literal(osprey__text_span text, const char *literal);

/* 's|'t|'re|'ve|'m|'ll|'d at the front of a text that is not empty; 0: none. */
size_t osprey__match_contraction(osprey__text_span text);

/* How many code points of one class a text that is not empty begins with. */
size_t osprey__match_class(osprey__text_span text, osprey__code_point_class *class);

/*
 * The first word of a text that is not empty, a blank before it included:
 * 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+, of which the first
 * that matches counts. (Radford et al., Language Models are Unsupervised Multitask Learners, 2019)
 */
size_t osprey__match_gpt2_word(osprey__text_span text);

#endif
