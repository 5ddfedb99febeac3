/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/gpt2_files.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/code_points.h"
#include "input/text/token_map.h"

#include <string.h>

#define FILE_BYTES_LIMIT ((size_t)128 << 20)

typedef struct reading {
    json_t *vocabulary, *merges;
    json_t *made; /* what merges make, as keys */
    const char *vocabulary_path, *merges_path;
    osprey_error *error;
} reading;

/* A line of merges.txt, "a b". */
static osprey_status add_merge(const reading *r, const char *line, size_t length, size_t number)
{
    char both[2 * OSPREY__TOKEN_BYTES_LIMIT];
    const char *space = memchr(line, ' ', length);
    if (!space || length > sizeof both)
        return osprey__fail(r->error, OSPREY_FORMAT, r->merges_path,
                            "line %zu has to be two tokens with a space between", number);
    const size_t left = (size_t)(space - line), right = length - left - 1;
    memcpy(both, line, left);
    memcpy(both + left, space + 1, right);
    json_t *merge = json_stringn(line, length);
    if (!merge)
        return osprey__fail(r->error, OSPREY_FORMAT, r->merges_path, "line %zu is not UTF-8",
                            number);
    if (json_array_append_new(r->merges, merge) != 0 ||
        json_object_setn_new_nocheck(r->made, both, left + right, json_true()) != 0)
        return osprey__fail_memory(r->error, length);
    return OSPREY_OK;
}

/* Both merges.txt as published, whose first line gives a version, and one without that line. */
static osprey_status add_merges(const reading *r, const char *text, size_t length)
{
    const char *end = text + length;
    for (size_t number = 1; text < end; number++) {
        const char *line = text, *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        text = stop < end ? stop + 1 : end;
        if (stop > line && stop[-1] == '\r') stop--;
        const bool is_version = number == 1 && strncmp(line, "#version", strlen("#version")) == 0;
        if (stop > line && !is_version)
            OSPREY_TRY(add_merge(r, line, (size_t)(stop - line), number));
    }
    return OSPREY_OK;
}

static osprey_status read_merges(const reading *r)
{
    char *text;
    size_t length;
    OSPREY_TRY(osprey__file_read(r->merges_path, FILE_BYTES_LIMIT, &text, &length, r->error));
    osprey_status status = add_merges(r, text, length);
    osprey__free(text);
    return status;
}

static bool is_character(const char *token)
{
    return *token && strlen(token) == osprey__utf8_length((uint8_t)*token);
}

static bool is_special(const char *token)
{
    return *token == '<' || strncmp(token, "madeupword", strlen("madeupword")) == 0;
}

static osprey_status check_merges(const reading *r)
{
    const char *token;
    json_t *id;
    json_object_foreach(r->vocabulary, token, id)
    {
        if (is_character(token) || is_special(token) || json_object_get(r->made, token)) continue;
        return osprey__fail(r->error, OSPREY_FORMAT, r->merges_path,
                            "no merge makes \"%.60s\" of %.200s: merges are missing, or the two "
                            "files are not of one tokenizer",
                            token, r->vocabulary_path);
    }
    return OSPREY_OK;
}

/* Tokens that are found in a text as a whole, as RobertaTokenizer has them. */
static osprey_status add_special(const reading *r, json_t *added)
{
    static const char *const names[] = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *id = json_object_get(r->vocabulary, names[i]);
        if (!id) continue;
        json_t *token = json_pack("{s:O, s:s, s:b}", "id", id, "content", names[i], "lstrip",
                                  strcmp(names[i], "<mask>") == 0);
        if (json_array_append_new(added, token) != 0)
            return osprey__fail_memory(r->error, sizeof(json_t));
    }
    return OSPREY_OK;
}

static osprey_status wrap(const reading *r, json_t **root)
{
    json_t *start = json_object_get(r->vocabulary, "<s>"),
           *end = json_object_get(r->vocabulary, "</s>");
    if (!start || !end)
        return osprey__fail(r->error, OSPREY_FORMAT, r->vocabulary_path,
                            "\"%s\" is not in the vocabulary", start ? "</s>" : "<s>");
    *root =
        json_pack("{s:{s:s, s:O, s:O}, s:{s:s, s:b}, s:{s:s, s:[s, O], s:[s, O]}, s:[]}", "model",
                  "type", "BPE", "vocab", r->vocabulary, "merges", r->merges, "pre_tokenizer",
                  "type", "ByteLevel", "add_prefix_space", 0, "post_processor", "type",
                  "RobertaProcessing", "cls", "<s>", start, "sep", "</s>", end, "added_tokens");
    if (!*root) return osprey__fail_memory(r->error, sizeof(json_t));
    return add_special(r, json_object_get(*root, "added_tokens"));
}

osprey_status osprey__gpt2_files_read(const char *vocabulary_path, const char *merges_path,
                                      json_t **root, osprey_error *error)
{
    reading r = {.vocabulary_path = vocabulary_path, .merges_path = merges_path, .error = error};
    osprey_status status;
    *root = NULL;
    r.merges = json_array();
    r.made = json_object();
    OSPREY_TRY_GOTO(osprey__json_read(vocabulary_path, FILE_BYTES_LIMIT, &r.vocabulary, error));
    if (!json_is_object(r.vocabulary))
        OSPREY_TRY_GOTO(osprey__fail(error, OSPREY_FORMAT, vocabulary_path,
                                     "the vocabulary has to be an object of token to id"));
    OSPREY_TRY_GOTO(read_merges(&r));
    OSPREY_TRY_GOTO(check_merges(&r));
    status = wrap(&r, root);
fail:
    if (status != OSPREY_OK) {
        json_decref(*root);
        *root = NULL;
    }
    json_decref(r.vocabulary);
    json_decref(r.merges);
    json_decref(r.made);
    return status;
}
