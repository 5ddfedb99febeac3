/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/clip_special_tokens.h"

#include "base/status.h"

#include <string.h>

#define FILE_BYTES_LIMIT ((size_t)16 << 20)

osprey_status osprey__added_token_flags(const json_t *object, const char *file, bool *normalized,
                                        osprey_error *error)
{
    static const char *const refused[] = {"single_word", "lstrip", "rstrip"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        bool set = false;
        OSPREY_TRY(osprey__json_bool(object, refused[i], file, &set, error));
        if (set)
            return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                                "an added token has \"%s\" set; CLIP's have not", refused[i]);
    }
    return osprey__json_bool(object, "normalized", file, normalized, error);
}

static osprey_status read_token(const json_t *root, const char *key, const char *file,
                                osprey__clip_special_token *token, osprey_error *error)
{
    const json_t *found = json_object_get(root, key);
    if (!found || json_is_null(found)) return OSPREY_OK;
    osprey__clip_special_token given = {.file = file};
    if (json_is_object(found)) {
        OSPREY_TRY(osprey__json_string(found, "content", file, &given.content, error));
        OSPREY_TRY(osprey__added_token_flags(found, file, &given.normalized, error));
    } else if (json_is_string(found)) {
        given.content = json_string_value(found);
    }
    if (!given.content)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "\"%s\" has to be a string or an object with \"content\"", key);
    *token = given;
    return OSPREY_OK;
}

osprey_status osprey__clip_special_tokens_read(osprey__clip_special_tokens *tokens,
                                               const char *path, osprey_error *error)
{
    json_t *root = NULL;
    OSPREY_TRY(osprey__json_read(path, FILE_BYTES_LIMIT, &root, error));
    tokens->roots[tokens->root_count++] = root;
    if (!json_is_object(root))
        return osprey__fail(error, OSPREY_FORMAT, path, "it has to be a JSON object");
    OSPREY_TRY(read_token(root, "bos_token", path, &tokens->start, error));
    OSPREY_TRY(read_token(root, "eos_token", path, &tokens->end, error));
    OSPREY_TRY(read_token(root, "unk_token", path, &tokens->unknown, error));
    return read_token(root, "pad_token", path, &tokens->pad, error);
}

osprey_status osprey__clip_special_tokens_add(const osprey__clip_special_tokens *tokens,
                                              osprey_tokenizer *tokenizer,
                                              const osprey__token_map *map, osprey_error *error)
{
    const osprey__clip_special_token *const each[] = {&tokens->start, &tokens->end,
                                                      &tokens->unknown, &tokens->pad};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        size_t length = strlen(each[i]->content);
        int32_t id = osprey__token_map_find(map, each[i]->content, length);
        if (id < 0) continue;
        OSPREY_TRY(osprey__clip_bpe_add_token(tokenizer, each[i]->content, length, id,
                                              each[i]->normalized, each[i]->file, error));
    }
    return OSPREY_OK;
}

void osprey__clip_special_tokens_free(osprey__clip_special_tokens *tokens)
{
    for (size_t i = 0; i < tokens->root_count; i++) json_decref(tokens->roots[i]);
    tokens->root_count = 0;
}
