/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/clip_bpe_build.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/clip_bpe.h"

#include <string.h>

size_t osprey__clip_byte_symbol(uint8_t byte, char symbol[2])
{
    /* Printable bytes stand for themselves, the others for 256, 257, ... in order. */
    unsigned point = byte;
    if (byte <= 0x20)
        point = 256u + byte;
    else if (byte >= 0x7f && byte <= 0xa0)
        point = 256u + 33 + (byte - 0x7fu);
    else if (byte == 0xad)
        point = 256u + 67;
    if (point < 0x80) {
        symbol[0] = (char)point;
        return 1;
    }
    symbol[0] = (char)(0xc0 | point >> 6);
    symbol[1] = (char)(0x80 | (point & 0x3f));
    return 2;
}

static osprey_status find_special(const osprey__token_map *map, const char *content,
                                  const char *role, int32_t *id, osprey_error *error)
{
    *id = osprey__token_map_find(map, content, strlen(content));
    if (*id >= 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, map->file,
                        "the %s token \"%.100s\" is not in the vocabulary", role, content);
}

osprey_status osprey__clip_bpe_begin(const osprey__token_map *map, size_t merge_count,
                                     const char *start, const char *end, const char *unknown,
                                     osprey__clip_bpe **tokenizer, osprey_error *error)
{
    *tokenizer = NULL;
    if (merge_count > OSPREY__TOKEN_LIMIT)
        return osprey__fail(error, OSPREY_LIMIT, map->file, "%zu merges; at most %zu are taken",
                            merge_count, OSPREY__TOKEN_LIMIT);
    osprey__clip_bpe *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    osprey_status status;
    int32_t unknown_id;
    OSPREY_TRY_GOTO(find_special(map, start, "start", &made->start_id, error));
    OSPREY_TRY_GOTO(find_special(map, end, "end", &made->end_id, error));
    OSPREY_TRY_GOTO(find_special(map, unknown, "unknown", &unknown_id, error));
    OSPREY_TRY_GOTO(osprey__bpe_merges_create(&made->merges, merge_count, error));
    made->vocabulary = map->id_bound;
    for (unsigned byte = 0; byte < 256; byte++) {
        char symbol[2 + sizeof OSPREY__CLIP_WORD_END];
        size_t length = osprey__clip_byte_symbol((uint8_t)byte, symbol);
        int32_t id = osprey__token_map_find(map, symbol, length);
        made->byte_ids[byte] = id >= 0 ? id : unknown_id;
        memcpy(symbol + length, OSPREY__CLIP_WORD_END, strlen(OSPREY__CLIP_WORD_END));
        id = osprey__token_map_find(map, symbol, length + strlen(OSPREY__CLIP_WORD_END));
        made->byte_end_ids[byte] = id >= 0 ? id : unknown_id;
    }
    *tokenizer = made;
    return OSPREY_OK;
fail:
    osprey__clip_bpe_free(made);
    return status;
}

static osprey_status unknown_part(const char *file, size_t number, const char *part, size_t length,
                                  osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "merge %zu: \"%.*s\" is not a token of the vocabulary", number,
                        (int)(length < 100 ? length : 100), part);
}

osprey_status osprey__clip_bpe_add_merge(osprey__clip_bpe *tokenizer, const osprey__token_map *map,
                                         const char *left, size_t left_length, const char *right,
                                         size_t right_length, const char *file, size_t number,
                                         osprey_error *error)
{
    char both[2 * OSPREY__TOKEN_BYTES_LIMIT];
    int32_t left_id = osprey__token_map_find(map, left, left_length);
    if (left_id < 0) return unknown_part(file, number, left, left_length, error);
    int32_t right_id = osprey__token_map_find(map, right, right_length);
    if (right_id < 0) return unknown_part(file, number, right, right_length, error);
    /* Both are tokens, so neither is longer than a token may be. */
    memcpy(both, left, left_length);
    memcpy(both + left_length, right, right_length);
    int32_t id = osprey__token_map_find(map, both, left_length + right_length);
    if (id < 0) return unknown_part(file, number, both, left_length + right_length, error);
    osprey__bpe_merges_insert(&tokenizer->merges, left_id, right_id, (uint32_t)number, id);
    return OSPREY_OK;
}

/* Sets made[id] for each id that a text can become. */
static void mark_made(const osprey__clip_bpe *tokenizer, bool *made)
{
    for (size_t i = 0; i < tokenizer->merges.count; i++) made[tokenizer->merges.at[i].id] = true;
    for (size_t byte = 0; byte < 256; byte++)
        made[tokenizer->byte_ids[byte]] = made[tokenizer->byte_end_ids[byte]] = true;
    for (size_t i = 0; i < tokenizer->added_count; i++) made[tokenizer->added[i].id] = true;
    made[tokenizer->start_id] = made[tokenizer->end_id] = true;
}

osprey_status osprey__clip_bpe_check_merges(const osprey__clip_bpe *tokenizer,
                                            const osprey__token_map *map, const char *file,
                                            osprey_error *error)
{
    bool *made = osprey__calloc(tokenizer->vocabulary, sizeof *made);
    if (!made) return osprey__fail_memory(error, tokenizer->vocabulary * sizeof *made);
    mark_made(tokenizer, made);
    const osprey__token_map_slot *first = NULL;
    for (size_t i = 0; i <= map->mask; i++) {
        const osprey__token_map_slot *slot = &map->slots[i];
        if (slot->bytes && !made[slot->id] && (!first || slot->id < first->id)) first = slot;
    }
    osprey__free(made);
    if (!first) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "no merge makes token %d, \"%.*s\", of %.200s: merges are missing, or the "
                        "two files are not of one tokenizer",
                        first->id, (int)(first->length < 60 ? first->length : 60), first->bytes,
                        map->file);
}

/* The token's content as it is looked for. */
static osprey_status read_content(osprey__code_points *content, const char *text, size_t length,
                                  bool normalized, osprey_error *error)
{
    osprey__code_points raw = {0};
    OSPREY_TRY(osprey__code_points_decode(&raw, text, length, error));
    if (!normalized) {
        *content = raw;
        return OSPREY_OK;
    }
    osprey_status status = osprey__code_points_normalize(content, raw.at, raw.count, error);
    osprey__code_points_free(&raw);
    if (status != OSPREY_OK) osprey__code_points_free(content);
    return status;
}

osprey_status osprey__clip_bpe_add_token(osprey__clip_bpe *tokenizer, const char *content,
                                         size_t length, int32_t id, bool normalized,
                                         const char *file, osprey_error *error)
{
    if (length == 0) return OSPREY_OK;
    if (length > OSPREY__TOKEN_BYTES_LIMIT || tokenizer->added_count == OSPREY__ADDED_TOKENS_MAX)
        return osprey__fail(error, OSPREY_LIMIT, file,
                            "more than %zu added tokens, or one of more than %zu bytes",
                            OSPREY__ADDED_TOKENS_MAX, OSPREY__TOKEN_BYTES_LIMIT);
    osprey__added_token token = {.id = id, .normalized = normalized};
    OSPREY_TRY(read_content(&token.content, content, length, normalized, error));
    for (size_t i = 0; i < tokenizer->added_count; i++) {
        osprey__added_token *other = &tokenizer->added[i];
        if (other->id != id) continue;
        osprey__code_points_free(&other->content);
        *other = token;
        return OSPREY_OK;
    }
    osprey__added_token *grown =
        osprey__realloc(tokenizer->added, tokenizer->added_count + 1, sizeof *grown);
    if (!grown) {
        osprey__code_points_free(&token.content);
        return osprey__fail_memory(error, (tokenizer->added_count + 1) * sizeof *grown);
    }
    tokenizer->added = grown;
    tokenizer->added[tokenizer->added_count++] = token;
    return OSPREY_OK;
}

void osprey__clip_bpe_free(osprey__clip_bpe *tokenizer)
{
    if (!tokenizer) return;
    osprey__added_tokens_free(tokenizer->added, tokenizer->added_count);
    osprey__bpe_merges_free(&tokenizer->merges);
    osprey__free(tokenizer);
}
