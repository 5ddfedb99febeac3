/* SPDX-License-Identifier: Apache-2.0 */
/* osprey cache: the engines that are kept for a quicker second start. */
#include "commands.h"
#include "json_text.h"
#include "output.h"

#include <osprey/cache.h>

#include <string.h>
#include <time.h>

static void write_entry(cli_output *output, const osprey_cache_entry *entry, bool json)
{
    char used[32] = "";
    time_t seconds = (time_t)entry->used_at;
    struct tm parts;
    if (gmtime_r(&seconds, &parts)) strftime(used, sizeof used, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (!json) {
        cli_output_print(output, "%9.1f MiB  %s  ", (double)entry->bytes / (1 << 20), used);
        cli_output_visible(output, entry->file);
        cli_output_print(output, "\n");
        return;
    }
    json_t *line = json_object();
    json_object_set_new(line, "file", cli_json_text(entry->file, strlen(entry->file)));
    json_object_set_new(line, "bytes", json_integer((json_int_t)entry->bytes));
    json_object_set_new(line, "used", json_string(used));
    cli_output_json(output, line);
}

static void write_sum(cli_output *output, const osprey_cache_list *list)
{
    cli_output_print(output, "%zu engine%s, %.1f MiB, in ", list->count, CLI_S(list->count),
                     (double)list->bytes / (1 << 20));
    cli_output_visible(output, list->directory);
    cli_output_print(output, "\n");
}

static cli_exit fail(const osprey_error *error)
{
    return cli_fail_error(error->status == OSPREY_NOT_FOUND ? CLI_WRONG_USE : CLI_INPUTS_FAILED,
                          error);
}

/* Engines that the user has put there, which clearing leaves alone. */
static void name_others(const osprey_cache_list *list)
{
    for (size_t i = 0; i < list->other_count; i++)
        cli_fail(CLI_DONE, list->others[i], "stays: it is no entry of the cache's");
}

static cli_exit show(const cli_options *options)
{
    osprey_cache_list *list;
    osprey_error error;
    if (osprey_cache_read(&list, &error) != OSPREY_OK) return fail(&error);
    cli_output output;
    cli_exit code = cli_output_open(&output, options->output);
    if (code == CLI_DONE) {
        for (size_t i = 0; i < list->count; i++)
            write_entry(&output, &list->entries[i], options->json);
        if (!options->json) write_sum(&output, list);
        if (options->clear) name_others(list);
        code = cli_output_close(&output, code);
    }
    osprey_cache_list_free(list);
    return code;
}

static cli_exit run(const cli_options *options)
{
    if (options->inputs.count)
        return cli_fail(CLI_WRONG_USE, options->inputs.items[0], "cache takes no inputs");
    osprey_error error;
    if (options->clear && osprey_cache_clear(&error) != OSPREY_OK) return fail(&error);
    return show(options);
}

const cli_command cli_cache_command = {
    .name = "cache",
    .bit = CLI_CACHE,
    .arguments = "",
    .summary = "Show or clear the engines kept for a quicker start.",
    .details =
        "classify, embed and bench compile the model that -m names into a cache, so that "
        "the second start is instant. They lie in $XDG_CACHE_HOME/osprey, or "
        "$HOME/.cache/osprey; a model that changed is compiled again, and what was not used "
        "for longest goes when --cache-limit is passed. What else lies there is never "
        "removed, and --clear names engines that it has left. A directory that cannot be read is "
        "exit code 1, none at all (neither variable names one) exit code 2.",
    .example = "  osprey cache\n  osprey cache --clear\n",
    .run = run,
};
