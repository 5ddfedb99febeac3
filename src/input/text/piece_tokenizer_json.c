/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/piece_tokenizer_json.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/status.h"
#include "input/text/clip_bpe_build.h"
#include "input/text/clip_tokenizer_json.h"
#include "input/text/token_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parsing {
    const json_t *root;
    json_t *model, *added;
    const char *file;
    const osprey__piece_settings *settings;
    osprey__piece_tokenizer *tokenizer;
    osprey__token_map map; /* the vocabulary and the added tokens */
    osprey_error *error;
} parsing;

/* The tokens of a unigram model, which a list numbers. */
static osprey_status fill_from_list(parsing *p, const json_t *vocabulary)
{
    const size_t count = json_array_size(vocabulary);
    OSPREY_TRY(
        osprey__token_map_create(&p->map, count + json_array_size(p->added), p->file, p->error));
    for (size_t i = 0; i < count; i++) {
        const json_t *piece = json_array_get(vocabulary, i);
        const char *text = json_string_value(json_array_get(piece, 0));
        const json_t *score = json_array_get(piece, 1);
        if (!text || !*text || !json_is_number(score) || !isfinite(json_number_value(score)))
            return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                                "piece %zu of the vocabulary has to be a text and its score", i);
        OSPREY_TRY(osprey__token_map_insert(&p->map, text, strlen(text), (int64_t)i, p->error));
    }
    return OSPREY_OK;
}

static osprey_status read_unigram(parsing *p)
{
    const json_t *vocabulary = json_object_get(p->model, "vocab");
    size_t unknown_id = SIZE_MAX;
    bool byte_fallback = false;
    OSPREY_TRY(osprey__json_size(p->model, "unk_id", p->file, &unknown_id, p->error));
    OSPREY_TRY(osprey__json_bool(p->model, "byte_fallback", p->file, &byte_fallback, p->error));
    if (byte_fallback)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "a Unigram model with \"byte_fallback\"; SigLIP's has none");
    const size_t count = json_array_size(vocabulary);
    if (!count || unknown_id >= count)
        return osprey__fail(
            p->error, OSPREY_FORMAT, p->file,
            "a Unigram model has to have a list \"vocab\", and an \"unk_id\" in it");
    OSPREY_TRY(fill_from_list(p, vocabulary));
    osprey__unigram_piece *pieces = osprey__calloc(count, sizeof *pieces);
    if (!pieces) return osprey__fail_memory(p->error, count * sizeof *pieces);
    double smallest = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const json_t *piece = json_array_get(vocabulary, i);
        const char *text = json_string_value(json_array_get(piece, 0));
        const double score = json_number_value(json_array_get(piece, 1));
        pieces[i] = (osprey__unigram_piece){text, (uint32_t)strlen(text), (int32_t)i, score};
        if (score < smallest) smallest = score;
    }
    p->tokenizer->is_unigram = true;
    osprey_status status = osprey__unigram_create(&p->tokenizer->unigram, pieces, count,
                                                  smallest - OSPREY__UNIGRAM_PENALTY,
                                                  (int32_t)unknown_id, false, p->file, p->error);
    osprey__free(pieces);
    return status;
}

static osprey_status check_bpe(const parsing *p)
{
    const char *prefix = "", *suffix = "";
    bool ignores = false;
    float dropout = 0;
    OSPREY_TRY(
        osprey__json_string(p->model, "continuing_subword_prefix", p->file, &prefix, p->error));
    OSPREY_TRY(osprey__json_string(p->model, "end_of_word_suffix", p->file, &suffix, p->error));
    OSPREY_TRY(osprey__json_bool(p->model, "ignore_merges", p->file, &ignores, p->error));
    OSPREY_TRY(osprey__json_float(p->model, "dropout", p->file, &dropout, p->error));
    if (!*prefix && !*suffix && !ignores && dropout == 0) return OSPREY_OK;
    return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                        "a BPE model with a prefix, a suffix, \"ignore_merges\" or \"dropout\"; "
                        "SigLIP 2's and RoBERTa's have none");
}

/* Of RoBERTa's model, where words consist of bytes. */
static osprey_status find_byte_symbols(parsing *p)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char symbol[2];
        const size_t length = osprey__clip_byte_symbol((uint8_t)byte, symbol);
        const int32_t id = osprey__token_map_find(&p->map, symbol, length);
        if (id < 0)
            return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                                "the vocabulary lacks \"%.*s\", which stands for the byte 0x%02X",
                                (int)length, symbol, byte);
        p->tokenizer->bpe.bytes[byte] = id;
    }
    return OSPREY_OK;
}

/* The ids of "<0x00>" and so on. */
static osprey_status find_bytes(parsing *p, bool byte_fallback)
{
    osprey__piece_merges *bpe = &p->tokenizer->bpe;
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", byte);
        bpe->bytes[byte] = byte_fallback ? osprey__token_map_find(&p->map, name, 6) : -1;
        if (byte_fallback && bpe->bytes[byte] < 0)
            return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                                "\"byte_fallback\" is set, but the vocabulary lacks \"%s\"", name);
    }
    return OSPREY_OK;
}

static int by_character(const void *left, const void *right)
{
    const osprey__character_id *a = left, *b = right;
    return a->character < b->character ? -1 : a->character > b->character;
}

/* The tokens of one character, which texts begin as. */
static osprey_status find_characters(parsing *p)
{
    osprey__piece_merges *bpe = &p->tokenizer->bpe;
    osprey__code_points points = {0};
    osprey_status status = OSPREY_OK;
    bpe->characters = osprey__calloc(p->map.count + 1, sizeof *bpe->characters);
    if (!bpe->characters)
        return osprey__fail_memory(p->error, p->map.count * sizeof *bpe->characters);
    for (size_t i = 0; i <= p->map.mask && status == OSPREY_OK; i++) {
        const osprey__token_map_slot *slot = &p->map.slots[i];
        if (!slot->bytes || slot->length == 0 || slot->length > OSPREY__CODE_POINT_BYTES) continue;
        points.count = 0;
        status = osprey__code_points_decode(&points, slot->bytes, slot->length, p->error);
        if (status == OSPREY_OK && points.count == 1)
            bpe->characters[bpe->count++] = (osprey__character_id){points.at[0], slot->id};
    }
    osprey__code_points_free(&points);
    qsort(bpe->characters, bpe->count, sizeof *bpe->characters, by_character);
    return status;
}

static osprey_status find_part(const parsing *p, size_t number, const char *text, size_t length,
                               int32_t *id)
{
    *id = osprey__token_map_find(&p->map, text, length);
    if (*id >= 0) return OSPREY_OK;
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "merge %zu: \"%.*s\" is not a token of the vocabulary", number,
                        (int)(length < 100 ? length : 100), text);
}

static osprey_status add_merge(parsing *p, const json_t *merge, size_t number)
{
    char both[2 * OSPREY__TOKEN_BYTES_LIMIT];
    const char *left, *right;
    size_t left_length;
    int32_t left_id, right_id, id;
    OSPREY_TRY(osprey__json_merge(merge, p->file, number, &left, &left_length, &right, p->error));
    const size_t right_length = strlen(right);
    OSPREY_TRY(find_part(p, number, left, left_length, &left_id));
    OSPREY_TRY(find_part(p, number, right, right_length, &right_id));
    /* Both are tokens, so neither is longer than a token may be. */
    memcpy(both, left, left_length);
    memcpy(both + left_length, right, right_length);
    OSPREY_TRY(find_part(p, number, both, left_length + right_length, &id));
    osprey__bpe_merges_insert(&p->tokenizer->bpe.merges, left_id, right_id, (uint32_t)number, id);
    return OSPREY_OK;
}

static osprey_status read_bpe(parsing *p)
{
    osprey__piece_merges *bpe = &p->tokenizer->bpe;
    json_t *vocabulary = NULL, *merges = NULL;
    const char *unknown = NULL;
    bool byte_fallback = false;
    OSPREY_TRY(check_bpe(p));
    OSPREY_TRY(osprey__json_object(p->model, "vocab", p->file, &vocabulary, p->error));
    OSPREY_TRY(osprey__json_array(p->model, "merges", p->file, &merges, p->error));
    OSPREY_TRY(osprey__json_string(p->model, "unk_token", p->file, &unknown, p->error));
    OSPREY_TRY(osprey__json_bool(p->model, "fuse_unk", p->file, &bpe->fuses_unknown, p->error));
    OSPREY_TRY(osprey__json_bool(p->model, "byte_fallback", p->file, &byte_fallback, p->error));
    const size_t merge_count = json_array_size(merges);
    if (!vocabulary || !merges)
        return osprey__fail(p->error, OSPREY_FORMAT, p->file, "the model has no \"%s\"",
                            vocabulary ? "merges" : "vocab");
    if (merge_count > OSPREY__TOKEN_LIMIT)
        return osprey__fail(p->error, OSPREY_LIMIT, p->file, "%zu merges; at most %zu are taken",
                            merge_count, OSPREY__TOKEN_LIMIT);
    OSPREY_TRY(osprey__token_map_from_json(&p->map, vocabulary, json_array_size(p->added), p->file,
                                           p->error));
    bpe->unknown_id = unknown ? osprey__token_map_find(&p->map, unknown, strlen(unknown)) : -1;
    if (p->tokenizer->split == OSPREY__SPLIT_AS_GPT2) {
        OSPREY_TRY(find_byte_symbols(p));
    } else {
        OSPREY_TRY(find_bytes(p, byte_fallback));
        OSPREY_TRY(find_characters(p));
    }
    OSPREY_TRY(osprey__bpe_merges_create(&bpe->merges, merge_count, p->error));
    for (size_t i = 0; i < merge_count; i++) OSPREY_TRY(add_merge(p, json_array_get(merges, i), i));
    return osprey__bpe_merges_finish(&bpe->merges, p->error);
}

static osprey_status read_model(parsing *p)
{
    const char *type = "(none)";
    OSPREY_TRY(osprey__json_object(p->root, "model", p->file, &p->model, p->error));
    OSPREY_TRY(osprey__json_array(p->root, "added_tokens", p->file, &p->added, p->error));
    OSPREY_TRY(osprey__json_string(p->model, "type", p->file, &type, p->error));
    const bool of_bytes = p->tokenizer->split == OSPREY__SPLIT_AS_GPT2;
    if (strcmp(type, "Unigram") == 0 && !of_bytes) return read_unigram(p);
    if (strcmp(type, "BPE") == 0) return read_bpe(p);
    return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                        "a model of type \"%.60s\"; SigLIP's is \"Unigram\", SigLIP 2's and that "
                        "behind a ByteLevel pre_tokenizer \"BPE\"",
                        type);
}

static osprey_status read_added(parsing *p, const json_t *token)
{
    const char *content = NULL;
    size_t id = SIZE_MAX;
    bool single_word = false;
    osprey__added_token how = {0};
    OSPREY_TRY(osprey__json_string(token, "content", p->file, &content, p->error));
    OSPREY_TRY(osprey__json_size(token, "id", p->file, &id, p->error));
    OSPREY_TRY(osprey__json_bool(token, "single_word", p->file, &single_word, p->error));
    OSPREY_TRY(osprey__json_bool(token, "lstrip", p->file, &how.strips_left, p->error));
    OSPREY_TRY(osprey__json_bool(token, "rstrip", p->file, &how.strips_right, p->error));
    OSPREY_TRY(osprey__json_bool(token, "normalized", p->file, &how.normalized, p->error));
    if (!content || id > INT32_MAX)
        return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                            "an added token has to have \"content\" and \"id\"");
    if (single_word)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "the added token \"%.60s\" has \"single_word\" set, which osprey does "
                            "not support",
                            content);
    OSPREY_TRY(osprey__added_token_number(&p->map, token, p->file, (int64_t)id, p->error));
    how.id = (int32_t)id;
    return osprey__piece_tokenizer_add(p->tokenizer, content, &how, p->file, p->error);
}

/* The id of a special token that a template names. */
static osprey_status find_special(const parsing *p, const char *content, int32_t *id)
{
    *id = osprey__token_map_find(&p->map, content, strlen(content));
    if (*id >= 0) return OSPREY_OK;
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "the special token \"%.100s\" is not in the vocabulary", content);
}

/* What a TemplateProcessing puts before and behind a text. */
static osprey_status read_template(parsing *p, const json_t *processor)
{
    const json_t *single = json_object_get(processor, "single");
    bool text_came = false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *part = json_array_get(single, i);
        const json_t *special = json_object_get(part, "SpecialToken");
        const char *content = json_string_value(json_object_get(special, "id"));
        int32_t *id = text_came ? &p->tokenizer->end_id : &p->tokenizer->start_id;
        if (json_object_get(part, "Sequence") && !text_came) {
            text_came = true;
        } else if (content && *id < 0) {
            OSPREY_TRY(find_special(p, content, id));
        } else {
            text_came = false;
            break;
        }
    }
    if (text_came) return OSPREY_OK;
    return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                        "\"single\" of its post_processor is not a text with at most one token "
                        "before and one behind it");
}

/* A pair of content and id, "cls" or "sep" of a RobertaProcessing. */
static osprey_status read_pair(const parsing *p, const json_t *processor, const char *key,
                               int32_t *id)
{
    const json_t *pair = json_object_get(processor, key), *number = json_array_get(pair, 1);
    const char *content = json_string_value(json_array_get(pair, 0));
    *id = content ? osprey__token_map_find(&p->map, content, strlen(content)) : -1;
    if (*id >= 0 && json_is_integer(number) && json_integer_value(number) == *id) return OSPREY_OK;
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "\"%s\" of post_processor has to be a token of the vocabulary and its id",
                        key);
}

static osprey_status read_processor(parsing *p, const json_t *processor)
{
    const char *type = "(none)";
    OSPREY_TRY(osprey__json_string(processor, "type", p->file, &type, p->error));
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(p, processor);
    if (strcmp(type, "RobertaProcessing") != 0)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "post_processor \"%.60s\"; SigLIP's is \"TemplateProcessing\", "
                            "RoBERTa's \"RobertaProcessing\"",
                            type);
    OSPREY_TRY(read_pair(p, processor, "cls", &p->tokenizer->start_id));
    return read_pair(p, processor, "sep", &p->tokenizer->end_id);
}

static osprey_status read_ends(parsing *p)
{
    const json_t *processor = json_object_get(p->root, "post_processor");
    const osprey__piece_settings *settings = p->settings;
    osprey__piece_tokenizer *made = p->tokenizer;
    made->start_id = made->end_id = made->pad_id = -1;
    if (processor && !json_is_null(processor)) OSPREY_TRY(read_processor(p, processor));
    if (settings->adds_start && !*settings->adds_start) made->start_id = -1;
    if (settings->adds_end && !*settings->adds_end) made->end_id = -1;
    if (settings->adds_start && *settings->adds_start && made->start_id < 0)
        OSPREY_TRY(find_special(p, settings->start ? settings->start : "<bos>", &made->start_id));
    if (settings->adds_end && *settings->adds_end && made->end_id < 0)
        OSPREY_TRY(find_special(p, settings->end ? settings->end : "<eos>", &made->end_id));
    if (settings->pad) return find_special(p, settings->pad, &made->pad_id);
    made->pad_id = osprey__token_map_find(&p->map, "<pad>", strlen("<pad>"));
    if (made->pad_id < 0) made->pad_id = made->end_id;
    return OSPREY_OK;
}

static osprey_status add_lower_case(const parsing *p)
{
    static const osprey__text_step lower = {.kind = OSPREY__STEP_LOWER};
    if (!p->settings->lower_case || !*p->settings->lower_case) return OSPREY_OK;
    return osprey__text_steps_add(&p->tokenizer->steps, &lower, p->file, p->error);
}

static osprey_status parse(parsing *p)
{
    osprey__piece_tokenizer *made = p->tokenizer;
    OSPREY_TRY(add_lower_case(p));
    OSPREY_TRY(
        osprey__text_steps_parse_json(p->root, p->file, &made->steps, &made->split, p->error));
    if (made->split == OSPREY__SPLIT_AS_GPT2 && p->settings->leads)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "\"add_prefix_space\" is set in tokenizer_config.json; osprey has "
                            "tokenizers of bytes without it");
    OSPREY_TRY(read_model(p));
    for (size_t i = 0; i < json_array_size(p->added); i++)
        OSPREY_TRY(read_added(p, json_array_get(p->added, i)));
    OSPREY_TRY(read_ends(p));
    made->vocabulary = p->map.id_bound;
    if (made->pad_id >= 0) return OSPREY_OK;
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "no padding token, with which SigLIP's texts are filled up, is there: "
                        "\"pad_token\" in tokenizer_config.json would name it");
}

osprey_status osprey__piece_tokenizer_parse_json(const json_t *root, const char *file,
                                                 const osprey__piece_settings *settings,
                                                 osprey__piece_tokenizer *tokenizer,
                                                 osprey_error *error)
{
    parsing p = {
        .root = root, .file = file, .settings = settings, .tokenizer = tokenizer, .error = error};
    osprey_status status = parse(&p);
    osprey__token_map_free(&p.map);
    return status;
}
