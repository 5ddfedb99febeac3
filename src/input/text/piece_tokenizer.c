/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/piece_tokenizer.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/token_map.h"
#include "input/text/word_patterns.h"

#include <string.h>

typedef struct encode_job {
    const osprey__piece_tokenizer *tokenizer;
    osprey__token_ids out; /* without room for the end token */
    osprey__buffer bytes;
    osprey__bpe_scratch merging;
    osprey_error *error;
} encode_job;

static osprey_status encode_unigram(encode_job *job, osprey__text_span word)
{
    int32_t *ids;
    size_t count;
    job->bytes.length = 0;
    OSPREY_TRY(osprey__code_points_print(word.at, word.count, &job->bytes, job->error));
    OSPREY_TRY(osprey__unigram_encode(&job->tokenizer->unigram, job->bytes.bytes, job->bytes.length,
                                      &ids, &count, job->error));
    const size_t hidden = count < job->tokenizer->hidden ? 0 : job->tokenizer->hidden;
    osprey__token_ids_put(&job->out, ids + hidden, count - hidden);
    osprey__free(ids);
    return OSPREY_OK;
}

static int32_t find_character(const osprey__piece_merges *bpe, int32_t character)
{
    size_t low = 0, high = bpe->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (bpe->characters[middle].character < character)
            low = middle + 1;
        else
            high = middle;
    }
    return low < bpe->count && bpe->characters[low].character == character ? bpe->characters[low].id
                                                                           : -1;
}

/* The ids that a character begins with, at ids[*count]; room for 4. */
static void put_character(const osprey__piece_merges *bpe, int32_t character, int32_t *ids,
                          size_t *count)
{
    uint8_t bytes[OSPREY__CODE_POINT_BYTES];
    const int32_t id = find_character(bpe, character);
    if (id >= 0) {
        ids[(*count)++] = id;
    } else if (bpe->bytes[0] >= 0) {
        const size_t length = osprey__code_point_encode(character, bytes);
        for (size_t i = 0; i < length; i++) ids[(*count)++] = bpe->bytes[bytes[i]];
    } else if (bpe->unknown_id >= 0 &&
               !(bpe->fuses_unknown && *count && ids[*count - 1] == bpe->unknown_id)) {
        ids[(*count)++] = bpe->unknown_id;
    }
}

static osprey_status encode_bpe(encode_job *job, osprey__text_span word)
{
    const osprey__piece_merges *bpe = &job->tokenizer->bpe;
    int32_t *ids = osprey__calloc(word.count, OSPREY__CODE_POINT_BYTES * sizeof *ids);
    if (!ids) return osprey__fail_memory(job->error, word.count * sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < word.count; i++) put_character(bpe, word.at[i], ids, &count);
    osprey_status status =
        osprey__bpe_merges_apply(&bpe->merges, &job->merging, ids, &count, job->error);
    if (status == OSPREY_OK) osprey__token_ids_put(&job->out, ids, count);
    osprey__free(ids);
    return status;
}

static osprey_status encode_word(encode_job *job, osprey__text_span word)
{
    return (job->tokenizer->is_unigram ? encode_unigram : encode_bpe)(job, word);
}

/* The length of the first word of a text that is not empty. */
static size_t match_word(osprey__word_split split, osprey__text_span text)
{
    size_t length = 1;
    if (split == OSPREY__SPLIT_AS_GPT2) return osprey__match_gpt2_word(text);
    if (split == OSPREY__SPLIT_NOWHERE) return text.count;
    while (length < text.count && text.at[length] != OSPREY__UNDERLINE) length++;
    return length;
}

static osprey_status encode_words(void *context, osprey__text_span text)
{
    encode_job *job = context;
    while (text.count && !osprey__token_ids_full(&job->out)) {
        const size_t length = match_word(job->tokenizer->split, text);
        OSPREY_TRY(encode_word(job, (osprey__text_span){text.at, length}));
        text = (osprey__text_span){text.at + length, text.count - length};
    }
    return OSPREY_OK;
}

static osprey_status encode_raw(void *context, osprey__text_span text)
{
    encode_job *job = context;
    osprey__code_points normal = {0};
    if (!text.count || osprey__token_ids_full(&job->out)) return OSPREY_OK;
    osprey_status status = osprey__code_points_append(&normal, text.at, text.count, job->error);
    if (status == OSPREY_OK)
        status = osprey__text_steps_run(&job->tokenizer->steps, &normal, job->error);
    if (status == OSPREY_OK)
        status = osprey__added_tokens_split(job->tokenizer->added, job->tokenizer->added_count,
                                            true, (osprey__text_span){normal.at, normal.count},
                                            &job->out, encode_words, job);
    osprey__code_points_free(&normal);
    return status;
}

/* Underlines become spaces, and one is put before the text. */
static osprey_status lead(osprey__code_points *text, osprey_error *error)
{
    static const int32_t underline = OSPREY__UNDERLINE;
    OSPREY_TRY(osprey__code_points_append(text, &underline, 1, error));
    for (size_t i = text->count - 1; i > 0; i--)
        text->at[i] = text->at[i - 1] == underline ? ' ' : text->at[i - 1];
    text->at[0] = underline;
    return OSPREY_OK;
}

/* The text's code points, cleaned, and led by an underline where the tokenizer wants it. */
static osprey_status decode(const osprey__piece_tokenizer *tokenizer, const char *text,
                            size_t text_bytes, osprey__code_points *raw, osprey_error *error)
{
    OSPREY_TRY(osprey__code_points_decode(raw, text, text_bytes, error));
    OSPREY_TRY(osprey__text_steps_run(&tokenizer->cleaning, raw, error));
    return tokenizer->leads ? lead(raw, error) : OSPREY_OK;
}

osprey_status osprey__piece_tokenizer_encode(const osprey__piece_tokenizer *tokenizer,
                                             const char *text, size_t text_bytes, int32_t *ids,
                                             size_t capacity, size_t *count, osprey_error *error)
{
    const bool starts = tokenizer->start_id >= 0, ends = tokenizer->end_id >= 0;
    encode_job job = {
        .tokenizer = tokenizer, .out = {ids, starts, capacity - ends}, .error = error};
    osprey__code_points raw = {0};
    if (starts) ids[0] = tokenizer->start_id;
    osprey_status status = decode(tokenizer, text, text_bytes, &raw, error);
    if (status == OSPREY_OK)
        status = osprey__added_tokens_split(tokenizer->added, tokenizer->added_count, false,
                                            (osprey__text_span){raw.at, raw.count}, &job.out,
                                            encode_raw, &job);
    const bool ended =
        tokenizer->ends_once && job.out.count && ids[job.out.count - 1] == tokenizer->end_id;
    if (ends && !ended) ids[job.out.count++] = tokenizer->end_id;
    *count = job.out.count;
    osprey__code_points_free(&raw);
    osprey__buffer_free(&job.bytes);
    osprey__bpe_scratch_free(&job.merging);
    return status;
}

osprey_status osprey__piece_tokenizer_add(osprey__piece_tokenizer *tokenizer, const char *content,
                                          const osprey__added_token *how, const char *file,
                                          osprey_error *error)
{
    const size_t length = strlen(content);
    osprey__added_token token = *how;
    token.content = (osprey__code_points){0};
    if (!length) return OSPREY_OK;
    if (length > OSPREY__TOKEN_BYTES_LIMIT || tokenizer->added_count == OSPREY__ADDED_TOKENS_MAX)
        return osprey__fail(error, OSPREY_LIMIT, file,
                            "more than %zu added tokens, or one of more than %zu bytes",
                            OSPREY__ADDED_TOKENS_MAX, OSPREY__TOKEN_BYTES_LIMIT);
    if (!tokenizer->added)
        tokenizer->added = osprey__calloc(OSPREY__ADDED_TOKENS_MAX, sizeof *tokenizer->added);
    if (!tokenizer->added)
        return osprey__fail_memory(error, OSPREY__ADDED_TOKENS_MAX * sizeof *tokenizer->added);
    osprey_status status = osprey__code_points_decode(&token.content, content, length, error);
    if (status == OSPREY_OK && token.normalized)
        status = osprey__text_steps_run(&tokenizer->steps, &token.content, error);
    if (status != OSPREY_OK || !token.content.count)
        osprey__code_points_free(&token.content);
    else
        tokenizer->added[tokenizer->added_count++] = token;
    return status;
}

osprey_status osprey__piece_tokenizer_hide(osprey__piece_tokenizer *tokenizer, const char *prefix,
                                           osprey_error *error)
{
    osprey__code_points points = {0};
    osprey__buffer bytes = {0};
    int32_t *ids = NULL;
    osprey_status status;
    OSPREY_TRY_GOTO(osprey__code_points_decode(&points, prefix, strlen(prefix), error));
    OSPREY_TRY_GOTO(osprey__text_steps_run(&tokenizer->steps, &points, error));
    OSPREY_TRY_GOTO(osprey__code_points_print(points.at, points.count, &bytes, error));
    status = osprey__unigram_encode(&tokenizer->unigram, bytes.bytes, bytes.length, &ids,
                                    &tokenizer->hidden, error);
fail:
    osprey__free(ids);
    osprey__buffer_free(&bytes);
    osprey__code_points_free(&points);
    return status;
}

void osprey__piece_tokenizer_free(osprey__piece_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    osprey__added_tokens_free(tokenizer->added, tokenizer->added_count);
    osprey__text_steps_free(&tokenizer->cleaning);
    osprey__text_steps_free(&tokenizer->steps);
    osprey__unigram_free(&tokenizer->unigram);
    osprey__bpe_merges_free(&tokenizer->bpe.merges);
    osprey__free(tokenizer->bpe.characters);
    osprey__free(tokenizer);
}
