/* SPDX-License-Identifier: Apache-2.0 */
/* What sentence-transformers keeps beside a BertModel, RobertaModel or XLMRobertaModel. */
#include "base/json.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "format/config_values.h"
#include "format/model_config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* directory/name as a section; its object stays NULL where there is no such file. The caller
 * decrefs *root. */
static osprey_status open_file(const char *directory, const char *name, json_t **root,
                               osprey__config_section *section, osprey_error *error)
{
    char path[PATH_MAX];
    *root = NULL;
    *section = (osprey__config_section){0};
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, name, error));
    if (!osprey__file_exists(path)) return OSPREY_OK;
    OSPREY_TRY(osprey__json_read(path, OSPREY__CONFIG_BYTES_MAX, root, error));
    return osprey__config_section_whole(*root, path, section, error);
}

/* What one of these files says, or leaves as it is. section->object is NULL where it is missing. */
typedef osprey_status parse_file(const osprey__config_section *section, osprey__text_config *text,
                                 osprey_error *error);

static osprey_status read_file(const char *directory, const char *name, parse_file *parse,
                               osprey__text_config *text, osprey_error *error)
{
    json_t *root;
    osprey__config_section section;
    osprey_status status = open_file(directory, name, &root, &section, error);
    if (status == OSPREY_OK && root) status = parse(&section, text, error);
    json_decref(root);
    return status;
}

/* Often a number far above any text's length, or none. */
static osprey_status parse_tokenizer(const osprey__config_section *section,
                                     osprey__text_config *text, osprey_error *error)
{
    const json_t *most = json_object_get(section->object, "model_max_length");
    const json_int_t length = json_is_integer(most) ? json_integer_value(most) : 0;
    (void)error;
    if (length > 0 && (uint64_t)length < text->context_length)
        text->context_length = (size_t)length;
    return OSPREY_OK;
}

static osprey_status parse_limit(const osprey__config_section *section, osprey__text_config *text,
                                 osprey_error *error)
{
    size_t longest = text->context_length;
    bool lower = false;
    OSPREY_TRY(osprey__config_dimension(section, "max_seq_length", OSPREY__CONFIG_CONTEXT_MAX,
                                        &longest, error));
    OSPREY_TRY(osprey__json_bool(section->object, "do_lower_case", section->label, &lower, error));
    if (lower)
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            "\"do_lower_case\": osprey lowers texts where the tokenizer does it");
    const size_t most = text->positions - text->first_position;
    text->context_length = longest < most ? longest : most;
    return OSPREY_OK;
}

static osprey_status parse_prompt(const osprey__config_section *section, osprey__text_config *text,
                                  osprey_error *error)
{
    const char *prompt = NULL;
    (void)text;
    OSPREY_TRY(osprey__json_string(section->object, "default_prompt_name", section->label, &prompt,
                                   error));
    if (!prompt) return OSPREY_OK;
    return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                        "\"default_prompt_name\" is \"%s\"; osprey puts nothing before texts",
                        prompt);
}

/* The flags of the modes, of which one is true; newer files name the mode instead. */
static osprey_status parse_pooling(const osprey__config_section *section, osprey__text_config *text,
                                   osprey_error *error)
{
    static const char flag[] = "pooling_mode_";
    const char *mode = "mean", *key;
    const json_t *value;
    size_t modes = 0;
    OSPREY_TRY(osprey__json_string(section->object, "pooling_mode", section->label, &mode, error));
    json_object_foreach(section->object, key, value)
    {
        if (strncmp(key, flag, strlen(flag)) != 0 || !json_is_true(value)) continue;
        mode = key + strlen(flag);
        modes++;
    }
    const bool first = strcmp(mode, "cls_token") == 0 || strcmp(mode, "cls") == 0;
    if (modes > 1 || (!first && strcmp(mode, "mean_tokens") != 0 && strcmp(mode, "mean") != 0))
        return osprey__fail(error, OSPREY_UNSUPPORTED, section->label,
                            modes > 1
                                ? "several modes of pooling, \"%s\" among them; supported is "
                                  "the mean of the tokens or the first alone"
                                : "pooling \"%s\"; supported is the mean of the tokens or the "
                                  "first",
                            mode);
    text->pooling = first ? OSPREY__POOL_FIRST : OSPREY__POOL_MEAN;
    return OSPREY_OK;
}

static osprey_status read_pooling(const char *directory, const char *module, const char *file,
                                  osprey__model_config *config, osprey_error *error)
{
    json_t *root = NULL;
    osprey__config_section section;
    char *name = config->pooling_file;
    const size_t length = strlen(module), most = sizeof config->pooling_file;
    const bool inside = length && !strchr(module, '/') && strcmp(module, "..") != 0;
    if (!inside || (size_t)snprintf(name, most, "%s/config.json", module) >= most)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "the \"path\" of the Pooling module has to be the short name of a "
                            "directory beside it");
    osprey_status status = open_file(directory, name, &root, &section, error);
    if (status == OSPREY_OK && !root)
        status = osprey__fail(error, OSPREY_NOT_FOUND, file,
                              "it names a Pooling module whose %s is missing", name);
    if (status == OSPREY_OK) status = parse_pooling(&section, &config->text, error);
    json_decref(root);
    return status;
}

/* "sentence_transformers.models.Pooling" is Pooling; where the class is defined changes. */
static osprey_status module_kind(json_t *module, const char *file, const char **kind,
                                 const char **path, osprey_error *error)
{
    *kind = *path = "";
    if (!json_is_object(module))
        return osprey__fail(error, OSPREY_FORMAT, file, "its modules have to be objects");
    OSPREY_TRY(osprey__json_string(module, "type", file, kind, error));
    OSPREY_TRY(osprey__json_string(module, "path", file, path, error));
    const char *dot = strrchr(*kind, '.');
    if (dot) *kind = dot + 1;
    return OSPREY_OK;
}

static osprey_status parse_modules(const char *directory, const json_t *modules, const char *file,
                                   osprey__model_config *config, osprey_error *error)
{
    static const char *const kinds[] = {"Transformer", "Pooling", "Normalize"};
    const size_t count = json_array_size(modules);
    if (!json_is_array(modules) || count < 2)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "it has to be a list of modules: Transformer, Pooling and perhaps "
                            "Normalize");
    for (size_t i = 0; i < count; i++) {
        const char *kind, *path;
        OSPREY_TRY(module_kind(json_array_get(modules, i), file, &kind, &path, error));
        if (i >= sizeof kinds / sizeof *kinds || strcmp(kind, kinds[i]) != 0)
            return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                                "module %zu is \"%s\"; supported are Transformer, Pooling and "
                                "perhaps Normalize, in this order",
                                i, kind);
        if (i == 0 && *path)
            return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                                "the Transformer lies in \"%s\"; open that directory", path);
        if (i == 1) OSPREY_TRY(read_pooling(directory, path, file, config, error));
    }
    return OSPREY_OK;
}

osprey_status osprey__sentence_config_read(const char *directory, osprey__model_config *config,
                                           osprey_error *error)
{
    static const char name[] = "modules.json";
    char path[PATH_MAX];
    osprey__text_config *text = &config->text;
    OSPREY_TRY(read_file(directory, "tokenizer_config.json", parse_tokenizer, text, error));
    OSPREY_TRY(read_file(directory, "sentence_bert_config.json", parse_limit, text, error));
    OSPREY_TRY(
        read_file(directory, "config_sentence_transformers.json", parse_prompt, text, error));
    OSPREY_TRY(osprey__path_join(path, sizeof path, directory, name, error));
    if (!osprey__file_exists(path)) return OSPREY_OK;
    json_t *modules;
    OSPREY_TRY(osprey__json_read(path, OSPREY__CONFIG_BYTES_MAX, &modules, error));
    config->modules_file = name;
    osprey_status status = parse_modules(directory, modules, path, config, error);
    json_decref(modules);
    return status;
}
