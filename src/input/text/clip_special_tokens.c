/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/clip_special_tokens.h"

#include "base/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_LIMIT ((size_t)16 << 20)

/* The flags of an added token: *normalized, and the others refused where they are set. */
static osprey_status read_flags(const json_t *object, const char *file, bool *normalized,
                                osprey_error *error)
{
    static const char *const refused[] = {"single_word", "lstrip", "rstrip"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bool set = false;
        OSPREY_TRY(osprey__json_bool(object, refused[i], file, &set, error));
        if (set)
            return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                                "an added token has \"%s\" set; for CLIP it is false", refused[i]);
    }
    return osprey__json_bool(object, "normalized", file, normalized, error);
}

/* A string, or an object with "content"; what names it in errors. */
static osprey_status read_token(const json_t *json, const char *what, const char *file,
                                osprey__clip_special_token *token, osprey_error *error)
{
    osprey__clip_special_token given = {.file = file};
    if (json_is_object(json)) {
        OSPREY_TRY(osprey__json_string(json, "content", file, &given.content, error));
        OSPREY_TRY(read_flags(json, file, &given.normalized, error));
    } else {
        given.content = json_string_value(json);
    }
    if (!given.content)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "\"%s\" has to be a string or an object with \"content\"", what);
    *token = given;
    return OSPREY_OK;
}

static osprey_status read_role(const json_t *root, const char *key, const char *file,
                               osprey__clip_special_token *token, osprey_error *error)
{
    const json_t *found = json_object_get(root, key);
    if (!found || json_is_null(found)) return OSPREY_OK;
    return read_token(found, key, file, token, error);
}

osprey_status osprey__clip_special_tokens_read(osprey__clip_special_tokens *tokens,
                                               const char *path, osprey_error *error)
{
    json_t *root = NULL, *numbered = NULL;
    OSPREY_TRY(osprey__json_read(path, FILE_BYTES_LIMIT, &root, error));
    tokens->files[tokens->file_count].json = root;
    tokens->files[tokens->file_count++].path = path;
    if (!json_is_object(root))
        return osprey__fail(error, OSPREY_FORMAT, path, "it has to be a JSON object");
    OSPREY_TRY(read_role(root, "bos_token", path, &tokens->start, error));
    OSPREY_TRY(read_role(root, "eos_token", path, &tokens->end, error));
    OSPREY_TRY(read_role(root, "unk_token", path, &tokens->unknown, error));
    OSPREY_TRY(read_role(root, "pad_token", path, &tokens->pad, error));
    OSPREY_TRY(osprey__json_object(root, "added_tokens_decoder", path, &numbered, error));
    if (numbered) {
        tokens->numbered = numbered;
        tokens->numbered_file = path;
    }
    return OSPREY_OK;
}

osprey_status osprey__added_token_number(osprey__token_map *map, const json_t *token,
                                         const char *file, int64_t id, osprey_error *error)
{
    const char *content = NULL;
    OSPREY_TRY(osprey__json_string(token, "content", file, &content, error));
    if (!content)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "the added token of id %lld has no \"content\"", (long long)id);
    size_t length = strlen(content);
    int32_t found = osprey__token_map_find(map, content, length);
    if (found < 0) return osprey__token_map_insert(map, content, length, id, error);
    if (found == id) return OSPREY_OK;
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "\"%.100s\" is given id %lld, but the vocabulary has it at %lld", content,
                        (long long)id, (long long)found);
}

osprey_status osprey__clip_special_tokens_number(const osprey__clip_special_tokens *tokens,
                                                 osprey__token_map *map, osprey_error *error)
{
    const char *key;
    json_t *token;
    json_object_foreach(tokens->numbered, key, token)
    {
        char *end;
        errno = 0;
        long long id = strtoll(key, &end, 10);
        if (end == key || *end || errno)
            return osprey__fail(error, OSPREY_FORMAT, tokens->numbered_file,
                                "\"%.60s\" in added_tokens_decoder has to be an id", key);
        OSPREY_TRY(osprey__added_token_number(map, token, tokens->numbered_file, id, error));
    }
    return OSPREY_OK;
}

/* Where the vocabulary does not have the token, no text can hold it. */
static osprey_status add(osprey__clip_bpe *tokenizer, const osprey__token_map *map,
                         const osprey__clip_special_token *token, osprey_error *error)
{
    size_t length = strlen(token->content);
    int32_t id = osprey__token_map_find(map, token->content, length);
    if (id < 0) return OSPREY_OK;
    return osprey__clip_bpe_add_token(tokenizer, token->content, length, id, token->normalized,
                                      token->file, error);
}

static osprey_status add_roles(const osprey__clip_special_tokens *tokens,
                               osprey__clip_bpe *tokenizer, const osprey__token_map *map,
                               osprey_error *error)
{
    const osprey__clip_special_token *const roles[] = {&tokens->start, &tokens->end,
                                                       &tokens->unknown, &tokens->pad};
    for (size_t i = 0; i < tokens->file_count; i++) {
        const char *key = "additional_special_tokens", *file = tokens->files[i].path;
        json_t *list = NULL;
        OSPREY_TRY(osprey__json_array(tokens->files[i].json, key, file, &list, error));
        for (size_t j = 0; j < json_array_size(list); j++) {
            osprey__clip_special_token token;
            OSPREY_TRY(read_token(json_array_get(list, j), key, file, &token, error));
            OSPREY_TRY(add(tokenizer, map, &token, error));
        }
    }
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        OSPREY_TRY(add(tokenizer, map, roles[i], error));
    return OSPREY_OK;
}

osprey_status osprey__clip_special_tokens_add(const osprey__clip_special_tokens *tokens,
                                              const json_t *added, const char *added_file,
                                              osprey__clip_bpe *tokenizer,
                                              const osprey__token_map *map, osprey_error *error)
{
    osprey__clip_special_token token;
    OSPREY_TRY(add_roles(tokens, tokenizer, map, error));
    for (size_t i = 0; i < json_array_size(added); i++) {
        OSPREY_TRY(read_token(json_array_get(added, i), "added_tokens", added_file, &token, error));
        OSPREY_TRY(add(tokenizer, map, &token, error));
    }
    const char *key;
    json_t *json;
    json_object_foreach(tokens->numbered, key, json)
    {
        OSPREY_TRY(read_token(json, "added_tokens_decoder", tokens->numbered_file, &token, error));
        OSPREY_TRY(add(tokenizer, map, &token, error));
    }
    return OSPREY_OK;
}

void osprey__clip_special_tokens_free(osprey__clip_special_tokens *tokens)
{
    for (size_t i = 0; i < tokens->file_count; i++) json_decref(tokens->files[i].json);
    tokens->file_count = 0;
}
