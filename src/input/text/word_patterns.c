/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/word_patterns.h"

#include <string.h>

size_t osprey__match_literal(osprey__text_span text, const char *literal)
{
    size_t length = strlen(literal);
    if (length > text.count) return 0;
    for (size_t i = 0; i < length; i++)
        if (text.at[i] != literal[i]) return 0;
    return length;
}

size_t osprey__match_contraction(osprey__text_span text)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    if (text.at[0] != '\'') return 0;
    for (size_t i = 0; i < sizeof contractions / sizeof *contractions; i++) {
        size_t length = osprey__match_literal(text, contractions[i]);
        if (length) return length;
    }
    return 0;
}

size_t osprey__match_class(osprey__text_span text, osprey__code_point_class *class)
{
    *class = osprey__code_point_classify(text.at[0]);
    size_t length = 1;
    while (length < text.count && osprey__code_point_classify(text.at[length]) == *class) length++;
    return length;
}

size_t osprey__match_gpt2_word(osprey__text_span text)
{
    osprey__code_point_class class;
    size_t length = osprey__match_contraction(text);
    if (length) return length;
    length = osprey__match_class(text, &class);
    if (class != OSPREY__SPACE || length == text.count) return length;
    /* The last white space before a word is not of the others, and a blank is the word's. */
    if (length > 1) return length - 1;
    if (text.at[0] != ' ') return 1;
    return 1 + osprey__match_class((osprey__text_span){text.at + 1, text.count - 1}, &class);
}
