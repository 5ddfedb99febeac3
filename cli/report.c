/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "progress.h"
#include "variables.h"
#include "visible.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The flags that variables gave; there are fewer flags than this. */
static const char *from_variables[128];
static size_t variable_count;

void cli_blame_variable(const char *flag)
{
    if (variable_count < sizeof from_variables / sizeof *from_variables)
        from_variables[variable_count++] = flag;
}

static bool is_from_variable(const char *subject)
{
    for (size_t i = 0; i < variable_count; i++)
        if (strncmp(subject, "--", 2) == 0 && strcmp(subject + 2, from_variables[i]) == 0)
            return true;
    return false;
}

cli_exit cli_fail(cli_exit code, const char *subject, const char *format, ...)
{
    char variable[CLI_NAME_BYTES];
    if (subject && is_from_variable(subject)) {
        cli_variable_name(subject + 2, variable);
        subject = variable;
    }
    cli_progress_clear();
    fputs("osprey: ", stderr);
    if (subject && subject[0]) {
        cli_visible_write(stderr, subject);
        fputs(": ", stderr);
    }
    char sentence[2048]; /* on the stack, because it may be about memory */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    cli_visible_write(stderr, sentence);
    fputc('\n', stderr);
    return code;
}

/* The library names the field of its options that is wrong, the user knows the flag. */
static const char *name_subject(const osprey_error *error)
{
    static const struct {
        const char *field, *flag;
    } names[] = {
        {"batch", "--batch"},         {"calibration", "--calibrate"},
        {"image_count", "--verify"},  {"keep", "--keep"},
        {"precision", "--precision"}, {"max_resident_bytes", "--max-resident"},
        {"prune", "--prune"},         {"templates", "--templates"},
        {"threads", "--threads"},     {"token_merge", "--token-merge"},
        {"towers", "--tower"},
    };
    if (error->status == OSPREY_INVALID_ARGUMENT || error->status == OSPREY_LIMIT)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(error->subject, names[i].field) == 0) return names[i].flag;
    return error->subject;
}

cli_exit cli_fail_error(cli_exit code, const osprey_error *error)
{
    /* Whatever was to be done: the user's environment is wrong. */
    if (strcmp(error->subject, "OSPREY_CPU") == 0) code = CLI_WRONG_USE;
    return cli_fail(code, name_subject(error), "%s", error->message);
}

cli_exit cli_fail_run(const osprey_error *error)
{
    return cli_fail_error(error->status == OSPREY_FORMAT || error->status == OSPREY_STALE
                              ? CLI_NO_MODEL
                              : CLI_INPUTS_FAILED,
                          error);
}
