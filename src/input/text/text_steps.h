/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tokenizers of SentencePiece's kind do to a text before it is cut into pieces: a list of
 * steps, one after the other. Not changed once it is made; any thread may call.
 */
#ifndef OSPREY_INPUT_TEXT_TEXT_STEPS_H
#define OSPREY_INPUT_TEXT_TEXT_STEPS_H

#include "base/buffer.h"
#include "base/byte_cursor.h"
#include "input/text/charsmap.h"
#include "input/text/code_points.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__UNDERLINE 0x2581 /* SentencePiece's sign for a space */

typedef enum osprey__text_step_kind {
    OSPREY__STEP_LOWER,       /* of single characters */
    OSPREY__STEP_LOWER_WORDS, /* of words, as Python's str.lower */
    OSPREY__STEP_REMOVE,      /* the ASCII characters of `set` */
    OSPREY__STEP_SPACES,      /* each run of white space, of at least `count`, becomes `to` */
    OSPREY__STEP_STRIP,       /* white space at the beginning and the end, as flags say */
    OSPREY__STEP_REPLACE,     /* each `from` by `to` */
    OSPREY__STEP_PREPEND,     /* `to`, before a text that is not empty; unless it begins so already,
                                 where a flag says */
    OSPREY__STEP_CHARSMAP,    /* the charsmap, as tokenizers' Precompiled applies it */
    OSPREY__STEP_SENTENCEPIECE /* SentencePiece's own normalisation: the charsmap, flags, and spaces
                                  to underlines */
} osprey__text_step_kind;

enum {
    OSPREY__STEP_LEFT = 1,         /* strip */
    OSPREY__STEP_RIGHT = 2,        /* strip */
    OSPREY__STEP_UNLESS_THERE = 1, /* prepend */
    OSPREY__STEP_BLANKS = 1,       /* spaces: of U+0020 alone, not of other white space */
    OSPREY__STEP_DUMMY_PREFIX = 1, /* sentencepiece: a space before the text */
    OSPREY__STEP_EXTRA_SPACES = 2, /* sentencepiece: spaces at the ends, and repeated ones, go */
    OSPREY__STEP_SEPARATORS = 4, /* spaces, strip: U+001C to U+001F are white space, as to Python */
};

#define OSPREY__STEP_TEXT_MAX 64 /* code points of from and to */
#define OSPREY__STEPS_MAX     32

typedef struct osprey__text_step {
    osprey__text_step_kind kind;
    uint32_t flags, count;
    uint32_t set[4]; /* a bit a character below 128 */
    int32_t from[OSPREY__STEP_TEXT_MAX], to[OSPREY__STEP_TEXT_MAX];
    uint32_t from_count, to_count;
} osprey__text_step;

/* Zero-initialise. */
typedef struct osprey__text_steps {
    osprey__text_step *list; /* [OSPREY__STEPS_MAX], or NULL while it is empty */
    size_t count;
    osprey__charsmap charsmap;
} osprey__text_steps;

/* Errors: OSPREY_LIMIT (file is named), OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__text_steps_add(osprey__text_steps *steps, const osprey__text_step *step,
                                     const char *file, osprey_error *error);

/* ASCII's punctuation and symbols, Python's string.punctuation, as a set. */
void osprey__text_step_punctuation(uint32_t set[4]);

/* Does the steps to the text, in place. Errors: OSPREY_LIMIT (it becomes more than 64 times as
 * long), OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__text_steps_run(const osprey__text_steps *steps, osprey__code_points *text,
                                     osprey_error *error);

/* For an engine. Load: OSPREY_FORMAT where the bytes are damaged; file is what errors name. */
osprey_status osprey__text_steps_store(const osprey__text_steps *steps, osprey__buffer *bytes,
                                       osprey_error *error);
osprey_status osprey__text_steps_load(osprey__text_steps *steps, osprey__byte_cursor *at,
                                      const char *file, osprey_error *error);

/* Takes zeroed ones. */
void osprey__text_steps_free(osprey__text_steps *steps);

#endif
