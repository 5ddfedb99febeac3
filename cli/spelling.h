/* SPDX-License-Identifier: Apache-2.0 */
/* Which valid word a misspelt one is nearest to. */
#ifndef OSPREY_CLI_SPELLING_H
#define OSPREY_CLI_SPELLING_H

#include <stddef.h>

/* Insertions, deletions and replacements that lead from one word to the other. Only the first 63
 * bytes count. */
size_t cli_word_distance(const char *a, const char *b);

/* The distance up to which another word may be what was meant. */
size_t cli_word_near(const char *word);

#endif
