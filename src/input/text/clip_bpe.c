/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding, in the steps of transformers' CLIPTokenizerFast: added tokens are found in the raw
 * text; what lies between them is normalised; added tokens that ask for it are found in that; the
 * rest is split by the pattern, and each piece goes through the byte alphabet and the merges.
 */
#include "input/text/clip_bpe.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/clip_bpe_build.h"
#include "input/text/word_patterns.h"

typedef struct encode_job {
    const osprey__clip_bpe *tokenizer;
    osprey__token_ids out; /* without room for the end token */
    osprey__code_points normal;
    osprey__bpe_scratch merging;
    int32_t *word; /* ids of the piece at hand */
    size_t word_capacity;
    osprey_error *error;
} encode_job;

static osprey_status reserve_word(encode_job *job, size_t bytes)
{
    if (bytes <= job->word_capacity) return OSPREY_OK;
    size_t capacity = bytes < 256 ? 256 : bytes;
    int32_t *grown = osprey__realloc(job->word, capacity, sizeof *grown);
    if (!grown) return osprey__fail_memory(job->error, capacity * sizeof *grown);
    job->word = grown;
    job->word_capacity = capacity;
    return OSPREY_OK;
}

static osprey_status encode_piece(encode_job *job, osprey__text_span piece)
{
    const osprey__clip_bpe *tokenizer = job->tokenizer;
    OSPREY_TRY(reserve_word(job, piece.count * OSPREY__CODE_POINT_BYTES));
    size_t count = 0;
    uint8_t last = 0;
    for (size_t i = 0; i < piece.count; i++) {
        uint8_t bytes[OSPREY__CODE_POINT_BYTES];
        size_t length = osprey__code_point_encode(piece.at[i], bytes);
        for (size_t j = 0; j < length; j++) job->word[count++] = tokenizer->byte_ids[bytes[j]];
        last = bytes[length - 1];
    }
    job->word[count - 1] = tokenizer->byte_end_ids[last];
    OSPREY_TRY(
        osprey__bpe_merges_apply(&tokenizer->merges, &job->merging, job->word, &count, job->error));
    osprey__token_ids_put(&job->out, job->word, count);
    return OSPREY_OK;
}

/* [\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+, or a white space. */
static size_t match_class(osprey__text_span text, osprey__code_point_class *class)
{
    const size_t length = osprey__match_class(text, class);
    return *class == OSPREY__NUMBER || *class == OSPREY__SPACE ? 1 : length;
}

/* A special token in the pattern is one piece; the byte-level step then cuts it into three. */
static osprey_status encode_special_literal(encode_job *job, osprey__text_span piece)
{
    OSPREY_TRY(encode_piece(job, (osprey__text_span){piece.at, 2}));
    OSPREY_TRY(encode_piece(job, (osprey__text_span){piece.at + 2, piece.count - 4}));
    return encode_piece(job, (osprey__text_span){piece.at + piece.count - 2, 2});
}

static size_t match_special_literal(osprey__text_span text)
{
    size_t length = osprey__match_literal(text, OSPREY__CLIP_START);
    return length ? length : osprey__match_literal(text, OSPREY__CLIP_END);
}

/* Splits normalised text by CLIP's pattern, whose first matching alternative counts. */
static osprey_status encode_normal(void *context, osprey__text_span text)
{
    encode_job *job = context;
    while (text.count && !osprey__token_ids_full(&job->out)) {
        osprey__code_point_class class = OSPREY__OTHER;
        size_t length = job->tokenizer->splits_special ? match_special_literal(text) : 0;
        if (length) {
            OSPREY_TRY(encode_special_literal(job, (osprey__text_span){text.at, length}));
        } else {
            length = osprey__match_contraction(text);
            if (!length) length = match_class(text, &class);
            if (class != OSPREY__SPACE)
                OSPREY_TRY(encode_piece(job, (osprey__text_span){text.at, length}));
        }
        text = (osprey__text_span){text.at + length, text.count - length};
    }
    return OSPREY_OK;
}

static osprey_status encode_raw(void *context, osprey__text_span text)
{
    encode_job *job = context;
    if (!text.count || osprey__token_ids_full(&job->out)) return OSPREY_OK;
    OSPREY_TRY(osprey__code_points_normalize(&job->normal, text.at, text.count, job->error));
    return osprey__added_tokens_split(job->tokenizer->added, job->tokenizer->added_count, true,
                                      (osprey__text_span){job->normal.at, job->normal.count},
                                      &job->out, encode_normal, job);
}

osprey_status osprey__clip_bpe_encode(const osprey__clip_bpe *tokenizer, const char *text,
                                      size_t text_bytes, int32_t *ids, size_t capacity,
                                      size_t *count, osprey_error *error)
{
    encode_job job = {.tokenizer = tokenizer, .out = {ids, 1, capacity - 1}, .error = error};
    osprey__code_points raw = {0};
    ids[0] = tokenizer->start_id;
    osprey_status status = osprey__code_points_decode(&raw, text, text_bytes, error);
    if (status == OSPREY_OK)
        status = osprey__added_tokens_split(tokenizer->added, tokenizer->added_count, false,
                                            (osprey__text_span){raw.at, raw.count}, &job.out,
                                            encode_raw, &job);
    ids[job.out.count] = tokenizer->end_id;
    *count = job.out.count + 1;
    osprey__code_points_free(&raw);
    osprey__code_points_free(&job.normal);
    osprey__bpe_scratch_free(&job.merging);
    osprey__free(job.word);
    return status;
}
