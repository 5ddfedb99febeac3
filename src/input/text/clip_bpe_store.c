/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/clip_bpe_store.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"
#include "input/text/clip_bpe_build.h"
#include "input/text/stored_tokenizer.h"

#define CODE_POINT_MAX 0x10ffffu

static osprey_status put_ids(osprey__buffer *out, const int32_t ids[256], osprey_error *error)
{
    for (size_t i = 0; i < 256; i++)
        OSPREY_TRY(osprey__buffer_number(out, (uint32_t)ids[i], 4, error));
    return OSPREY_OK;
}

static osprey_status put_added(osprey__buffer *out, const osprey__added_token *token,
                               osprey_error *error)
{
    OSPREY_TRY(osprey__buffer_number(out, (uint32_t)token->id, 4, error));
    OSPREY_TRY(osprey__buffer_number(out, token->normalized, 1, error));
    OSPREY_TRY(osprey__buffer_number(out, token->content.count, 4, error));
    for (size_t i = 0; i < token->content.count; i++)
        OSPREY_TRY(osprey__buffer_number(out, (uint32_t)token->content.at[i], 4, error));
    return OSPREY_OK;
}

osprey_status osprey__clip_bpe_store(const osprey__clip_bpe *tokenizer, osprey__buffer *bytes,
                                     osprey_error *error)
{
    OSPREY_TRY(osprey__buffer_number(bytes, tokenizer->vocabulary, 4, error));
    OSPREY_TRY(osprey__buffer_number(bytes, (uint32_t)tokenizer->start_id, 4, error));
    OSPREY_TRY(osprey__buffer_number(bytes, (uint32_t)tokenizer->end_id, 4, error));
    OSPREY_TRY(osprey__buffer_number(bytes, tokenizer->splits_special, 1, error));
    OSPREY_TRY(put_ids(bytes, tokenizer->byte_ids, error));
    OSPREY_TRY(put_ids(bytes, tokenizer->byte_end_ids, error));
    OSPREY_TRY(osprey__bpe_merges_store(&tokenizer->merges, bytes, error));
    OSPREY_TRY(osprey__buffer_number(bytes, tokenizer->added_count, 4, error));
    for (size_t i = 0; i < tokenizer->added_count; i++)
        OSPREY_TRY(put_added(bytes, &tokenizer->added[i], error));
    return OSPREY_OK;
}

typedef struct loading {
    osprey__byte_cursor at;
    osprey__clip_bpe *tokenizer;
    const char *file;
    osprey_error *error;
} loading;

static osprey_status damaged(const loading *in)
{
    return osprey__stored_tokenizer_damaged(in->file, in->error);
}

static osprey_status take(loading *in, size_t bytes, uint64_t most, uint64_t *number)
{
    *number = 0;
    if (!osprey__cursor_number(&in->at, bytes, false, number) || *number > most) return damaged(in);
    return OSPREY_OK;
}

static osprey_status take_id(loading *in, int32_t *id)
{
    uint64_t number;
    OSPREY_TRY(take(in, 4, in->tokenizer->vocabulary - 1, &number));
    *id = (int32_t)number;
    return OSPREY_OK;
}

static osprey_status take_added(loading *in, osprey__added_token *token)
{
    uint64_t normalized, count, code_point;
    OSPREY_TRY(take_id(in, &token->id));
    OSPREY_TRY(take(in, 1, 1, &normalized));
    token->normalized = normalized == 1;
    OSPREY_TRY(take(in, 4, OSPREY__TOKEN_BYTES_LIMIT, &count));
    if (!count || count > in->at.remaining / 4) return damaged(in);
    token->content.at = osprey__calloc((size_t)count, sizeof *token->content.at);
    if (!token->content.at)
        return osprey__fail_memory(in->error, (size_t)count * sizeof *token->content.at);
    token->content.capacity = (size_t)count;
    while (token->content.count < count) {
        OSPREY_TRY(take(in, 4, CODE_POINT_MAX, &code_point));
        token->content.at[token->content.count++] = (int32_t)code_point;
    }
    return OSPREY_OK;
}

static osprey_status load(loading *in)
{
    osprey__clip_bpe *tokenizer = in->tokenizer;
    uint64_t vocabulary, splits, added;
    OSPREY_TRY(take(in, 4, OSPREY__TOKEN_LIMIT, &vocabulary));
    if (!vocabulary) return damaged(in);
    tokenizer->vocabulary = (size_t)vocabulary;
    OSPREY_TRY(take_id(in, &tokenizer->start_id));
    OSPREY_TRY(take_id(in, &tokenizer->end_id));
    OSPREY_TRY(take(in, 1, 1, &splits));
    tokenizer->splits_special = splits == 1;
    for (size_t i = 0; i < 256; i++) OSPREY_TRY(take_id(in, &tokenizer->byte_ids[i]));
    for (size_t i = 0; i < 256; i++) OSPREY_TRY(take_id(in, &tokenizer->byte_end_ids[i]));
    OSPREY_TRY(osprey__bpe_merges_load(&tokenizer->merges, &in->at, tokenizer->vocabulary, in->file,
                                       in->error));
    OSPREY_TRY(take(in, 4, OSPREY__ADDED_TOKENS_MAX, &added));
    tokenizer->added = osprey__calloc((size_t)added, sizeof *tokenizer->added);
    if (!tokenizer->added)
        return osprey__fail_memory(in->error, (size_t)added * sizeof *tokenizer->added);
    while (tokenizer->added_count < added)
        OSPREY_TRY(take_added(in, &tokenizer->added[tokenizer->added_count++]));
    return in->at.remaining ? damaged(in) : OSPREY_OK;
}

osprey_status osprey__clip_bpe_load(const void *bytes, size_t length, const char *file,
                                    osprey__clip_bpe **tokenizer, osprey_error *error)
{
    *tokenizer = osprey__calloc(1, sizeof **tokenizer);
    if (!*tokenizer) return osprey__fail_memory(error, sizeof **tokenizer);
    loading in = {osprey__cursor_over(bytes, length), *tokenizer, file, error};
    osprey_status status = load(&in);
    if (status == OSPREY_OK) return OSPREY_OK;
    osprey__clip_bpe_free(*tokenizer);
    *tokenizer = NULL;
    return status;
}
