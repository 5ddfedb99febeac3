/* SPDX-License-Identifier: Apache-2.0 */
#include "prompts.h"

#include "cli_memory.h"
#include "lines.h"
#include "templates.h"

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

cli_exit cli_prompts_read(cli_prompts **prompts, const cli_options *options)
{
    *prompts = NULL;
    if (!options->labels) return CLI_DONE;
    cli_prompts *made = cli_calloc(1, sizeof *made);
    cli_exit code = read_labels(made, options->labels);
    if (code == CLI_DONE) cli_lines_drop_repeated(&made->labels);
    if (code == CLI_DONE) code = cli_templates_read(&made->templates, options);
    if (code == CLI_DONE)
        *prompts = made;
    else
        cli_prompts_free(made);
    return code;
}

/* CLI_DONE where it can be tried again. */
static cli_exit fail_encoding(const cli_prompts *prompts, cli_loaded_model *loaded,
                              const osprey_error *error)
{
    const cli_exit told = cli_templates_fail(&prompts->templates, error);
    if (told != CLI_DONE) return told;
    return error->status == OSPREY_INVALID_ARGUMENT ? cli_fail_error(CLI_WRONG_USE, error)
                                                    : cli_model_renew(loaded, error);
}

cli_exit cli_prompts_encode(const cli_prompts *prompts, const cli_options *options,
                            cli_loaded_model *loaded, osprey_label_set **set)
{
    const char **labels = cli_lines_texts(&prompts->labels);
    const char **given = cli_lines_texts(&prompts->templates);
    const bool own = prompts->templates.count == 0;
    osprey_label_set_options how = {
        .labels = labels,
        .label_count = prompts->labels.count,
        .templates = own ? loaded->info->templates : given,
        .template_count = own ? loaded->info->template_count : prompts->templates.count,
        .ensemble = options->ensemble == CLI_ENSEMBLE_PROBABILITY ? OSPREY_ENSEMBLE_PROBABILITY
                                                                  : OSPREY_ENSEMBLE_EMBEDDING,
    };
    osprey_error error = {0};
    cli_exit code = CLI_DONE;
    while (code == CLI_DONE &&
           osprey_label_set_create(loaded->session, &how, set, &error) != OSPREY_OK)
        code = fail_encoding(prompts, loaded, &error);
    cli_free((void *)labels);
    cli_free((void *)given);
    return code;
}

void cli_prompts_free(cli_prompts *prompts)
{
    if (!prompts) return;
    cli_lines_free(&prompts->labels);
    cli_lines_free(&prompts->templates);
    cli_free(prompts);
}
