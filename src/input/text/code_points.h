/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as Unicode code points, and the normalisations that tokenizers do to them. Tables are
 * utf8proc's (Unicode 15.0 in version 2.8). Any thread may call; a list belongs to one thread.
 *
 * Compared over all code points with tokenizers 0.23.3 by tests/golden/compare_unicode.py: NFC is
 * the same. 5004 code points that Unicode assigned after 15.0 (among them CJK extension I,
 * 2EBF0-2EE5D, and Egyptian hieroglyphs A, 13460-143FA) are letters and numbers there but not here,
 * and the 55 capitals among them keep their case. A newer utf8proc knows them by itself.
 */
#ifndef OSPREY_INPUT_TEXT_CODE_POINTS_H
#define OSPREY_INPUT_TEXT_CODE_POINTS_H

#include "base/buffer.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise, append, free. `at` is NULL only before the first use. */
typedef struct osprey__code_points {
    int32_t *at;
    size_t count;
    size_t capacity;
} osprey__code_points;

typedef enum osprey__code_point_class {
    OSPREY__OTHER,
    OSPREY__LETTER, /* \p{L} */
    OSPREY__NUMBER, /* \p{N} */
    OSPREY__SPACE,  /* \s */
} osprey__code_point_class;

osprey__code_point_class osprey__code_point_classify(int32_t code_point);

/* ASCII's punctuation and symbols, and \p{P}: what BERT's tokenizer splits at. */
bool osprey__code_point_is_punctuation(int32_t code_point);

/* Control, format and private characters, NUL and U+FFFD: what BERT's tokenizer leaves out. */
bool osprey__code_point_is_dropped(int32_t code_point);

#define OSPREY__CODE_POINT_BYTES 4 /* at most, in UTF-8 */

/* Bytes of the character that begins so, in valid UTF-8. */
static inline size_t osprey__utf8_length(uint8_t lead)
{
    return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* The character in UTF-8; returns its length. */
size_t osprey__code_point_encode(int32_t code_point, uint8_t bytes[OSPREY__CODE_POINT_BYTES]);

osprey_status osprey__code_points_append(osprey__code_points *points, const int32_t *more,
                                         size_t count, osprey_error *error);

/*
 * Appends text, in UTF-8. Each longest beginning of a character that does not go on as one (Unicode
 * 3.9, "maximal subpart") becomes one U+FFFD, as in Python's bytes.decode("utf-8", "replace").
 */
osprey_status osprey__code_points_decode(osprey__code_points *points, const char *text,
                                         size_t text_bytes, osprey_error *error);

/*
 * Replaces normal's contents by count code points after NFC, every run of white space made one
 * space, and lower case (of single code points: no final sigma).
 */
osprey_status osprey__code_points_normalize(osprey__code_points *normal, const int32_t *points,
                                            size_t count, osprey_error *error);

/* Appends count code points after NFD without non-spacing marks (\p{Mn}). */
osprey_status osprey__code_points_strip_accents(osprey__code_points *normal, const int32_t *points,
                                                size_t count, osprey_error *error);

/* Appends count code points to bytes, in UTF-8. */
osprey_status osprey__code_points_print(const int32_t *points, size_t count, osprey__buffer *bytes,
                                        osprey_error *error);

/* A sigma that ends a word has a lower case of its own; Python's str.lower knows it, tokenizers'
 * Lowercase does not. Makes these sigmas small, in place. */
void osprey__code_points_lower_final_sigmas(osprey__code_points *points);

/* The length of the first grapheme cluster (UAX 29) of count > 0 code points. */
size_t osprey__code_points_grapheme(const int32_t *points, size_t count);

/* Lower case, of single code points. */
osprey_status osprey__code_points_lower(osprey__code_points *points, osprey_error *error);

void osprey__code_points_free(osprey__code_points *points);

#endif
