/* SPDX-License-Identifier: Apache-2.0 */
#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"
#include "input/text/piece_tokenizer.h"
#include "input/text/stored_tokenizer.h"
#include "input/text/token_map.h"

#include <math.h>
#include <string.h>

#define NO_ID          UINT32_MAX /* how -1 is stored */
#define CODE_POINT_MAX 0x10ffffu
#define PIECE_BYTES    16 /* at least, of a unigram piece */

static osprey_status put(osprey__buffer *out, uint64_t number, osprey_error *error)
{
    return osprey__buffer_number(out, number, 4, error);
}

static osprey_status put_double(osprey__buffer *out, double number, osprey_error *error)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return osprey__buffer_number(out, bits, 8, error);
}

static osprey_status put_unigram(osprey__buffer *out, const osprey__unigram *model,
                                 osprey_error *error)
{
    OSPREY_TRY(put(out, model->count, error));
    OSPREY_TRY(put(out, (uint32_t)model->unknown_id, error));
    OSPREY_TRY(put(out, model->single, error));
    OSPREY_TRY(put_double(out, model->unknown_score, error));
    for (size_t i = 0; i < model->count; i++) {
        const osprey__unigram_piece *piece = &model->pieces[i];
        OSPREY_TRY(put(out, (uint32_t)piece->id, error));
        OSPREY_TRY(put_double(out, piece->score, error));
        OSPREY_TRY(put(out, piece->length, error));
        OSPREY_TRY(osprey__buffer_append(out, piece->bytes, piece->length, error));
    }
    return OSPREY_OK;
}

static osprey_status put_merges(osprey__buffer *out, const osprey__piece_merges *bpe,
                                osprey_error *error)
{
    OSPREY_TRY(put(out, (uint32_t)bpe->unknown_id, error));
    OSPREY_TRY(put(out, bpe->fuses_unknown, error));
    for (size_t i = 0; i < 256; i++) OSPREY_TRY(put(out, (uint32_t)bpe->bytes[i], error));
    OSPREY_TRY(put(out, bpe->count, error));
    for (size_t i = 0; i < bpe->count; i++) {
        OSPREY_TRY(put(out, (uint32_t)bpe->characters[i].character, error));
        OSPREY_TRY(put(out, (uint32_t)bpe->characters[i].id, error));
    }
    return osprey__bpe_merges_store(&bpe->merges, out, error);
}

static osprey_status put_added(osprey__buffer *out, const osprey__added_token *token,
                               osprey_error *error)
{
    OSPREY_TRY(put(out, (uint32_t)token->id, error));
    OSPREY_TRY(put(out, token->normalized, error));
    OSPREY_TRY(put(out, token->strips_left, error));
    OSPREY_TRY(put(out, token->strips_right, error));
    OSPREY_TRY(put(out, token->content.count, error));
    for (size_t i = 0; i < token->content.count; i++)
        OSPREY_TRY(put(out, (uint32_t)token->content.at[i], error));
    return OSPREY_OK;
}

osprey_status osprey__piece_tokenizer_store(const osprey__piece_tokenizer *tokenizer,
                                            osprey__buffer *bytes, osprey_error *error)
{
    if (tokenizer->cleaning.count)
        OSPREY_TRY(osprey__text_steps_store(&tokenizer->cleaning, bytes, error));
    OSPREY_TRY(put(bytes, tokenizer->vocabulary, error));
    OSPREY_TRY(put(bytes, (uint32_t)tokenizer->start_id, error));
    OSPREY_TRY(put(bytes, (uint32_t)tokenizer->end_id, error));
    OSPREY_TRY(put(bytes, (uint32_t)tokenizer->pad_id, error));
    OSPREY_TRY(put(bytes, tokenizer->is_unigram, error));
    OSPREY_TRY(put(bytes, tokenizer->split, error));
    OSPREY_TRY(put(bytes, tokenizer->leads, error));
    OSPREY_TRY(put(bytes, tokenizer->ends_once, error));
    OSPREY_TRY(put(bytes, tokenizer->hidden, error));
    OSPREY_TRY(osprey__text_steps_store(&tokenizer->steps, bytes, error));
    OSPREY_TRY(tokenizer->is_unigram ? put_unigram(bytes, &tokenizer->unigram, error)
                                     : put_merges(bytes, &tokenizer->bpe, error));
    OSPREY_TRY(put(bytes, tokenizer->added_count, error));
    for (size_t i = 0; i < tokenizer->added_count; i++)
        OSPREY_TRY(put_added(bytes, &tokenizer->added[i], error));
    return OSPREY_OK;
}

typedef struct loading {
    osprey__byte_cursor at;
    osprey__piece_tokenizer *tokenizer;
    const char *file;
    osprey_error *error;
} loading;

static osprey_status damaged(const loading *in)
{
    return osprey__stored_tokenizer_damaged(in->file, in->error);
}

static osprey_status take(loading *in, uint64_t most, size_t *number)
{
    uint64_t value;
    *number = 0;
    if (!osprey__cursor_number(&in->at, 4, false, &value) || value > most) return damaged(in);
    *number = (size_t)value;
    return OSPREY_OK;
}

static osprey_status take_bool(loading *in, bool *yes)
{
    size_t number;
    OSPREY_TRY(take(in, 1, &number));
    *yes = number == 1;
    return OSPREY_OK;
}

/* An id of the vocabulary, or -1 where there may be none. */
static osprey_status take_id(loading *in, bool may_lack, int32_t *id)
{
    size_t number;
    OSPREY_TRY(take(in, NO_ID, &number));
    const bool none = may_lack && number == NO_ID;
    if (!none && number >= in->tokenizer->vocabulary) return damaged(in);
    *id = none ? -1 : (int32_t)number;
    return OSPREY_OK;
}

static osprey_status take_double(loading *in, double *number)
{
    uint64_t bits;
    if (!osprey__cursor_number(&in->at, 8, false, &bits)) return damaged(in);
    memcpy(number, &bits, sizeof bits);
    return isfinite(*number) ? OSPREY_OK : damaged(in);
}

static osprey_status take_piece(loading *in, osprey__unigram_piece *piece)
{
    size_t length;
    OSPREY_TRY(take_id(in, false, &piece->id));
    OSPREY_TRY(take_double(in, &piece->score));
    OSPREY_TRY(take(in, OSPREY__TOKEN_BYTES_LIMIT, &length));
    piece->length = (uint32_t)length;
    piece->bytes = (const char *)osprey__cursor_take(&in->at, length);
    return length && piece->bytes ? OSPREY_OK : damaged(in);
}

static osprey_status take_unigram(loading *in)
{
    size_t count;
    int32_t unknown_id;
    bool single;
    double unknown_score;
    OSPREY_TRY(take(in, in->at.remaining / PIECE_BYTES, &count));
    OSPREY_TRY(take_id(in, false, &unknown_id));
    OSPREY_TRY(take_bool(in, &single));
    OSPREY_TRY(take_double(in, &unknown_score));
    osprey__unigram_piece *pieces = osprey__calloc(count + 1, sizeof *pieces);
    if (!pieces) return osprey__fail_memory(in->error, (count + 1) * sizeof *pieces);
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < count && status == OSPREY_OK; i++) status = take_piece(in, &pieces[i]);
    if (status == OSPREY_OK)
        status = osprey__unigram_create(&in->tokenizer->unigram, pieces, count, unknown_score,
                                        unknown_id, single, in->file, in->error);
    osprey__free(pieces);
    return status;
}

static osprey_status take_merges(loading *in)
{
    osprey__piece_merges *bpe = &in->tokenizer->bpe;
    size_t count, character;
    OSPREY_TRY(take_id(in, true, &bpe->unknown_id));
    OSPREY_TRY(take_bool(in, &bpe->fuses_unknown));
    for (size_t i = 0; i < 256; i++) {
        OSPREY_TRY(take_id(in, true, &bpe->bytes[i]));
        if ((bpe->bytes[i] < 0) != (bpe->bytes[0] < 0)) return damaged(in);
    }
    OSPREY_TRY(take(in, in->at.remaining / 8, &count));
    bpe->characters = osprey__calloc(count + 1, sizeof *bpe->characters);
    if (!bpe->characters)
        return osprey__fail_memory(in->error, (count + 1) * sizeof *bpe->characters);
    for (; bpe->count < count; bpe->count++) {
        OSPREY_TRY(take(in, CODE_POINT_MAX, &character));
        bpe->characters[bpe->count].character = (int32_t)character;
        OSPREY_TRY(take_id(in, false, &bpe->characters[bpe->count].id));
    }
    return osprey__bpe_merges_load(&bpe->merges, &in->at, in->tokenizer->vocabulary, in->file,
                                   in->error);
}

static osprey_status take_added(loading *in, osprey__added_token *token)
{
    size_t count, point;
    OSPREY_TRY(take_id(in, false, &token->id));
    OSPREY_TRY(take_bool(in, &token->normalized));
    OSPREY_TRY(take_bool(in, &token->strips_left));
    OSPREY_TRY(take_bool(in, &token->strips_right));
    OSPREY_TRY(take(in, OSPREY__TOKEN_BYTES_LIMIT, &count));
    if (!count || count > in->at.remaining / 4) return damaged(in);
    for (size_t i = 0; i < count; i++) {
        OSPREY_TRY(take(in, CODE_POINT_MAX, &point));
        const int32_t character = (int32_t)point;
        OSPREY_TRY(osprey__code_points_append(&token->content, &character, 1, in->error));
    }
    return OSPREY_OK;
}

static osprey_status load(loading *in, bool cleans)
{
    osprey__piece_tokenizer *tokenizer = in->tokenizer;
    size_t split, added;
    if (cleans)
        OSPREY_TRY(osprey__text_steps_load(&tokenizer->cleaning, &in->at, in->file, in->error));
    OSPREY_TRY(take(in, OSPREY__TOKEN_LIMIT, &tokenizer->vocabulary));
    OSPREY_TRY(take_id(in, true, &tokenizer->start_id));
    OSPREY_TRY(take_id(in, true, &tokenizer->end_id));
    OSPREY_TRY(take_id(in, true, &tokenizer->pad_id));
    OSPREY_TRY(take_bool(in, &tokenizer->is_unigram));
    OSPREY_TRY(take(in, OSPREY__SPLIT_AS_GPT2, &split));
    tokenizer->split = (osprey__word_split)split;
    OSPREY_TRY(take_bool(in, &tokenizer->leads));
    OSPREY_TRY(take_bool(in, &tokenizer->ends_once));
    OSPREY_TRY(take(in, OSPREY__TOKEN_BYTES_LIMIT, &tokenizer->hidden));
    OSPREY_TRY(osprey__text_steps_load(&tokenizer->steps, &in->at, in->file, in->error));
    OSPREY_TRY(tokenizer->is_unigram ? take_unigram(in) : take_merges(in));
    OSPREY_TRY(take(in, OSPREY__ADDED_TOKENS_MAX, &added));
    tokenizer->added = osprey__calloc(OSPREY__ADDED_TOKENS_MAX, sizeof *tokenizer->added);
    if (!tokenizer->added)
        return osprey__fail_memory(in->error, OSPREY__ADDED_TOKENS_MAX * sizeof *tokenizer->added);
    while (tokenizer->added_count < added)
        OSPREY_TRY(take_added(in, &tokenizer->added[tokenizer->added_count++]));
    return in->at.remaining ? damaged(in) : OSPREY_OK;
}

osprey_status osprey__piece_tokenizer_load(const void *bytes, size_t length, bool cleans,
                                           const char *file, osprey__piece_tokenizer **tokenizer,
                                           osprey_error *error)
{
    *tokenizer = osprey__calloc(1, sizeof **tokenizer);
    if (!*tokenizer) return osprey__fail_memory(error, sizeof **tokenizer);
    loading in = {osprey__cursor_over(bytes, length), *tokenizer, file, error};
    osprey_status status = load(&in, cleans);
    if (status == OSPREY_OK) return OSPREY_OK;
    osprey__piece_tokenizer_free(*tokenizer);
    *tokenizer = NULL;
    return status;
}
