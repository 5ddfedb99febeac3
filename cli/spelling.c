/* SPDX-License-Identifier: Apache-2.0 */
#include "spelling.h"

#include <string.h>

#define LONGEST_WORD 63

size_t cli_word_near(const char *word)
{
    /* Two neighbours exchanged count as two; of a short word, some has to be right. */
    return strnlen(word, 4) / 2;
}

size_t cli_word_distance(const char *a, const char *b)
{
    size_t a_bytes = strnlen(a, LONGEST_WORD), b_bytes = strnlen(b, LONGEST_WORD);
    size_t row[LONGEST_WORD + 1]; /* row[j]: from the part of a so far to b's first j */
    for (size_t j = 0; j <= b_bytes; j++) row[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_bytes];
}
