/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What open_clip's HFTokenizer does to a text before its tokenizer sees it, by the name in
 * "tokenizer_kwargs": white space at the ends goes, and each run of it becomes one space
 * ("whitespace"); then lower case ("lower"), or before that underlines become spaces, ASCII
 * punctuation goes and letters become lower case ("canonicalize"). Repairs by ftfy and HTML's
 * entities, which come first there, are left to the caller.
 */
#ifndef OSPREY_INPUT_TEXT_TEXT_CLEANING_H
#define OSPREY_INPUT_TEXT_TEXT_CLEANING_H

#include "input/text/text_steps.h"

/* Adds the steps of that name. Errors: OSPREY_UNSUPPORTED (another name; file is what the error
 * names), OSPREY_LIMIT, OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__text_cleaning_add(osprey__text_steps *steps, const char *name,
                                        const char *file, osprey_error *error);

/* No white space stays at the ends. */
osprey_status osprey__text_cleaning_add_strip(osprey__text_steps *steps, const char *file,
                                              osprey_error *error);

/* Each run of white space, as Python knows it, becomes one space; none stays at the ends. */
osprey_status osprey__text_cleaning_add_spaces(osprey__text_steps *steps, const char *file,
                                               osprey_error *error);

#endif
