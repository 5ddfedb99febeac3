/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/added_tokens.h"

#include "base/memory.h"
#include "base/status.h"

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

/* A token in a text, from begin to before end, with the white space that it takes along. */
typedef struct added_match {
    const osprey__added_token *token; /* NULL: there is none */
    size_t begin, end;
} added_match;

/* The first place at or behind `from` where tokens of that kind begin, and the longest of them. */
static added_match find(const osprey__added_token *tokens, size_t count, bool normalized,
                        osprey__text_span text, size_t from)
{
    for (size_t at = from; at < text.count; at++) {
        const osprey__added_token *token =
            match(tokens, count, text.at + at, text.count - at, normalized);
        if (!token) continue;
        added_match found = {token, at, at + token->content.count};
        while (token->strips_left && found.begin > from && is_space(text.at[found.begin - 1]))
            found.begin--;
        while (token->strips_right && found.end < text.count && is_space(text.at[found.end]))
            found.end++;
        return found;
    }
    return (added_match){0};
}

bool osprey__token_ids_full(const osprey__token_ids *to)
{
    return to->count == to->capacity;
}

void osprey__token_ids_put(osprey__token_ids *to, const int32_t *ids, size_t count)
{
    const size_t taken = osprey__smaller(count, to->capacity - to->count);
    memcpy(to->ids + to->count, ids, taken * sizeof *ids);
    to->count += taken;
}

osprey_status osprey__added_tokens_split(const osprey__added_token *tokens, size_t count,
                                         bool normalized, osprey__text_span text,
                                         osprey__token_ids *ids, osprey__encode_between *encode,
                                         void *context)
{
    size_t begin = 0;
    while (!osprey__token_ids_full(ids)) {
        const added_match found = find(tokens, count, normalized, text, begin);
        if (!found.token) break;
        OSPREY_TRY(encode(context, (osprey__text_span){text.at + begin, found.begin - begin}));
        osprey__token_ids_put(ids, &found.token->id, 1);
        begin = found.end;
    }
    return encode(context, (osprey__text_span){text.at + begin, text.count - begin});
}

void osprey__added_tokens_free(osprey__added_token *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++) osprey__code_points_free(&tokens[i].content);
    osprey__free(tokens);
}
