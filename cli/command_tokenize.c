/* SPDX-License-Identifier: Apache-2.0 */
/* osprey tokenize: texts as the model's text tower reads them. */
#include "cli_memory.h"
#include "commands.h"
#include "json_text.h"
#include "lines.h"
#include "loaded_model.h"
#include "output.h"

#include <string.h>

static void write_json(cli_output *output, const cli_line *text, const int32_t *ids, size_t count)
{
    json_t *line = json_object(), *list = json_array();
    json_object_set_new(line, "text", cli_json_text(text->text, text->length));
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(ids[i]));
    json_object_set_new(line, "ids", list);
    cli_output_json(output, line);
}

static void write_plain(cli_output *output, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) cli_output_print(output, "%s%d", i ? " " : "", (int)ids[i]);
    cli_output_print(output, "\n");
}

static cli_exit tokenize(const cli_options *options, const cli_lines *texts,
                         const cli_loaded_model *loaded, cli_output *output)
{
    const osprey_tokenizer *tokenizer = osprey_model_tokenizer(loaded->model);
    if (!tokenizer)
        return cli_fail(CLI_WRONG_USE, options->model, "%s, and so without a tokenizer",
                        loaded->info->text.architecture
                            ? "the engine was compiled without its text tower"
                            : "the model is one without a text tower");
    size_t capacity = loaded->info->context_length;
    int32_t *ids = cli_calloc(capacity, sizeof *ids);
    cli_exit code = CLI_DONE;
    for (size_t i = 0; i < texts->count && code == CLI_DONE && cli_output_usable(output); i++) {
        const cli_line *text = &texts->items[i];
        size_t count = 0;
        osprey_error error;
        if (osprey_tokenizer_encode(tokenizer, text->text, text->length, ids, capacity, &count,
                                    &error) != OSPREY_OK) {
            cli_output_abandon(output);
            code = cli_fail_error(CLI_INPUTS_FAILED, &error);
        } else if (options->json) {
            write_json(output, text, ids, count);
        } else {
            write_plain(output, ids, count);
        }
    }
    cli_free(ids);
    return code;
}

static cli_exit find_texts(const cli_options *options, cli_lines *texts)
{
    const cli_strings *inputs = &options->inputs;
    if (!inputs->count && !options->texts)
        return cli_fail(CLI_WRONG_USE, NULL, "tokenize takes texts, or --texts @FILE");
    if (options->texts) return cli_lines_read_value(texts, "--texts", options->texts);
    if (inputs->count == 1 && strcmp(inputs->items[0], "-") == 0)
        return cli_lines_read_stdin(texts);
    for (size_t i = 0; i < inputs->count; i++)
        cli_lines_add(texts, inputs->items[i], strlen(inputs->items[i]));
    return CLI_DONE;
}

static cli_exit run(const cli_options *options)
{
    cli_lines texts = {0};
    cli_loaded_model loaded = {0};
    cli_output output = {0};
    cli_exit code = find_texts(options, &texts);
    if (code == CLI_DONE) code = cli_model_load(&loaded, options);
    if (code == CLI_DONE) code = cli_output_open(&output, options->output);
    if (code == CLI_DONE) code = tokenize(options, &texts, &loaded, &output);
    code = cli_output_close(&output, code);
    cli_model_unload(&loaded);
    cli_lines_free(&texts);
    return code;
}

const cli_command cli_tokenize_command = {
    .name = "tokenize",
    .bit = CLI_TOKENIZE,
    .arguments = "TEXT... | - | --texts @FILE",
    .summary = "Show texts as the token numbers that the model reads.",
    .details = "Shows each text as the token numbers that the model reads, start and end included "
               "and cut at the model's context. With - the texts are the lines of standard input.",
    .example = "  osprey tokenize --json \"a photo of a cat\"\n",
    .run = run,
};
