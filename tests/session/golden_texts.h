/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A golden model's texts with their ids, and what else the maker of tests/golden wrote of it: a
 * JSON object with "texts", an array of {"text", "ids"}.
 */
#ifndef OSPREY_TESTS_GOLDEN_TEXTS_H
#define OSPREY_TESTS_GOLDEN_TEXTS_H

#include <osprey/osprey.h>

#include <jansson.h>
#include <stddef.h>

typedef struct golden_texts {
    json_t *expected; /* owns the texts */
    const char *texts[16];
    size_t count;
} golden_texts;

/* Ends the running cmocka test where the file is not there or has more texts. */
golden_texts read_golden_texts(const char *path);

/* The model's tokenizer has to give the golden ids. */
void check_golden_ids(const golden_texts *golden, const osprey_model *model);

void free_golden_texts(golden_texts *golden);

#endif
