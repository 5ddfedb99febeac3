/* SPDX-License-Identifier: Apache-2.0 */
#include "templates.h"

#include <osprey/task.h>

#include <string.h>

static cli_exit read_builtin(cli_lines *templates, const char *name)
{
    const char *const *texts;
    size_t count;
    osprey_error error;
    if (osprey_templates_builtin(name, &texts, &count, &error) != OSPREY_OK)
        return cli_fail(CLI_WRONG_USE, "--templates", "%s: %s, or @FILE", name, error.message);
    for (size_t i = 0; i < count; i++) cli_lines_add(templates, texts[i], strlen(texts[i]));
    return CLI_DONE;
}

cli_exit cli_templates_read(cli_lines *templates, const cli_options *options)
{
    const cli_strings *given = &options->template;
    const char *value = options->templates;
    *templates = (cli_lines){0};
    for (size_t i = 0; i < given->count; i++)
        cli_lines_add(templates, given->items[i], strlen(given->items[i]));
    if (!value) return CLI_DONE;
    if (value[0] != '@') return read_builtin(templates, value);
    cli_exit code = cli_lines_read_value(templates, "--templates", value);
    if (code != CLI_DONE) return code;
    cli_lines_trim(templates);
    if (templates->count == 0)
        return cli_fail(CLI_WRONG_USE, templates->name, "there are no templates in it");
    return cli_lines_check_strings(templates);
}

/* The template that the library means by an error's subject, which may be cut. */
static const cli_line *find(const cli_lines *templates, const osprey_error *error)
{
    for (size_t i = 0; i < templates->count; i++)
        if (strncmp(templates->items[i].text, error->subject, sizeof error->subject - 1) == 0)
            return &templates->items[i];
    return NULL;
}

cli_exit cli_templates_fail(const cli_lines *templates, const osprey_error *error)
{
    const cli_line *template = find(templates, error);
    if (error->status != OSPREY_INVALID_ARGUMENT || !template) return CLI_DONE;
    if (templates->name)
        return cli_fail(CLI_WRONG_USE, templates->name, "line %zu: \"%s\": %s", template->number,
                        template->text, error->message);
    return cli_fail(CLI_WRONG_USE, "--template", "\"%s\": %s", template->text, error->message);
}
