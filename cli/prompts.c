/* SPDX-License-Identifier: Apache-2.0 */
#include "prompts.h"

#include "cli_memory.h"
#include "lines.h"

#include <string.h>

struct cli_prompts {
    cli_lines labels, templates;
};

/* "a, b,c" as lines. */
static cli_exit split_labels(cli_prompts *prompts, const char *list)
{
    prompts->labels.name = cli_print("--labels");
    prompts->labels.block = cli_strndup(list, strlen(list));
    for (char *label = prompts->labels.block; label;) {
        char *comma = strchr(label, ',');
        if (comma) *comma = '\0';
        cli_lines_add(&prompts->labels, label, strlen(label));
        label = comma ? comma + 1 : NULL;
    }
    size_t named = prompts->labels.count;
    cli_lines_trim(&prompts->labels);
    if (prompts->labels.count == named) return CLI_DONE;
    return cli_fail(CLI_WRONG_USE, "--labels", "\"%s\" has an empty label", list);
}

static cli_exit read_labels(cli_prompts *prompts, const char *value)
{
    if (value[0] != '@') return split_labels(prompts, value);
    cli_exit code = cli_lines_read_value(&prompts->labels, "--labels", value);
    if (code != CLI_DONE) return code;
    cli_lines_trim(&prompts->labels);
    if (prompts->labels.count == 0)
        return cli_fail(CLI_WRONG_USE, prompts->labels.name, "there are no labels in it");
    return cli_lines_check_strings(&prompts->labels);
}

static cli_exit read_builtin_templates(cli_prompts *prompts, const char *name)
{
    const char *const *texts;
    size_t count;
    osprey_error error;
    if (osprey_templates_builtin(name, &texts, &count, &error) != OSPREY_OK)
        return cli_fail(CLI_WRONG_USE, "--templates", "%s: %s, or @FILE", name, error.message);
    for (size_t i = 0; i < count; i++)
        cli_lines_add(&prompts->templates, texts[i], strlen(texts[i]));
    return CLI_DONE;
}

static cli_exit read_templates(cli_prompts *prompts, const cli_options *options)
{
    const cli_strings *given = &options->template;
    const char *value = options->templates;
    for (size_t i = 0; i < given->count; i++)
        cli_lines_add(&prompts->templates, given->items[i], strlen(given->items[i]));
    if (value && value[0] != '@') return read_builtin_templates(prompts, value);
    if (value) {
        cli_exit code = cli_lines_read_value(&prompts->templates, "--templates", value);
        if (code != CLI_DONE) return code;
        cli_lines_trim(&prompts->templates);
        if (prompts->templates.count == 0)
            return cli_fail(CLI_WRONG_USE, prompts->templates.name, "there are no templates in it");
        return cli_lines_check_strings(&prompts->templates);
    }
    return CLI_DONE;
}

cli_exit cli_prompts_read(cli_prompts **prompts, const cli_options *options)
{
    *prompts = NULL;
    if (!options->labels && (options->template.count || options->templates))
        return cli_fail(CLI_WRONG_USE, "--labels",
                        "is missing: templates go with the labels to choose from, as a,b,c or "
                        "@FILE");
    if (!options->labels) return CLI_DONE;
    cli_prompts *made = cli_calloc(1, sizeof *made);
    cli_exit code = read_labels(made, options->labels);
    if (code == CLI_DONE) cli_lines_drop_repeated(&made->labels);
    if (code == CLI_DONE) code = read_templates(made, options);
    if (code == CLI_DONE)
        *prompts = made;
    else
        cli_prompts_free(made);
    return code;
}

/* The lines' texts as the library takes them; the caller frees the list. */
static const char **texts_of(const cli_lines *lines)
{
    const char **texts = cli_calloc(lines->count, sizeof *texts);
    for (size_t i = 0; i < lines->count; i++) texts[i] = lines->items[i].text;
    return texts;
}

/* The template that the library means by an error's subject, which may be cut; NULL where it means
 * something else. */
static const cli_line *find_template(const cli_prompts *prompts, const osprey_error *error)
{
    for (size_t i = 0; i < prompts->templates.count; i++)
        if (strncmp(prompts->templates.items[i].text, error->subject, sizeof error->subject - 1) ==
            0)
            return &prompts->templates.items[i];
    return NULL;
}

cli_exit cli_prompts_encode(const cli_prompts *prompts, const cli_options *options,
                            const cli_loaded_model *loaded, osprey_label_set **set)
{
    static const char *const usual[] = {"a photo of a {}."};
    const char **labels = texts_of(&prompts->labels), **given = texts_of(&prompts->templates);
    bool use_usual = prompts->templates.count == 0 && !loaded->is_bundled;
    osprey_label_set_options how = {
        .labels = labels,
        .label_count = prompts->labels.count,
        .templates = use_usual ? usual : given,
        .template_count = use_usual ? 1 : prompts->templates.count,
        .ensemble = options->ensemble == CLI_ENSEMBLE_PROBABILITY ? OSPREY_ENSEMBLE_PROBABILITY
                                                                  : OSPREY_ENSEMBLE_EMBEDDING,
    };
    osprey_error error = {0};
    osprey_status status = osprey_label_set_create(loaded->session, &how, set, &error);
    cli_free((void *)labels);
    cli_free((void *)given);
    if (status == OSPREY_OK) return CLI_DONE;
    const cli_line *template = find_template(prompts, &error);
    if (status == OSPREY_INVALID_ARGUMENT && template && prompts->templates.name)
        return cli_fail(CLI_WRONG_USE, prompts->templates.name, "line %zu: \"%s\": %s",
                        template->number, template->text, error.message);
    if (status == OSPREY_INVALID_ARGUMENT && template)
        return cli_fail(CLI_WRONG_USE, "--template", "\"%s\": %s", template->text, error.message);
    return cli_fail_error(status == OSPREY_INVALID_ARGUMENT ? CLI_WRONG_USE : CLI_INPUTS_FAILED,
                          &error);
}

void cli_prompts_free(cli_prompts *prompts)
{
    if (!prompts) return;
    cli_lines_free(&prompts->labels);
    cli_lines_free(&prompts->templates);
    cli_free(prompts);
}
