/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/added_tokens.h"

#include "base/memory.h"

#include <string.h>

/* The longest token of that kind at the front of text, or NULL. */
static const osprey__added_token *match(const osprey__added_token *tokens, size_t count,
                                        const int32_t *text, size_t length, bool normalized)
{
    const osprey__added_token *longest = NULL;
    for (size_t i = 0; i < count; i++) {
        const osprey__added_token *token = &tokens[i];
        const osprey__code_points *content = &token->content;
        if (content->at[0] != text[0] || token->normalized != normalized) continue;
        if (content->count > length || (longest && content->count <= longest->content.count))
            continue;
        if (memcmp(content->at, text, content->count * sizeof *text) == 0) longest = token;
    }
    return longest;
}

static bool is_space(int32_t point)
{
    return osprey__code_point_classify(point) == OSPREY__SPACE;
}

osprey__added_match osprey__added_tokens_find(const osprey__added_token *tokens, size_t count,
                                              const int32_t *text, size_t length, size_t from,
                                              bool normalized)
{
    for (size_t at = from; at < length; at++) {
        const osprey__added_token *token = match(tokens, count, text + at, length - at, normalized);
        if (!token) continue;
        osprey__added_match found = {token, at, at + token->content.count};
        while (token->strips_left && found.begin > from && is_space(text[found.begin - 1]))
            found.begin--;
        while (token->strips_right && found.end < length && is_space(text[found.end])) found.end++;
        return found;
    }
    return (osprey__added_match){0};
}

void osprey__added_tokens_free(osprey__added_token *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++) osprey__code_points_free(&tokens[i].content);
    osprey__free(tokens);
}
