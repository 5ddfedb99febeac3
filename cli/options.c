/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "cli_memory.h"
#include "spelling.h"
#include "variables.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one of a set of rivals that was given. */
typedef struct claim {
    const cli_option_spec *spec; /* NULL: inputs */
    char name[CLI_NAME_BYTES];   /* as the user wrote it; "" where none was given */
} claim;

/* One reading of a command line. */
typedef struct parser {
    cli_command_bit command;
    const char *command_name;
    cli_options *options;
    bool *given; /* [cli_option_count], on the command line */
    claim claims[CLI_RIVAL_SETS];
} parser;

static void *field_of(cli_options *options, const cli_option_spec *spec)
{
    return (char *)options + spec->offset;
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

/* A number, and the unit that a letter behind it stands for. */
static bool read_bytes(const cli_option_spec *spec, const char *text, size_t *bytes)
{
    static const char letters[] = "KMGT";
    if (!read_size(spec, text, &text, bytes)) return false;
    if (!*text) return true;
    const char *letter = strchr(letters, *text);
    if (!letter || text[1]) return false;
    size_t shift = 10 * (size_t)(letter - letters + 1);
    if (*bytes > SIZE_MAX >> shift) return false;
    *bytes <<= shift;
    return true;
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
    case CLI_BYTES:
        return cli_fail(CLI_WRONG_USE, name,
                        "\"%s\" is not a whole number of bytes, such as 1073741824, 1536M, 2G or "
                        "1T",
                        text);
    case CLI_NUMBER:
        return cli_fail(CLI_WRONG_USE, name, "\"%s\" is not a finite number", text);
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

/* The text into the option's field; false where the option cannot be that. */
static bool read_value(cli_options *options, const cli_option_spec *spec, const char *text)
{
    void *field = field_of(options, spec);
    const char *after;
    switch (spec->kind) {
    case CLI_FLAG:
        return read_flag(text, field);
    case CLI_STRING:
        *(const char **)field = text;
        return true;
    case CLI_STRINGS:
        append_string(field, text);
        return true;
    case CLI_SIZE:
        return read_size(spec, text, &after, field) && !*after;
    case CLI_SIZES:
        return read_sizes(spec, text, field);
    case CLI_BYTES:
        return read_bytes(spec, text, field);
    case CLI_NUMBER:
        return read_number(text, field);
    case CLI_CHOICE:
        return read_choice(spec, text, field);
    }
    return false;
}

static cli_exit set_option(const parser *p, const cli_option_spec *spec, const char *name,
                           const char *text)
{
    return read_value(p->options, spec, text) ? CLI_DONE : wrong_value(spec, name, text);
}

static bool is_right(const cli_option_spec *spec, const char *text)
{
    cli_options scratch = {0};
    const bool right = read_value(&scratch, spec, text);
    cli_options_free(&scratch);
    return right;
}

/* Whether the value can only be meant for other commands, whose flag of that name is of another
 * kind, as --batch of bench is. */
static bool is_for_others(const cli_option_spec *spec, const char *text)
{
    bool others = false;
    for (size_t i = 0; i < cli_option_count && !others; i++)
        others = strcmp(cli_option_table[i].name, spec->name) == 0 &&
                 is_right(&cli_option_table[i], text);
    return others && !is_right(spec, text);
}

/* Notes what was given of a set of rivals; there can be only one. */
static cli_exit claim_set(parser *p, cli_rivals rivals, const cli_option_spec *spec,
                          const char *name)
{
    claim *claimed = &p->claims[rivals];
    if (rivals == CLI_NO_RIVALS || (claimed->name[0] && claimed->spec == spec)) return CLI_DONE;
    if (claimed->name[0])
        return cli_fail(CLI_WRONG_USE, name, "cannot stand beside %s", claimed->name);
    claimed->spec = spec;
    snprintf(claimed->name, sizeof claimed->name, "%s", name);
    return CLI_DONE;
}

/* The flag that this one says nothing without, where it is not set; else NULL. */
static const cli_option_spec *find_missing(const parser *p, const cli_option_spec *spec)
{
    for (size_t i = 0; spec->needs && i < cli_option_count; i++) {
        const cli_option_spec *other = &cli_option_table[i];
        if (!(other->commands & p->command) || strcmp(other->name, spec->needs) != 0) continue;
        bool is_set;
        if (other->kind == CLI_STRING)
            is_set = *(const char *const *)field_of(p->options, other);
        else if (other->kind == CLI_STRINGS)
            is_set = ((const cli_strings *)field_of(p->options, other))->count > 0;
        else
            is_set =
                *(const size_t *)field_of(p->options, other) > 0; /* not the first of its choices */
        return is_set ? NULL : other;
    }
    return NULL;
}

/* What the environment says; NULL where it says nothing to this command, or nothing without another
 * flag. */
static const char *find_variable(const parser *p, const cli_option_spec *spec, char *name)
{
    cli_variable_name(spec->name, name);
    const char *text = spec->only_here ? NULL : getenv(name);
    if (!text || !*text || find_missing(p, spec) || is_for_others(spec, text)) return NULL;
    return text;
}

/* The environment and the defaults, where the command line left something open. */
static cli_exit fill_in(parser *p)
{
    cli_exit code = CLI_DONE;
    bool settled[CLI_RIVAL_SETS];
    for (size_t i = 0; i < CLI_RIVAL_SETS; i++) settled[i] = p->claims[i].name[0];
    for (size_t i = 0; i < cli_option_count && code == CLI_DONE; i++) {
        const cli_option_spec *spec = &cli_option_table[i];
        p->options->given[i] = p->given[i];
        if (!(spec->commands & p->command) || p->given[i]) continue;
        char name[CLI_NAME_BYTES] = "";
        const char *text = settled[spec->rivals] ? NULL : find_variable(p, spec, name);
        if (text || spec->fallback) code = set_option(p, spec, name, text ? text : spec->fallback);
        p->options->given[i] = text;
        if (text) cli_blame_variable(spec->name);
        bool off = spec->kind == CLI_FLAG && !*(const bool *)field_of(p->options, spec);
        if (code == CLI_DONE && text && !off) code = claim_set(p, spec->rivals, spec, name);
    }
    return code;
}

static cli_exit check_needs(const parser *p)
{
    for (size_t i = 0; i < cli_option_count; i++) {
        const cli_option_spec *spec = &cli_option_table[i];
        const cli_option_spec *missing = p->given[i] ? find_missing(p, spec) : NULL;
        if (missing && missing->choices)
            return cli_fail(CLI_WRONG_USE, NULL, "--%s says nothing with --%s %s", spec->name,
                            missing->name, missing->choices[0]);
        if (missing)
            return cli_fail(CLI_WRONG_USE, NULL, "--%s says nothing without --%s", spec->name,
                            missing->name);
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
    char name[CLI_NAME_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1),
             argument);
    const char *word = name + strspn(name, "-"), *nearest = NULL;
    size_t least = cli_word_near(word) + 1;
    for (size_t i = 0; i < cli_option_count; i++) {
        const cli_option_spec *spec = &cli_option_table[i];
        size_t distance = cli_word_distance(word, spec->name);
        if (!(spec->commands & p->command) || distance >= least) continue;
        least = distance;
        nearest = spec->name;
    }
    if (nearest)
        return cli_fail(CLI_WRONG_USE, name, "%s has no such flag; the nearest is --%s",
                        p->command_name, nearest);
    return cli_fail(CLI_WRONG_USE, name, "%s has no such flag; `osprey %s --help` has all",
                    p->command_name, p->command_name);
}

/* Takes the flag at arguments[*next], and its value: behind "=", behind the letter, or the next
 * argument. */
static cli_exit take_option(parser *p, int count, char **arguments, int *next)
{
    const char *argument = arguments[(*next)++];
    bool is_long = argument[1] == '-';
    size_t length = is_long ? strcspn(argument, "=") : 2;
    const cli_option_spec *spec = find_option(p, argument, length);
    if (!spec) return unknown_option(p, argument, is_long ? length : strlen(argument));
    char name[CLI_NAME_BYTES];
    snprintf(name, sizeof name, "--%s", spec->name);
    const char *value = argument[length] ? argument + length + is_long : NULL;
    bool *given = &p->given[spec - cli_option_table];
    cli_exit code = claim_set(p, spec->rivals, spec, name);
    if (code != CLI_DONE) return code;
    if (spec->kind == CLI_FLAG) {
        if (value) return cli_fail(CLI_WRONG_USE, name, "takes no value");
        *(bool *)field_of(p->options, spec) = *given = true;
        return CLI_DONE;
    }
    if (!value && *next < count) value = arguments[(*next)++];
    /* The name of a file left out, rather than a file named as flags are. */
    if (spec->kind == CLI_STRING && value == arguments[*next - 1] && !strncmp(value, "--", 2))
        return cli_fail(CLI_WRONG_USE, name,
                        "needs a value: %s; \"%s\" is a flag, and ./%s would be a file",
                        spec->value, value, value);
    const bool is_name =
        spec->kind == CLI_STRING || (spec->kind == CLI_STRINGS && !spec->may_be_empty);
    if (!value || (!*value && is_name))
        return cli_fail(CLI_WRONG_USE, name, "needs a value: %s", spec->value);
    if (*given && spec->kind != CLI_STRINGS)
        return cli_fail(CLI_WRONG_USE, name, "can be given only once");
    *given = true;
    return set_option(p, spec, name, value);
}

static cli_exit take_input(parser *p, const char *argument)
{
    append_string(&p->options->inputs, argument);
    return claim_set(p, CLI_RIVAL_INPUTS, NULL, *argument ? argument : "\"\"");
}

static cli_exit read_arguments(parser *p, int count, char **arguments)
{
    cli_exit code = CLI_DONE;
    bool only_inputs = false;
    for (int next = 0; next < count && code == CLI_DONE;) {
        const char *argument = arguments[next];
        if (only_inputs || argument[0] != '-' || !argument[1]) {
            code = take_input(p, argument);
            next++;
        } else if (strcmp(argument, "--") == 0) {
            only_inputs = true;
            next++;
        } else {
            code = take_option(p, count, arguments, &next);
        }
    }
    for (size_t i = 0; i < cli_option_count && code == CLI_DONE; i++)
        if (p->given[i] && cli_option_table[i].of_files && !p->options->inputs.count)
            code = cli_fail(CLI_WRONG_USE, NULL, "--%s is about image files, and none is named",
                            cli_option_table[i].name);
    return code;
}

cli_exit cli_options_parse(cli_command_bit command, const char *command_name, int count,
                           char **arguments, cli_options *options)
{
    *options = (cli_options){0};
    parser p = {.command = command, .command_name = command_name, .options = options};
    p.given = cli_calloc(cli_option_count, sizeof *p.given);
    options->given = cli_calloc(cli_option_count, sizeof *options->given);
    cli_exit code = read_arguments(&p, count, arguments);
    if (code == CLI_DONE) cli_variables_check();
    if (code == CLI_DONE) code = fill_in(&p);
    if (code == CLI_DONE) code = check_needs(&p);
    cli_free(p.given);
    return code;
}

bool cli_option_given(const cli_options *options, const char *name)
{
    bool given = false;
    for (size_t i = 0; i < cli_option_count; i++)
        given |= options->given[i] && strcmp(cli_option_table[i].name, name) == 0;
    return given;
}

void cli_options_free(cli_options *options)
{
    cli_free(options->given);
    cli_free((void *)options->inputs.items);
    cli_free((void *)options->template.items);
    cli_free((void *)options->text.items);
    cli_free((void *)options->embeddings.items);
    cli_free((void *)options->keep.items);
    cli_free((void *)options->verify_images.items);
    cli_free((void *)options->prune.items);
    cli_free((void *)options->calibrate.items);
    cli_free(options->batches.items);
}
