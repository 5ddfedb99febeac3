/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/spiece_file.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"
#include "input/text/text_cleaning.h"
#include "input/text/token_map.h"

#include <math.h>
#include <string.h>

/* sentencepiece_model.proto */
enum { PIECES = 1, TRAINER = 2, NORMALIZER = 3 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum { MODEL_TYPE = 3, SUFFIX_SPACES = 24, BYTE_FALLBACK = 35 };
enum { CHARSMAP = 2, DUMMY_PREFIX = 3, EXTRA_SPACES = 4, ESCAPE_SPACES = 5 };
enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };
#define UNIGRAM 1

#define UNKNOWN_TOKEN "<unk>"

typedef struct parsing {
    const char *file;
    bool lower_case;
    osprey__unigram_piece *pieces; /* what can be found in a text */
    size_t count, capacity;
    osprey__unigram_piece *all; /* the file's, in order */
    size_t vocabulary;
    double smallest_score;
    int32_t unknown_id;
    osprey__byte_cursor charsmap;
    bool dummy_prefix, extra_spaces, escape_spaces;
    uint64_t model_type;
    bool suffix_spaces, byte_fallback;
    osprey_error *error;
} parsing;

static osprey_status damaged(const parsing *p)
{
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "it is no SentencePiece model, or damaged: a spiece.model as published "
                        "would be right");
}

/* A field of a message: its number, and its value as wire says. */
typedef struct proto_field {
    uint64_t number;
    enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 } wire;
    uint64_t value;            /* of the first two, and the last */
    osprey__byte_cursor bytes; /* of BYTES */
} proto_field;

static bool take_varint(osprey__byte_cursor *at, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *byte = osprey__cursor_take(at, 1);
        if (!byte) return false;
        *value |= (uint64_t)(*byte & 0x7f) << shift;
        if (!(*byte & 0x80)) return true;
    }
    return false;
}

static bool take_field(osprey__byte_cursor *at, proto_field *field)
{
    uint64_t key;
    if (!take_varint(at, &key)) return false;
    *field = (proto_field){.number = key >> 3};
    switch (key & 7) {
    case VARINT:
        field->wire = VARINT;
        return take_varint(at, &field->value);
    case FIXED64:
        field->wire = FIXED64;
        return osprey__cursor_number(at, 8, false, &field->value);
    case FIXED32:
        field->wire = FIXED32;
        return osprey__cursor_number(at, 4, false, &field->value);
    case BYTES:
        field->wire = BYTES;
        if (!take_varint(at, &field->value) || field->value > at->remaining) return false;
        field->bytes = osprey__cursor_over(at->at, (size_t)field->value);
        return osprey__cursor_take(at, (size_t)field->value) != NULL;
    default:
        return false;
    }
}

static bool is(const proto_field *field, uint64_t number, int wire)
{
    return field->number == number && (int)field->wire == wire;
}

static osprey_status grow(parsing *p)
{
    if (p->vocabulary < p->capacity) return OSPREY_OK;
    const size_t larger = p->capacity ? 2 * p->capacity : 1024;
    if (p->vocabulary == OSPREY__TOKEN_LIMIT)
        return osprey__fail(p->error, OSPREY_LIMIT, p->file, "more than %zu pieces",
                            OSPREY__TOKEN_LIMIT);
    osprey__unigram_piece *all = osprey__realloc(p->all, larger, sizeof *all);
    if (all) p->all = all;
    osprey__unigram_piece *pieces = osprey__realloc(p->pieces, larger, sizeof *pieces);
    if (pieces) p->pieces = pieces;
    if (!all || !pieces) return osprey__fail_memory(p->error, larger * sizeof *all);
    p->capacity = larger;
    return OSPREY_OK;
}

static osprey_status add_piece(parsing *p, const osprey__unigram_piece *piece, uint64_t type)
{
    OSPREY_TRY(grow(p));
    p->all[p->vocabulary++] = *piece;
    switch (type) {
    case NORMAL:
        if (piece->score < p->smallest_score) p->smallest_score = piece->score;
        p->pieces[p->count++] = *piece;
        return OSPREY_OK;
    case UNKNOWN:
        p->unknown_id = piece->id;
        return OSPREY_OK;
    case CONTROL:
    case UNUSED:
        return OSPREY_OK;
    case USER_DEFINED:
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "\"%.*s\" is a user-defined piece, which osprey does not support",
                            (int)(piece->length < 60 ? piece->length : 60), piece->bytes);
    default:
        return damaged(p);
    }
}

static osprey_status take_piece(parsing *p, osprey__byte_cursor at)
{
    osprey__unigram_piece piece = {.id = (int32_t)p->vocabulary};
    uint64_t type = NORMAL;
    float score = 0;
    while (at.remaining) {
        proto_field field;
        if (!take_field(&at, &field)) return damaged(p);
        if (is(&field, PIECE_TEXT, BYTES)) {
            piece.bytes = (const char *)field.bytes.at;
            piece.length = (uint32_t)(field.bytes.remaining <= OSPREY__TOKEN_BYTES_LIMIT
                                          ? field.bytes.remaining
                                          : 0);
        } else if (is(&field, PIECE_SCORE, FIXED32)) {
            const uint32_t bits = (uint32_t)field.value;
            memcpy(&score, &bits, sizeof score);
        } else if (is(&field, PIECE_TYPE, VARINT)) {
            type = field.value;
        }
    }
    piece.score = (double)score;
    return piece.length && isfinite(score) ? add_piece(p, &piece, type) : damaged(p);
}

static osprey_status take_trainer(parsing *p, osprey__byte_cursor at)
{
    while (at.remaining) {
        proto_field field;
        if (!take_field(&at, &field)) return damaged(p);
        if (is(&field, MODEL_TYPE, VARINT)) p->model_type = field.value;
        if (is(&field, SUFFIX_SPACES, VARINT)) p->suffix_spaces = field.value;
        if (is(&field, BYTE_FALLBACK, VARINT)) p->byte_fallback = field.value;
    }
    return OSPREY_OK;
}

static osprey_status take_normalizer(parsing *p, osprey__byte_cursor at)
{
    while (at.remaining) {
        proto_field field;
        if (!take_field(&at, &field)) return damaged(p);
        if (is(&field, CHARSMAP, BYTES)) p->charsmap = field.bytes;
        if (is(&field, DUMMY_PREFIX, VARINT)) p->dummy_prefix = field.value;
        if (is(&field, EXTRA_SPACES, VARINT)) p->extra_spaces = field.value;
        if (is(&field, ESCAPE_SPACES, VARINT)) p->escape_spaces = field.value;
    }
    return OSPREY_OK;
}

static osprey_status take_model(parsing *p, osprey__byte_cursor at)
{
    while (at.remaining) {
        proto_field field;
        if (!take_field(&at, &field)) return damaged(p);
        if (is(&field, PIECES, BYTES)) OSPREY_TRY(take_piece(p, field.bytes));
        if (is(&field, TRAINER, BYTES)) OSPREY_TRY(take_trainer(p, field.bytes));
        if (is(&field, NORMALIZER, BYTES)) OSPREY_TRY(take_normalizer(p, field.bytes));
    }
    if (!p->count || p->unknown_id < 0) return damaged(p);
    if (p->model_type != UNIGRAM || p->suffix_spaces || p->byte_fallback || !p->escape_spaces)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "its model is no unigram model, or has byte_fallback, "
                            "treat_whitespace_as_suffix or no escape_whitespaces; SigLIP's is a "
                            "unigram model without them");
    return OSPREY_OK;
}

/* transformers' SiglipTokenizer.canonicalize_text, and what SentencePiece does. */
static osprey_status add_steps(const parsing *p, osprey__piece_tokenizer *tokenizer)
{
    static const osprey__text_step lower = {.kind = OSPREY__STEP_LOWER_WORDS},
                                   unknown = {.kind = OSPREY__STEP_PREPEND,
                                              .to = {'<', 'u', 'n', 'k', '>'},
                                              .to_count = 5};
    osprey__text_step remove = {.kind = OSPREY__STEP_REMOVE};
    osprey__text_step normalize = {.kind = OSPREY__STEP_SENTENCEPIECE};
    osprey__text_steps *steps = &tokenizer->steps;
    osprey__text_step_punctuation(remove.set);
    if (p->dummy_prefix) normalize.flags |= OSPREY__STEP_DUMMY_PREFIX;
    if (p->extra_spaces) normalize.flags |= OSPREY__STEP_EXTRA_SPACES;
    OSPREY_TRY(osprey__charsmap_create(&steps->charsmap, p->charsmap.at, p->charsmap.remaining,
                                       p->file, p->error));
    OSPREY_TRY(osprey__text_steps_add(steps, &normalize, p->file, p->error));
    OSPREY_TRY(osprey__piece_tokenizer_hide(tokenizer, UNKNOWN_TOKEN, p->error));
    steps->count = 0;
    if (p->lower_case) OSPREY_TRY(osprey__text_steps_add(steps, &lower, p->file, p->error));
    OSPREY_TRY(osprey__text_steps_add(steps, &remove, p->file, p->error));
    OSPREY_TRY(osprey__text_cleaning_add_spaces(steps, p->file, p->error));
    OSPREY_TRY(osprey__text_steps_add(steps, &unknown, p->file, p->error));
    return osprey__text_steps_add(steps, &normalize, p->file, p->error);
}

/* A special token, which texts may spell out. */
static osprey_status add_special(const parsing *p, const char *content,
                                 osprey__piece_tokenizer *tokenizer, int32_t *id)
{
    const size_t length = strlen(content);
    size_t i = 0;
    while (i < p->vocabulary &&
           (p->all[i].length != length || memcmp(p->all[i].bytes, content, length) != 0))
        i++;
    if (i == p->vocabulary)
        return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                            "the special token \"%.100s\" is not among its pieces", content);
    const osprey__added_token how = {.id = (int32_t)i, .strips_left = true, .strips_right = true};
    *id = how.id;
    return osprey__piece_tokenizer_add(tokenizer, content, &how, p->file, p->error);
}

static osprey_status build(const parsing *p, const char *end, const char *pad,
                           osprey__piece_tokenizer *tokenizer)
{
    int32_t unknown_id;
    tokenizer->is_unigram = tokenizer->leads = tokenizer->ends_once = true;
    tokenizer->start_id = -1;
    tokenizer->vocabulary = p->vocabulary;
    /* A float, as all scores there. */
    const double unknown = (double)(float)(p->smallest_score - OSPREY__UNIGRAM_PENALTY);
    OSPREY_TRY(osprey__unigram_create(&tokenizer->unigram, p->pieces, p->count, unknown,
                                      p->unknown_id, true, p->file, p->error));
    OSPREY_TRY(add_steps(p, tokenizer));
    OSPREY_TRY(add_special(p, UNKNOWN_TOKEN, tokenizer, &unknown_id));
    OSPREY_TRY(add_special(p, end, tokenizer, &tokenizer->end_id));
    tokenizer->pad_id = tokenizer->end_id;
    return strcmp(pad, end) == 0 ? OSPREY_OK : add_special(p, pad, tokenizer, &tokenizer->pad_id);
}

osprey_status osprey__spiece_parse(const void *bytes, size_t length, const char *file,
                                   bool lower_case, const char *end, const char *pad,
                                   osprey__piece_tokenizer *tokenizer, osprey_error *error)
{
    parsing p = {.file = file,
                 .lower_case = lower_case,
                 .unknown_id = -1,
                 .smallest_score = INFINITY,
                 .dummy_prefix = true,
                 .extra_spaces = true,
                 .escape_spaces = true,
                 .model_type = UNIGRAM,
                 .error = error};
    osprey_status status = take_model(&p, osprey__cursor_over(bytes, length));
    if (status == OSPREY_OK) status = build(&p, end, pad, tokenizer);
    osprey__free(p.all);
    osprey__free(p.pieces);
    return status;
}
