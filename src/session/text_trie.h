/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of one run as rows of a trie: texts that begin alike share the rows of what they begin
 * with, and texts that are the same share all. A causal tower computes a row from those before it
 * in its text, so a shared row is the same for each text that has it.
 *
 * Rows are in depth-first order: each text adds its last rows, those that no text before it has.
 * That finds all there is to share where the texts come sorted.
 *
 * CoCa's texts end in a class token (class_position), which no two of them share. What no token may
 * see as a key there is what stands behind an id of 0, the padding's: OpenCLIP's mask lies one to
 * the right of its tokens, and CoCa was trained so. A text comes with the first 0 of its padding,
 * which can be seen; behind it the class token does not see itself, but behind a text that leaves
 * no room for padding it does.
 */
#ifndef OSPREY_SESSION_TEXT_TRIE_H
#define OSPREY_SESSION_TEXT_TRIE_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct osprey__text {
    const int32_t *ids; /* [length] */
    size_t length;      /* at least 1 */
    size_t pooled;      /* the token that the embedding is taken from; length: the class token */
    size_t place;       /* of its embedding among those of the call */
    size_t branch;      /* set by osprey__text_trie_add: whose result is this text's */
} osprey__text;

/* A branch is one of the different texts. */
typedef struct osprey__text_trie {
    size_t rows, branches;
    size_t row_capacity;   /* of the lists, also of those with an element a branch */
    size_t class_position; /* of a class token that ends every text, with id 0; 0: there is none */
    /* [rows] */
    int32_t *ids, *positions;
    float *key_bias;  /* of texts with a class token: 0, and -INFINITY where the row is no key */
    int32_t *parents; /* the row before it in its text; -1 for the first of a text */
    /* [branches] */
    int32_t *pooled; /* row */
    size_t *lengths; /* all of the text's rows, with its class token's */
    size_t *starts;  /* [branches + 1] the first of the rows that the branch adds */
    const osprey__text *last;
} osprey__text_trie;

/* Sorts by ids, those that are the same by place. spare: as many more. Allocates nothing. */
void osprey__texts_sort(osprey__text *texts, osprey__text *spare, size_t count);

/* Makes room for row_capacity rows. class_position: as in osprey__text_trie. The caller frees with
 * osprey__text_trie_free, also on failure. */
osprey_status osprey__text_trie_init(osprey__text_trie *trie, size_t row_capacity,
                                     size_t class_position, osprey_error *error);

/*
 * Adds a text, which has to stay where it is until the trie is cleared. Without share_prefixes only
 * texts that are the same share rows. False, with nothing changed, where the rows do not fit.
 */
bool osprey__text_trie_add(osprey__text_trie *trie, osprey__text *text, bool share_prefixes);

void osprey__text_trie_clear(osprey__text_trie *trie);

void osprey__text_trie_free(osprey__text_trie *trie);

#endif
