/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "cli_memory.h"
#include "spelling.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One reading of a command line. */
typedef struct parser {
    cli_command_bit command;
    const char *command_name;
    cli_options *options;
} parser;

static void *field_of(const parser *p, const cli_option_spec *spec)
{
    return (char *)p->options + spec->offset;
}

static void append_string(cli_strings *strings, const char *text)
{
    strings->items =
        cli_realloc((void *)strings->items, strings->count + 1, sizeof *strings->items);
    strings->items[strings->count++] = text;
}

/* The number at text up to end or a comma; *after is behind it. False where it is none, or outside
 * the option's bounds. */
static bool read_size(const cli_option_spec *spec, const char *text, const char **after,
                      size_t *number)
{
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || value < spec->least || value > spec->most) return false;
    *after = end;
    *number = (size_t)value;
    return true;
}

static bool read_sizes(const cli_option_spec *spec, const char *text, cli_sizes *sizes)
{
    sizes->count = 0;
    for (;;) {
        size_t number;
        if (!read_size(spec, text, &text, &number)) return false;
        sizes->items = cli_realloc(sizes->items, sizes->count + 1, sizeof *sizes->items);
        sizes->items[sizes->count++] = number;
        if (!*text) return true;
        if (*text++ != ',') return false;
    }
}

static bool read_choice(const cli_option_spec *spec, const char *text, size_t *choice)
{
    for (size_t i = 0; spec->choices[i]; i++) {
        if (strcmp(text, spec->choices[i]) != 0) continue;
        *choice = i;
        return true;
    }
    return false;
}

static bool read_number(const char *text, float *number)
{
    char *end;
    errno = 0;
    *number = strtof(text, &end);
    return end != text && !*end && isfinite(*number);
}

/* A flag's value in an environment variable. */
static bool read_flag(const char *text, bool *flag)
{
    static const char *const words[] = {"0", "1", "false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *flag = i % 2;
        return true;
    }
    return false;
}

/* name: how the user wrote the flag, or its environment variable. */
static cli_exit wrong_value(const cli_option_spec *spec, const char *name, const char *text)
{
    switch (spec->kind) {
    case CLI_SIZE:
        return cli_fail(CLI_WRONG_USE, name, "\"%s\" is not a whole number from %zu to %zu", text,
                        spec->least, spec->most);
    case CLI_SIZES:
        return cli_fail(CLI_WRONG_USE, name,
                        "\"%s\" is not a list of whole numbers from %zu to %zu, such as 1,8", text,
                        spec->least, spec->most);
    case CLI_NUMBER:
        return cli_fail(CLI_WRONG_USE, name, "\"%s\" is not a number", text);
    case CLI_FLAG:
        return cli_fail(CLI_WRONG_USE, name, "\"%s\" is neither 1 nor 0", text);
    default:
        break;
    }
    char choices[128] = "";
    for (size_t i = 0, used = 0; spec->choices && spec->choices[i] && used < sizeof choices; i++)
        used += (size_t)snprintf(choices + used, sizeof choices - used, "%s%s", i ? ", " : "",
                                 spec->choices[i]);
    return cli_fail(CLI_WRONG_USE, name, "\"%s\" is none of: %s", text, choices);
}

static cli_exit set_option(const parser *p, const cli_option_spec *spec, const char *name,
                           const char *text)
{
    void *field = field_of(p, spec);
    const char *after = "";
    bool right = true;
    switch (spec->kind) {
    case CLI_FLAG:
        right = read_flag(text, field);
        break;
    case CLI_STRING:
        *(const char **)field = text;
        break;
    case CLI_STRINGS:
        append_string(field, text);
        break;
    case CLI_SIZE:
        right = read_size(spec, text, &after, field) && !*after;
        break;
    case CLI_SIZES:
        right = read_sizes(spec, text, field);
        break;
    case CLI_NUMBER:
        right = read_number(text, field);
        break;
    case CLI_CHOICE:
        right = read_choice(spec, text, field);
        break;
    }
    return right ? CLI_DONE : wrong_value(spec, name, text);
}

/* Defaults, then the environment. */
static cli_exit set_from_environment(const parser *p)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const cli_option_spec *spec = &cli_option_table[i];
        if (!(spec->commands & p->command)) continue;
        char variable[64];
        snprintf(variable, sizeof variable, "OSPREY_%s", spec->name);
        for (char *c = variable; *c; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        const char *text = spec->only_here ? NULL : getenv(variable);
        if (text && !*text) text = NULL;
        if (!text && !spec->fallback) continue;
        cli_exit code = set_option(p, spec, variable, text ? text : spec->fallback);
        if (code != CLI_DONE) return code;
    }
    return CLI_DONE;
}

static const cli_option_spec *find_option(const parser *p, const char *argument, size_t length)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const cli_option_spec *spec = &cli_option_table[i];
        if (!(spec->commands & p->command)) continue;
        if (argument[1] != '-') {
            if (length == 2 && spec->letter == argument[1]) return spec;
        } else if (strlen(spec->name) == length - 2 &&
                   strncmp(spec->name, argument + 2, length - 2) == 0) {
            return spec;
        }
    }
    return NULL;
}

static cli_exit unknown_option(const parser *p, const char *argument, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1),
             argument);
    const char *nearest = "help";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < cli_option_count; i++) {
        const cli_option_spec *spec = &cli_option_table[i];
        size_t distance = cli_word_distance(name + strspn(name, "-"), spec->name);
        if (!(spec->commands & p->command) || distance >= least) continue;
        least = distance;
        nearest = spec->name;
    }
    return cli_fail(CLI_WRONG_USE, name, "%s has no such flag; the nearest is --%s",
                    p->command_name, nearest);
}

/* Takes the flag at arguments[*next], and its value, which may be the next argument. */
static cli_exit take_option(const parser *p, bool *seen, int count, char **arguments, int *next)
{
    const char *argument = arguments[(*next)++];
    const char *equals = argument[1] == '-' ? strchr(argument, '=') : NULL;
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    const cli_option_spec *spec = find_option(p, argument, length);
    if (!spec) return unknown_option(p, argument, length);
    char name[64];
    snprintf(name, sizeof name, "--%s", spec->name);
    if (spec->kind == CLI_FLAG) {
        if (equals) return cli_fail(CLI_WRONG_USE, name, "takes no value");
        *(bool *)field_of(p, spec) = true;
        return CLI_DONE;
    }
    const char *value = equals ? equals + 1 : *next < count ? arguments[(*next)++] : NULL;
    if (!value) return cli_fail(CLI_WRONG_USE, name, "needs a value: %s", spec->value);
    /* The first on the command line takes the place of what the environment gave. */
    bool *first = &seen[spec - cli_option_table];
    if (spec->kind == CLI_STRINGS && !*first) ((cli_strings *)field_of(p, spec))->count = 0;
    *first = true;
    return set_option(p, spec, name, value);
}

cli_exit cli_options_parse(cli_command_bit command, const char *command_name, int count,
                           char **arguments, cli_options *options)
{
    *options = (cli_options){0};
    parser p = {command, command_name, options};
    cli_exit code = set_from_environment(&p);
    bool *seen = cli_calloc(cli_option_count, sizeof *seen);
    bool only_inputs = false;
    for (int next = 0; next < count && code == CLI_DONE;) {
        const char *argument = arguments[next];
        if (only_inputs || argument[0] != '-' || !argument[1]) {
            append_string(&options->inputs, argument);
            next++;
        } else if (strcmp(argument, "--") == 0) {
            only_inputs = true;
            next++;
        } else {
            code = take_option(&p, seen, count, arguments, &next);
        }
    }
    cli_free(seen);
    return code;
}

void cli_options_free(cli_options *options)
{
    cli_free((void *)options->inputs.items);
    cli_free((void *)options->template.items);
    cli_free((void *)options->text.items);
    cli_free(options->batches.items);
}
