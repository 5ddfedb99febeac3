/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/piece_files.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "input/text/piece_tokenizer_json.h"
#include "input/text/spiece_file.h"
#include "input/text/text_cleaning.h"

#include <limits.h>

#define FILE_BYTES_LIMIT ((size_t)128 << 20)

/* What the configurations beside the model say; tokens point into their JSON. */
typedef struct configurations {
    json_t *roots[2];
    osprey__piece_settings settings;
    bool adds_start, adds_end, lower_case;
} configurations;

/* The content of a special token: a string, or an object's "content". */
static osprey_status read_token(const json_t *root, const char *key, const char *file,
                                const char **content, osprey_error *error)
{
    const json_t *token = json_object_get(root, key);
    if (json_is_object(token)) return osprey__json_string(token, "content", file, content, error);
    return osprey__json_string(root, key, file, content, error);
}

static osprey_status read_flag(const json_t *root, const char *key, const char *file, bool *flag,
                               const bool **said, osprey_error *error)
{
    OSPREY_TRY(osprey__json_bool(root, key, file, flag, error));
    if (json_is_boolean(json_object_get(root, key))) *said = flag;
    return OSPREY_OK;
}

static osprey_status read_configuration(const char *path, json_t **root, configurations *found,
                                        osprey_error *error)
{
    osprey__piece_settings *settings = &found->settings;
    OSPREY_TRY(osprey__json_read(path, FILE_BYTES_LIMIT, root, error));
    OSPREY_TRY(read_token(*root, "bos_token", path, &settings->start, error));
    OSPREY_TRY(read_token(*root, "eos_token", path, &settings->end, error));
    OSPREY_TRY(read_token(*root, "pad_token", path, &settings->pad, error));
    OSPREY_TRY(
        read_flag(*root, "add_bos_token", path, &found->adds_start, &settings->adds_start, error));
    OSPREY_TRY(
        read_flag(*root, "add_eos_token", path, &found->adds_end, &settings->adds_end, error));
    OSPREY_TRY(osprey__json_bool(*root, "add_prefix_space", path, &settings->leads, error));
    return read_flag(*root, "do_lower_case", path, &found->lower_case, &settings->lower_case,
                     error);
}

/* Where name lies in directory, adds it to files. */
static osprey_status look_for(const char *directory, const char *name, char path[PATH_MAX],
                              bool *there, osprey__tokenizer_files *files, osprey_error *error)
{
    OSPREY_TRY(osprey__path_join(path, PATH_MAX, directory, name, error));
    *there = osprey__file_exists(path);
    if (*there) files->names[files->count++] = name;
    return OSPREY_OK;
}

static osprey_status open_spiece(const char *path, const osprey__piece_settings *settings,
                                 osprey__piece_tokenizer *tokenizer, osprey_error *error)
{
    char *bytes;
    size_t length;
    OSPREY_TRY(osprey__file_read(path, FILE_BYTES_LIMIT, &bytes, &length, error));
    osprey_status status =
        osprey__spiece_parse(bytes, length, path, !settings->lower_case || *settings->lower_case,
                             settings->end ? settings->end : "</s>",
                             settings->pad ? settings->pad : "</s>", tokenizer, error);
    osprey__free(bytes);
    return status;
}

static osprey_status open_json(const char *path, const osprey__piece_settings *settings,
                               osprey__piece_tokenizer *tokenizer, osprey_error *error)
{
    json_t *root;
    OSPREY_TRY(osprey__json_read(path, FILE_BYTES_LIMIT, &root, error));
    osprey_status status =
        osprey__piece_tokenizer_parse_json(root, path, settings, tokenizer, error);
    json_decref(root);
    return status;
}

static osprey_status open_model(const char *directory, bool json_first,
                                const osprey__piece_settings *settings,
                                osprey__piece_tokenizer *tokenizer, osprey__tokenizer_files *files,
                                osprey_error *error)
{
    char path[PATH_MAX];
    for (int i = 0; i < 2; i++) {
        const bool json = (i == 0) == json_first;
        bool there;
        OSPREY_TRY(look_for(directory, json ? "tokenizer.json" : "spiece.model", path, &there,
                            files, error));
        if (there) return (json ? open_json : open_spiece)(path, settings, tokenizer, error);
    }
    return osprey__fail(error, OSPREY_NOT_FOUND, directory,
                        "no tokenizer: spiece.model or tokenizer.json is missing");
}

/* Both configurations, where they are there. */
static osprey_status read_configurations(const char *directory, configurations *found,
                                         osprey__tokenizer_files *files, osprey_error *error)
{
    /* What the second says counts. */
    static const char *const names[] = {"special_tokens_map.json", "tokenizer_config.json"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool there;
        OSPREY_TRY(look_for(directory, names[i], path, &there, files, error));
        if (there) OSPREY_TRY(read_configuration(path, &found->roots[i], found, error));
    }
    return OSPREY_OK;
}

/* Frees the tokenizer unless status says that it was made. */
static osprey_status finish(osprey_status status, configurations *found,
                            osprey__piece_tokenizer **tokenizer)
{
    for (size_t i = 0; i < 2; i++) json_decref(found->roots[i]);
    if (status == OSPREY_OK) return OSPREY_OK;
    osprey__piece_tokenizer_free(*tokenizer);
    *tokenizer = NULL;
    return status;
}

osprey_status osprey__siglip_tokenizer_open(const char *directory, const char *cleaning,
                                            osprey__piece_tokenizer **tokenizer,
                                            osprey__tokenizer_files *files, osprey_error *error)
{
    configurations found = {0};
    osprey_status status = OSPREY_OK;
    const bool openclip = *cleaning;
    *files = (osprey__tokenizer_files){0};
    *tokenizer = osprey__calloc(1, sizeof **tokenizer);
    if (!*tokenizer) return osprey__fail_memory(error, sizeof **tokenizer);
    OSPREY_TRY_GOTO(read_configurations(directory, &found, files, error));
    if (openclip) {
        found.settings.lower_case = NULL;
        OSPREY_TRY_GOTO(
            osprey__text_cleaning_add(&(*tokenizer)->cleaning, cleaning, directory, error));
    }
    status = open_model(directory, openclip, &found.settings, *tokenizer, files, error);
fail:
    return finish(status, &found, tokenizer);
}

osprey_status osprey__roberta_tokenizer_open(const json_t *root, const char *path,
                                             const char *directory, const char *cleaning,
                                             osprey__piece_tokenizer **tokenizer,
                                             osprey__tokenizer_files *files, osprey_error *error)
{
    configurations found = {0};
    osprey_status status = OSPREY_OK;
    *tokenizer = osprey__calloc(1, sizeof **tokenizer);
    if (!*tokenizer) return osprey__fail_memory(error, sizeof **tokenizer);
    OSPREY_TRY_GOTO(read_configurations(directory, &found, files, error));
    found.settings.lower_case = NULL;
    if (*cleaning)
        OSPREY_TRY_GOTO(
            osprey__text_cleaning_add(&(*tokenizer)->cleaning, cleaning, directory, error));
    status = osprey__piece_tokenizer_parse_json(root, path, &found.settings, *tokenizer, error);
    (*tokenizer)->pad_id = -1; /* what fills texts up is masked */
    /* Words are without white space around them, but for those of bytes. */
    if (status == OSPREY_OK && !*cleaning && (*tokenizer)->split == OSPREY__SPLIT_AS_GPT2)
        status = osprey__text_cleaning_add_strip(&(*tokenizer)->cleaning, directory, error);
fail:
    return finish(status, &found, tokenizer);
}
