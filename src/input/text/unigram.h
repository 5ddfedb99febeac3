/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SentencePiece's unigram model (Kudo, "Subword Regularization", 2018): of all ways to cut a text
 * into pieces the one whose scores, logarithms of probabilities, have the largest sum. Not changed
 * once it is made; any thread may call.
 */
#ifndef OSPREY_INPUT_TEXT_UNIGRAM_H
#define OSPREY_INPUT_TEXT_UNIGRAM_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct osprey__unigram_piece {
    const char *bytes; /* not empty */
    uint32_t length;
    int32_t id;
    double score;
} osprey__unigram_piece;

/* Zero-initialise. */
typedef struct osprey__unigram {
    osprey__unigram_piece *pieces; /* sorted by their bytes; owned, as is */
    char *bytes;                   /* what they point into */
    size_t count;
    double unknown_score; /* of a character that is no piece */
    int32_t unknown_id;
    bool single; /* sums are rounded to floats, as SentencePiece itself has them; tokenizers'
                    are doubles */
} osprey__unigram;

#define OSPREY__UNIGRAM_PENALTY 10.0 /* of an unknown character, below the smallest score */

/* Copies count pieces. file is what errors name. Errors: OSPREY_FORMAT (a piece twice),
 * OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__unigram_create(osprey__unigram *model, const osprey__unigram_piece *pieces,
                                     size_t count, double unknown_score, int32_t unknown_id,
                                     bool single, const char *file, osprey_error *error);

/*
 * The ids of UTF-8 text, which the caller frees with osprey__free; neighbouring unknown characters
 * are one. Errors: OSPREY_LIMIT (4 GiB), OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__unigram_encode(const osprey__unigram *model, const char *text, size_t length,
                                     int32_t **ids, size_t *count, osprey_error *error);

/* The piece of these bytes, or -1. */
int32_t osprey__unigram_find(const osprey__unigram *model, const char *bytes, size_t length);

/* Takes a zeroed model. */
void osprey__unigram_free(osprey__unigram *model);

#endif
