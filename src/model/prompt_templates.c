/* SPDX-License-Identifier: Apache-2.0 */
#include "model/prompt_templates.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/status.h"
#include "format/model_config.h"
#include "input/text/templates.h"

#include <string.h>

static osprey_status check(const char *text, osprey_error *error)
{
    osprey__template parsed;
    if (strlen(text) > OSPREY_TEMPLATE_BYTES_MAX)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, text,
                            "the template is longer than %d bytes", OSPREY_TEMPLATE_BYTES_MAX);
    return osprey__template_parse(text, &parsed, error);
}

osprey_status osprey__prompt_templates_add(osprey__prompt_templates *templates,
                                           const char *const *texts, size_t count,
                                           osprey_error *error)
{
    if (!count) return OSPREY_OK;
    if (count > OSPREY_TEMPLATES_MAX - templates->count)
        return osprey__fail(error, OSPREY_LIMIT, "templates", "%zu; at most %d would be right",
                            templates->count + count, OSPREY_TEMPLATES_MAX);
    char **grown =
        osprey__realloc(templates->texts, templates->count + count, sizeof *templates->texts);
    if (!grown) return osprey__fail_memory(error, count * sizeof *grown);
    templates->texts = grown;
    for (size_t i = 0; i < count; i++) {
        OSPREY_TRY(check(texts[i], error));
        char *copy = osprey__strdup(texts[i]);
        if (!copy) return osprey__fail_memory(error, strlen(texts[i]) + 1);
        templates->texts[templates->count++] = copy;
    }
    return OSPREY_OK;
}

osprey_status osprey__prompt_templates_add_usual(osprey__prompt_templates *templates, bool siglip,
                                                 osprey_error *error)
{
    const char *const usual = siglip ? "This is a photo of {}." : "a photo of a {}.";
    return osprey__prompt_templates_add(templates, &usual, 1, error);
}

/* One from a file: what is wrong with it is the file's format. */
static osprey_status add_string(osprey__prompt_templates *templates, const json_t *value,
                                const char *key, const char *file, osprey_error *error)
{
    const char *text = json_string_value(value);
    osprey_error reason;
    if (!text)
        return osprey__fail(error, OSPREY_FORMAT, file, "\"%s\" has to hold strings with {} in",
                            key);
    osprey_status status = osprey__prompt_templates_add(templates, &text, 1, &reason);
    if (status == OSPREY_INVALID_ARGUMENT)
        return osprey__fail(error, OSPREY_FORMAT, file, "\"%s\": %s", key, reason.message);
    if (status == OSPREY_LIMIT)
        return osprey__fail(error, OSPREY_LIMIT, file, "\"%s\" holds more than %d templates", key,
                            OSPREY_TEMPLATES_MAX);
    if (status != OSPREY_OK && error) *error = reason;
    return status;
}

osprey_status osprey__prompt_templates_add_list(osprey__prompt_templates *templates,
                                                const json_t *list, const char *key,
                                                const char *file, osprey_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        OSPREY_TRY(add_string(templates, json_array_get(list, i), key, file, error));
    return OSPREY_OK;
}

osprey_status osprey__prompt_templates_parse(osprey__prompt_templates *templates,
                                             const json_t *root, const char *file,
                                             osprey_error *error)
{
    static const char key[] = "hypothesis_template";
    json_t *tasks = NULL, *task = NULL;
    OSPREY_TRY(osprey__json_object(root, "task_specific_params", file, &tasks, error));
    OSPREY_TRY(osprey__json_object(tasks, "zero-shot-image-classification", file, &task, error));
    const json_t *value = json_object_get(task, key);
    if (!value || json_is_null(value)) return OSPREY_OK;
    if (json_is_array(value))
        return osprey__prompt_templates_add_list(templates, value, key, file, error);
    return add_string(templates, value, key, file, error);
}

osprey_status osprey__prompt_templates_read(osprey__prompt_templates *templates, const char *path,
                                            osprey_error *error)
{
    json_t *root = NULL;
    OSPREY_TRY(osprey__json_read(path, OSPREY__CONFIG_BYTES_MAX, &root, error));
    osprey_status status = osprey__prompt_templates_parse(templates, root, path, error);
    json_decref(root);
    return status;
}

void osprey__prompt_templates_free(osprey__prompt_templates *templates)
{
    for (size_t i = 0; i < templates->count; i++) osprey__free(templates->texts[i]);
    osprey__free(templates->texts);
    *templates = (osprey__prompt_templates){0};
}
