/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as lists of ids, random and alike, for the tests of what texts share. */
#ifndef OSPREY_TESTS_TEXT_LISTS_H
#define OSPREY_TESTS_TEXT_LISTS_H

#include "session/session_data.h"
#include "session/text_trie.h"

enum {
    END = 673, /* of the golden models but one, and the highest id of all */
    MOST_TEXTS = OSPREY__TEXTS_SORTED + 300,
    MOST_IDS = MOST_TEXTS * 77,
};

/* Texts with their ids one after the other. */
typedef struct text_list {
    int32_t *ids;
    size_t *lengths;
    size_t count, id_count;
} text_list;

size_t random_below(size_t bound);

/* Empty, with room for MOST_TEXTS. */
text_list text_list_new(void);
void text_list_free(text_list *list);

/* `length` ids below alphabet, the last of which is END. */
void text_list_add(text_list *list, size_t length, size_t alphabet);

/* Appends the first `length` tokens of text `of`, with an end. */
void text_list_add_prefix(text_list *list, const int32_t *of, size_t length);

/* The list's texts for the trie, in a block that the caller frees, with as many spare ones. */
osprey__text *text_list_texts(const text_list *list);

/* Different non-empty beginnings of all texts: the fewest rows that can be. */
size_t count_beginnings(const osprey__text *sorted, size_t count);

#endif
