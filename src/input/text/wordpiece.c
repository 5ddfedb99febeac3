/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/wordpiece.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"
#include "input/text/code_points.h"
#include "input/text/stored_tokenizer.h"
#include "input/text/token_map.h"

#include <string.h>

#define WORD_POINTS_MAX 100 /* longer words are unknown, as to BERT's own tokenizer */
#define CONTINUED       "##"

/* Tokens that a text may spell out; CLS, UNK and SEP have to be there. */
enum { CLS, SEP, UNK, PAD, MASK, SPECIAL_TOKENS };
static const char *const special_names[SPECIAL_TOKENS] = {"[CLS]", "[SEP]", "[UNK]", "[PAD]",
                                                          "[MASK]"};

struct osprey__wordpiece {
    osprey__wordpiece_options options;
    char *vocabulary; /* the file's text, of which the map's tokens are parts */
    size_t vocabulary_bytes;
    osprey__token_map map;
    size_t longest;                  /* bytes of a token */
    int32_t special[SPECIAL_TOKENS]; /* -1: not in the vocabulary */
};

static osprey_status read_tokens(osprey__wordpiece *made, const char *file, osprey_error *error)
{
    const char *at = made->vocabulary, *end = at + made->vocabulary_bytes;
    size_t lines = 1;
    for (const char *c = at; c < end; c++) lines += *c == '\n';
    OSPREY_TRY(osprey__token_map_create(&made->map, lines, file, error));
    for (int64_t id = 0; at < end; id++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        size_t length = (size_t)(stop - at);
        if (length && at[length - 1] == '\r') length--;
        if (length) OSPREY_TRY(osprey__token_map_insert(&made->map, at, length, id, error));
        if (length > made->longest) made->longest = length;
        at = stop < end ? stop + 1 : end;
    }
    return OSPREY_OK;
}

static osprey_status find_special(osprey__wordpiece *made, const char *file, osprey_error *error)
{
    for (size_t i = 0; i < SPECIAL_TOKENS; i++) {
        const char *name = special_names[i];
        made->special[i] = osprey__token_map_find(&made->map, name, strlen(name));
        if (made->special[i] < 0 && i <= UNK)
            return osprey__fail(error, OSPREY_FORMAT, file,
                                "the token %s is missing: a BERT vocabulary, one token a line, has "
                                "it",
                                name);
    }
    return OSPREY_OK;
}

osprey_status osprey__wordpiece_create(const char *vocabulary, size_t length, const char *file,
                                       const osprey__wordpiece_options *options,
                                       osprey__wordpiece **tokenizer, osprey_error *error)
{
    *tokenizer = NULL;
    osprey__wordpiece *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    osprey_status status;
    made->options = *options;
    made->vocabulary = osprey__calloc(length + 1, 1);
    if (!made->vocabulary) {
        status = osprey__fail_memory(error, length + 1);
        goto fail;
    }
    if (length) memcpy(made->vocabulary, vocabulary, length);
    made->vocabulary_bytes = length;
    OSPREY_TRY_GOTO(read_tokens(made, file, error));
    OSPREY_TRY_GOTO(find_special(made, file, error));
    *tokenizer = made;
    return OSPREY_OK;
fail:
    osprey__wordpiece_free(made);
    return status;
}

typedef struct encode_job {
    const osprey__wordpiece *tokenizer;
    int32_t *ids;
    size_t count, capacity; /* the capacity without the separator */
    osprey__code_points clean, normal;
    osprey_error *error;
} encode_job;

static bool is_full(const encode_job *job)
{
    return job->count == job->capacity;
}

static void put(encode_job *job, int32_t id)
{
    if (!is_full(job)) job->ids[job->count++] = id;
}

/* The longest token at the front of the word's rest, and its bytes; -1 if there is none. */
static int32_t longest_piece(const osprey__wordpiece *tokenizer, const char *rest, size_t length,
                             bool continued, size_t *taken)
{
    char key[sizeof CONTINUED - 1 + OSPREY__CODE_POINT_BYTES * WORD_POINTS_MAX];
    size_t prefix = continued ? strlen(CONTINUED) : 0;
    memcpy(key, CONTINUED, prefix);
    memcpy(key + prefix, rest, length);
    size_t most = tokenizer->longest > prefix ? tokenizer->longest - prefix : 0;
    for (*taken = length < most ? length : most; *taken; (*taken)--) {
        bool whole = *taken == length || ((uint8_t)rest[*taken] & 0xc0) != 0x80;
        if (!whole) continue; /* inside a character */
        int32_t id = osprey__token_map_find(&tokenizer->map, key, prefix + *taken);
        if (id >= 0) return id;
    }
    return -1;
}

static void encode_word(encode_job *job, const int32_t *points, size_t count)
{
    char word[OSPREY__CODE_POINT_BYTES * WORD_POINTS_MAX];
    int32_t pieces[OSPREY__CODE_POINT_BYTES * WORD_POINTS_MAX];
    size_t length = 0, piece_count = 0;
    int32_t unknown = job->tokenizer->special[UNK];
    if (count > WORD_POINTS_MAX) {
        put(job, unknown);
        return;
    }
    for (size_t i = 0; i < count; i++)
        length += osprey__code_point_encode(points[i], (uint8_t *)word + length);
    for (size_t at = 0, taken; at < length; at += taken) {
        int32_t id = longest_piece(job->tokenizer, word + at, length - at, at > 0, &taken);
        if (id < 0) {
            put(job, unknown);
            return;
        }
        pieces[piece_count++] = id;
    }
    for (size_t i = 0; i < piece_count; i++) put(job, pieces[i]);
}

static void split_words(encode_job *job)
{
    const int32_t *points = job->normal.at;
    size_t begin = 0;
    for (size_t at = 0; at <= job->normal.count && !is_full(job); at++) {
        bool end = at == job->normal.count;
        bool space = !end && osprey__code_point_classify(points[at]) == OSPREY__SPACE;
        bool mark = !end && osprey__code_point_is_punctuation(points[at]);
        if (!end && !space && !mark) continue;
        if (at > begin) encode_word(job, points + begin, at - begin);
        if (mark) encode_word(job, points + at, 1);
        begin = at + 1;
    }
}

/* The blocks that BERT's tokenizer sets apart: CJK ideographs, not kana and not hangul. */
static bool is_chinese(int32_t point)
{
    static const struct {
        int32_t first, last;
    } blocks[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
                  {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (point >= blocks[i].first && point <= blocks[i].last) return true;
    return false;
}

/* Without control characters, white space as spaces, and Chinese characters between spaces. */
static osprey_status clean(encode_job *job, const int32_t *points, size_t count)
{
    static const int32_t space = ' ';
    job->clean.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (osprey__code_point_is_dropped(points[i])) continue;
        bool apart = job->tokenizer->options.split_chinese && is_chinese(points[i]);
        bool is_space = osprey__code_point_classify(points[i]) == OSPREY__SPACE;
        const int32_t *point = is_space ? &space : &points[i];
        if (apart) OSPREY_TRY(osprey__code_points_append(&job->clean, &space, 1, job->error));
        OSPREY_TRY(osprey__code_points_append(&job->clean, point, 1, job->error));
        if (apart) OSPREY_TRY(osprey__code_points_append(&job->clean, &space, 1, job->error));
    }
    return OSPREY_OK;
}

static osprey_status encode_between(encode_job *job, const int32_t *points, size_t count)
{
    const osprey__wordpiece_options *options = &job->tokenizer->options;
    if (!count || is_full(job)) return OSPREY_OK;
    OSPREY_TRY(clean(job, points, count));
    job->normal.count = 0;
    const osprey__code_points *clean_points = &job->clean;
    OSPREY_TRY(options->strip_accents
                   ? osprey__code_points_strip_accents(&job->normal, clean_points->at,
                                                       clean_points->count, job->error)
                   : osprey__code_points_append(&job->normal, clean_points->at, clean_points->count,
                                                job->error));
    if (options->lower_case) OSPREY_TRY(osprey__code_points_lower(&job->normal, job->error));
    split_words(job);
    return OSPREY_OK;
}

/* The id of the special token that the text spells there, and its length; else -1. */
static int32_t match_special(const osprey__wordpiece *tokenizer, const int32_t *points,
                             size_t count, size_t *length)
{
    if (*points != '[') return -1;
    for (size_t i = 0; i < SPECIAL_TOKENS; i++) {
        const char *name = special_names[i];
        *length = strlen(name);
        if (tokenizer->special[i] < 0 || *length > count) continue;
        size_t same = 0;
        while (same < *length && points[same] == name[same]) same++;
        if (same == *length) return tokenizer->special[i];
    }
    return -1;
}

static osprey_status encode_points(encode_job *job, const int32_t *points, size_t count)
{
    size_t begin = 0;
    for (size_t at = 0; at < count && !is_full(job);) {
        size_t length;
        int32_t id = match_special(job->tokenizer, points + at, count - at, &length);
        if (id < 0) {
            at++;
            continue;
        }
        OSPREY_TRY(encode_between(job, points + begin, at - begin));
        put(job, id);
        begin = at += length;
    }
    return encode_between(job, points + begin, count - begin);
}

osprey_status osprey__wordpiece_encode(const osprey__wordpiece *tokenizer, const char *text,
                                       size_t text_bytes, int32_t *ids, size_t capacity,
                                       size_t *count, osprey_error *error)
{
    size_t ending = tokenizer->options.ends_with_separator;
    encode_job job = {.tokenizer = tokenizer,
                      .ids = ids,
                      .count = 1,
                      .capacity = capacity - ending,
                      .error = error};
    osprey__code_points raw = {0};
    ids[0] = tokenizer->special[CLS];
    osprey_status status = osprey__code_points_decode(&raw, text, text_bytes, error);
    if (status == OSPREY_OK) status = encode_points(&job, raw.at, raw.count);
    if (ending) ids[job.count++] = tokenizer->special[SEP];
    *count = job.count;
    osprey__code_points_free(&raw);
    osprey__code_points_free(&job.clean);
    osprey__code_points_free(&job.normal);
    return status;
}

osprey__wordpiece_info osprey__wordpiece_get_info(const osprey__wordpiece *tokenizer)
{
    return (osprey__wordpiece_info){
        .vocabulary = tokenizer->map.id_bound,
        .start_id = tokenizer->special[CLS],
        .end_id = tokenizer->options.ends_with_separator ? tokenizer->special[SEP] : -1,
    };
}

osprey_status osprey__wordpiece_store(const osprey__wordpiece *tokenizer, osprey__buffer *bytes,
                                      osprey_error *error)
{
    const osprey__wordpiece_options *options = &tokenizer->options;
    OSPREY_TRY(osprey__buffer_number(bytes, options->lower_case, 1, error));
    OSPREY_TRY(osprey__buffer_number(bytes, options->strip_accents, 1, error));
    OSPREY_TRY(osprey__buffer_number(bytes, options->split_chinese, 1, error));
    OSPREY_TRY(osprey__buffer_number(bytes, options->ends_with_separator, 1, error));
    return osprey__buffer_append(bytes, tokenizer->vocabulary, tokenizer->vocabulary_bytes, error);
}

osprey_status osprey__wordpiece_load(const void *bytes, size_t length, const char *file,
                                     osprey__wordpiece **tokenizer, osprey_error *error)
{
    osprey__byte_cursor at = osprey__cursor_over(bytes, length);
    osprey__wordpiece_options options;
    bool *const flags[] = {&options.lower_case, &options.strip_accents, &options.split_chinese,
                           &options.ends_with_separator};
    *tokenizer = NULL;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        uint64_t flag;
        if (!osprey__cursor_number(&at, 1, false, &flag) || flag > 1)
            return osprey__stored_tokenizer_damaged(file, error);
        *flags[i] = flag == 1;
    }
    return osprey__wordpiece_create((const char *)at.at, at.remaining, file, &options, tokenizer,
                                    error);
}

void osprey__wordpiece_free(osprey__wordpiece *tokenizer)
{
    if (!tokenizer) return;
    osprey__token_map_free(&tokenizer->map);
    osprey__free(tokenizer->vocabulary);
    osprey__free(tokenizer);
}
