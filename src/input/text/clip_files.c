/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tokenizer.json, or vocab.json with merges.txt, into a tokenizer. */
#include "base/json.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/clip_bpe.h"
#include "input/text/clip_bpe_build.h"
#include "input/text/clip_special_tokens.h"
#include "input/text/clip_tokenizer_json.h"

#include <string.h>

#define FILE_BYTES_LIMIT ((size_t)128 << 20)
#define PATH_CAPACITY    4096

/* Both merges.txt as published, whose first line gives a version, and one without that line. */
static osprey_status add_merge_lines(osprey__clip_bpe *tokenizer, const osprey__token_map *map,
                                     const char *text, size_t length, const char *path,
                                     osprey_error *error)
{
    const char *end = text + length;
    size_t number = 0;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        const char *line = text;
        size_t line_length = (size_t)(stop - line);
        text = stop < end ? stop + 1 : end;
        number++;
        if (number == 1 && strncmp(line, "#version", strlen("#version")) == 0) continue;
        if (line_length && line[line_length - 1] == '\r') line_length--;
        if (line_length == 0) continue;
        const char *space = memchr(line, ' ', line_length);
        if (!space)
            return osprey__fail(error, OSPREY_FORMAT, path,
                                "line %zu has to be two tokens with a space between", number);
        size_t left_length = (size_t)(space - line);
        OSPREY_TRY(osprey__clip_bpe_add_merge(tokenizer, map, line, left_length, space + 1,
                                              line_length - left_length - 1, path, number, error));
    }
    return OSPREY_OK;
}

static size_t count_lines(const char *text, size_t length)
{
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    return lines;
}

static osprey_status from_vocabulary(json_t *vocabulary, const char *vocabulary_path,
                                     const char *merges, size_t merges_length,
                                     const char *merges_path,
                                     const osprey__clip_special_tokens *special,
                                     osprey__clip_bpe **tokenizer, osprey_error *error)
{
    osprey__token_map map = {0};
    osprey_status status;
    OSPREY_TRY_GOTO(osprey__token_map_from_json(
        &map, vocabulary, json_object_size(special->numbered), vocabulary_path, error));
    OSPREY_TRY_GOTO(osprey__clip_special_tokens_number(special, &map, error));
    OSPREY_TRY_GOTO(osprey__clip_bpe_begin(&map, count_lines(merges, merges_length),
                                           special->start.content, special->end.content,
                                           special->unknown.content, tokenizer, error));
    (*tokenizer)->splits_special = true;
    OSPREY_TRY_GOTO(add_merge_lines(*tokenizer, &map, merges, merges_length, merges_path, error));
    OSPREY_TRY_GOTO(osprey__bpe_merges_finish(&(*tokenizer)->merges, error));
    OSPREY_TRY_GOTO(osprey__clip_special_tokens_add(special, NULL, NULL, *tokenizer, &map, error));
    status = osprey__clip_bpe_check_merges(*tokenizer, &map, merges_path, error);
fail:
    osprey__token_map_free(&map);
    return status;
}

static osprey_status open_vocabulary(const char *vocabulary_path, const char *merges_path,
                                     const osprey__clip_special_tokens *special,
                                     osprey__clip_bpe **tokenizer, osprey_error *error)
{
    json_t *vocabulary = NULL;
    char *merges = NULL;
    size_t merges_length = 0;
    osprey_status status;
    OSPREY_TRY_GOTO(osprey__json_read(vocabulary_path, FILE_BYTES_LIMIT, &vocabulary, error));
    OSPREY_TRY_GOTO(
        osprey__file_read(merges_path, FILE_BYTES_LIMIT, &merges, &merges_length, error));
    status = from_vocabulary(vocabulary, vocabulary_path, merges, merges_length, merges_path,
                             special, tokenizer, error);
fail:
    osprey__free(merges);
    json_decref(vocabulary);
    return status;
}

static osprey_status open_tokenizer_json(const char *path,
                                         const osprey__clip_special_tokens *special,
                                         osprey__clip_bpe **tokenizer, osprey_error *error)
{
    json_t *root = NULL;
    OSPREY_TRY(osprey__json_read(path, FILE_BYTES_LIMIT, &root, error));
    osprey_status status = osprey__clip_from_tokenizer_json(root, path, special, tokenizer, error);
    json_decref(root);
    return status;
}

/* Where name lies in directory, adds it to files. */
static osprey_status look_for(const char *directory, const char *name, char path[PATH_CAPACITY],
                              bool *there, osprey__tokenizer_files *files, osprey_error *error)
{
    OSPREY_TRY(osprey__path_join(path, PATH_CAPACITY, directory, name, error));
    *there = osprey__file_exists(path);
    if (*there) files->names[files->count++] = name;
    return OSPREY_OK;
}

static osprey_status open_model(const char *directory, const osprey__clip_special_tokens *special,
                                osprey__clip_bpe **tokenizer, osprey__tokenizer_files *files,
                                osprey_error *error)
{
    char path[PATH_CAPACITY], merges_path[PATH_CAPACITY];
    bool there, merges_there;
    OSPREY_TRY(look_for(directory, "tokenizer.json", path, &there, files, error));
    if (there) return open_tokenizer_json(path, special, tokenizer, error);
    OSPREY_TRY(look_for(directory, "vocab.json", path, &there, files, error));
    OSPREY_TRY(look_for(directory, "merges.txt", merges_path, &merges_there, files, error));
    if (there && merges_there) return open_vocabulary(path, merges_path, special, tokenizer, error);
    if (there || merges_there)
        return osprey__fail(error, OSPREY_FORMAT, directory,
                            "%s lies there without %s; both are needed, or tokenizer.json",
                            there ? "vocab.json" : "merges.txt",
                            there ? "merges.txt" : "vocab.json");
    return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                        "no tokenizer: tokenizer.json, or vocab.json with merges.txt, is missing");
}

osprey_status osprey__clip_bpe_open_directory(const char *directory, osprey__clip_bpe **tokenizer,
                                              osprey__tokenizer_files *files, osprey_error *error)
{
    char path[PATH_CAPACITY], map_path[PATH_CAPACITY];
    bool there;
    *tokenizer = NULL;
    *files = (osprey__tokenizer_files){0};
    osprey__clip_special_tokens special = OSPREY__CLIP_SPECIAL_TOKENS;
    osprey_status status;
    OSPREY_TRY_GOTO(look_for(directory, "tokenizer_config.json", path, &there, files, error));
    if (there) OSPREY_TRY_GOTO(osprey__clip_special_tokens_read(&special, path, error));
    OSPREY_TRY_GOTO(look_for(directory, "special_tokens_map.json", map_path, &there, files, error));
    if (there) OSPREY_TRY_GOTO(osprey__clip_special_tokens_read(&special, map_path, error));
    status = open_model(directory, &special, tokenizer, files, error);
fail:
    osprey__clip_special_tokens_free(&special);
    if (status != OSPREY_OK) {
        osprey__clip_bpe_free(*tokenizer);
        *tokenizer = NULL;
        *files = (osprey__tokenizer_files){0};
    }
    return status;
}
