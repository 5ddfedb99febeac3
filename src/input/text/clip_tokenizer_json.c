/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/clip_tokenizer_json.h"

#include "base/status.h"

#include <string.h>

/* The split pattern, as published; transformers 5 writes the two special tokens in front. */
#define PATTERN         "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
#define SPECIAL_PATTERN "<\\|startoftext\\|>|<\\|endoftext\\|>|" PATTERN

osprey_status osprey__token_map_from_json(osprey__token_map *map, json_t *vocabulary, size_t more,
                                          const char *file, osprey_error *error)
{
    if (!json_is_object(vocabulary))
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "the vocabulary has to be an object of token to id");
    size_t count = json_object_size(vocabulary);
    if (more > OSPREY__TOKEN_LIMIT) more = OSPREY__TOKEN_LIMIT + 1;
    OSPREY_TRY(osprey__token_map_create(map, count + more, file, error));
    const char *token;
    json_t *id;
    json_object_foreach(vocabulary, token, id)
    {
        if (!json_is_integer(id))
            return osprey__fail(error, OSPREY_FORMAT, file,
                                "token \"%.100s\" has to have a whole number as its id", token);
        OSPREY_TRY(
            osprey__token_map_insert(map, token, strlen(token), json_integer_value(id), error));
    }
    return OSPREY_OK;
}

/* The string under key, or "" where there is none. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_type(const json_t *object, const char *type)
{
    return strcmp(text_of(object, "type"), type) == 0;
}

static bool is_clip_normalizer(const json_t *normalizer)
{
    const json_t *steps = json_object_get(normalizer, "normalizers");
    const json_t *replace = json_array_get(steps, 1);
    return is_type(normalizer, "Sequence") && json_array_size(steps) == 3 &&
           is_type(json_array_get(steps, 0), "NFC") && is_type(replace, "Replace") &&
           strcmp(text_of(json_object_get(replace, "pattern"), "Regex"), "\\s+") == 0 &&
           strcmp(text_of(replace, "content"), " ") == 0 &&
           is_type(json_array_get(steps, 2), "Lowercase");
}

/* CLIP's split and byte-level steps, but for the pattern. */
static bool is_clip_pre_tokenizer(const json_t *pre_tokenizer)
{
    const json_t *steps = json_object_get(pre_tokenizer, "pretokenizers");
    const json_t *split = json_array_get(steps, 0);
    const json_t *bytes = json_array_get(steps, 1);
    return is_type(pre_tokenizer, "Sequence") && json_array_size(steps) == 2 &&
           is_type(split, "Split") && strcmp(text_of(split, "behavior"), "Removed") == 0 &&
           json_is_true(json_object_get(split, "invert")) && is_type(bytes, "ByteLevel") &&
           json_is_false(json_object_get(bytes, "add_prefix_space")) &&
           !json_is_false(json_object_get(bytes, "use_regex"));
}

static osprey_status check_steps(const json_t *root, const char *file, bool *splits_special,
                                 osprey_error *error)
{
    const json_t *normalizer = json_object_get(root, "normalizer");
    if (!is_clip_normalizer(normalizer))
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "normalizer \"%.60s\" is not CLIP's, which is a Sequence of NFC, "
                            "Replace of \\s+ by a space, and Lowercase",
                            text_of(normalizer, "type"));
    const json_t *pre_tokenizer = json_object_get(root, "pre_tokenizer");
    if (!is_clip_pre_tokenizer(pre_tokenizer))
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "pre_tokenizer \"%.60s\" is not CLIP's, which is a Sequence of Split "
                            "(Removed, inverted) and ByteLevel without a prefix space",
                            text_of(pre_tokenizer, "type"));
    const json_t *split = json_array_get(json_object_get(pre_tokenizer, "pretokenizers"), 0);
    const char *pattern = text_of(json_object_get(split, "pattern"), "Regex");
    *splits_special = strcmp(pattern, SPECIAL_PATTERN) == 0;
    if (*splits_special || strcmp(pattern, PATTERN) == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                        "the split pattern \"%.100s\" is not CLIP's", pattern);
}

static osprey_status check_model(const json_t *model, const char *file, osprey_error *error)
{
    static const char *const refused[] = {"fuse_unk", "byte_fallback", "ignore_merges"};
    const char *type = "(none)", *prefix = "", *suffix = "";
    float dropout = 0;
    OSPREY_TRY(osprey__json_string(model, "type", file, &type, error));
    OSPREY_TRY(osprey__json_string(model, "continuing_subword_prefix", file, &prefix, error));
    OSPREY_TRY(osprey__json_string(model, "end_of_word_suffix", file, &suffix, error));
    OSPREY_TRY(osprey__json_float(model, "dropout", file, &dropout, error));
    if (strcmp(type, "BPE") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "a model of type \"%.60s\"; CLIP's is \"BPE\"", type);
    if (*prefix || strcmp(suffix, OSPREY__CLIP_WORD_END) != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "a continuing_subword_prefix of \"%.60s\" and an end_of_word_suffix of "
                            "\"%.60s\"; CLIP's are \"\" and \"</w>\"",
                            prefix, suffix);
    if (dropout != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file, "a dropout of %g; CLIP has none",
                            (double)dropout);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bool set = false;
        OSPREY_TRY(osprey__json_bool(model, refused[i], file, &set, error));
        if (set)
            return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                                "\"%s\" is set in the model; for CLIP it is false", refused[i]);
    }
    return OSPREY_OK;
}

osprey_status osprey__json_merge(const json_t *merge, const char *file, size_t number,
                                 const char **left, size_t *left_length, const char **right,
                                 osprey_error *error)
{
    *left = json_string_value(merge);
    *right = NULL;
    *left_length = 0;
    if (*left) {
        const char *space = strchr(*left, ' ');
        if (space) {
            *left_length = (size_t)(space - *left);
            *right = space + 1;
        }
    } else if (json_array_size(merge) == 2) {
        *left = json_string_value(json_array_get(merge, 0));
        *right = json_string_value(json_array_get(merge, 1));
        *left_length = *left ? strlen(*left) : 0;
    }
    if (*left && *right) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, file, "merge %zu has to be \"a b\" or [\"a\", \"b\"]",
                        number);
}

static osprey_status add_merge(osprey__clip_bpe *tokenizer, const osprey__token_map *map,
                               const json_t *merge, const char *file, size_t number,
                               osprey_error *error)
{
    const char *left, *right;
    size_t left_length;
    OSPREY_TRY(osprey__json_merge(merge, file, number, &left, &left_length, &right, error));
    return osprey__clip_bpe_add_merge(tokenizer, map, left, left_length, right, strlen(right), file,
                                      number, error);
}

/* A pair of content and id, such as "cls" of the post-processor. */
static osprey_status read_pair(const json_t *processor, const char *key,
                               const osprey__clip_special_token *given, const char *file,
                               const char **content, int64_t *id, osprey_error *error)
{
    const json_t *pair = json_object_get(processor, key);
    const json_t *number = json_array_get(pair, 1);
    *content = json_string_value(json_array_get(pair, 0));
    if (!*content || !json_is_integer(number) || json_array_size(pair) != 2)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "\"%s\" of post_processor has to be a token and its id", key);
    *id = json_integer_value(number);
    if (!given->file || strcmp(*content, given->content) == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "post_processor has \"%.60s\" where %.200s has \"%.60s\"", *content,
                        given->file, given->content);
}

static osprey_status check_id(const char *content, int64_t given, int64_t id, const char *file,
                              osprey_error *error)
{
    if (given == id) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "\"%.100s\" is given id %lld, but the vocabulary has it at %lld", content,
                        (long long)given, (long long)id);
}

typedef struct json_parts {
    json_t *model, *vocabulary, *merges, *added;
    const char *start, *end, *unknown;
    int64_t start_id, end_id;
    bool splits_special;
} json_parts;

/* The vocabulary, and the added tokens that it does not hold. */
static osprey_status fill_map(osprey__token_map *map, const json_parts *parts, const char *file,
                              const osprey__clip_special_tokens *special, osprey_error *error)
{
    size_t more = json_array_size(parts->added) + json_object_size(special->numbered);
    OSPREY_TRY(osprey__token_map_from_json(map, parts->vocabulary, more, file, error));
    for (size_t i = 0; i < json_array_size(parts->added); i++) {
        const json_t *token = json_array_get(parts->added, i);
        size_t id = SIZE_MAX;
        OSPREY_TRY(osprey__json_size(token, "id", file, &id, error));
        if (id > INT64_MAX)
            return osprey__fail(error, OSPREY_FORMAT, file, "added token %zu has no \"id\"", i);
        OSPREY_TRY(osprey__added_token_number(map, token, file, (int64_t)id, error));
    }
    return osprey__clip_special_tokens_number(special, map, error);
}

static osprey_status read_parts(const json_t *root, const char *file,
                                const osprey__clip_special_tokens *special, json_parts *parts,
                                osprey_error *error)
{
    json_t *processor = NULL;
    const char *type = "(none)";
    parts->unknown = special->unknown.content;
    OSPREY_TRY(osprey__json_object(root, "model", file, &parts->model, error));
    OSPREY_TRY(osprey__json_array(root, "added_tokens", file, &parts->added, error));
    OSPREY_TRY(check_model(parts->model, file, error));
    OSPREY_TRY(check_steps(root, file, &parts->splits_special, error));
    OSPREY_TRY(osprey__json_object(parts->model, "vocab", file, &parts->vocabulary, error));
    OSPREY_TRY(osprey__json_array(parts->model, "merges", file, &parts->merges, error));
    OSPREY_TRY(osprey__json_string(parts->model, "unk_token", file, &parts->unknown, error));
    if (!parts->vocabulary || !parts->merges)
        return osprey__fail(error, OSPREY_FORMAT, file, "the model has no \"%s\"",
                            parts->vocabulary ? "merges" : "vocab");
    OSPREY_TRY(osprey__json_object(root, "post_processor", file, &processor, error));
    OSPREY_TRY(osprey__json_string(processor, "type", file, &type, error));
    if (strcmp(type, "RobertaProcessing") != 0)
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "post_processor \"%.60s\"; CLIP's is \"RobertaProcessing\"", type);
    OSPREY_TRY(
        read_pair(processor, "cls", &special->start, file, &parts->start, &parts->start_id, error));
    return read_pair(processor, "sep", &special->end, file, &parts->end, &parts->end_id, error);
}

static osprey_status build(const json_parts *parts, osprey__token_map *map, const char *file,
                           const osprey__clip_special_tokens *special, osprey__clip_bpe **tokenizer,
                           osprey_error *error)
{
    size_t merge_count = json_array_size(parts->merges);
    OSPREY_TRY(fill_map(map, parts, file, special, error));
    OSPREY_TRY(osprey__clip_bpe_begin(map, merge_count, parts->start, parts->end, parts->unknown,
                                      tokenizer, error));
    osprey__clip_bpe *made = *tokenizer;
    made->splits_special = parts->splits_special;
    OSPREY_TRY(check_id(parts->start, parts->start_id, made->start_id, file, error));
    OSPREY_TRY(check_id(parts->end, parts->end_id, made->end_id, file, error));
    for (size_t i = 0; i < merge_count; i++)
        OSPREY_TRY(add_merge(made, map, json_array_get(parts->merges, i), file, i, error));
    OSPREY_TRY(osprey__bpe_merges_finish(&made->merges, error));
    return osprey__clip_special_tokens_add(special, parts->added, file, made, map, error);
}

osprey_status osprey__clip_from_tokenizer_json(const json_t *root, const char *file,
                                               const osprey__clip_special_tokens *special,
                                               osprey__clip_bpe **tokenizer, osprey_error *error)
{
    json_parts parts = {0};
    OSPREY_TRY(read_parts(root, file, special, &parts, error));
    osprey__token_map map = {0};
    osprey_status status = build(&parts, &map, file, special, tokenizer, error);
    osprey__token_map_free(&map);
    return status;
}
