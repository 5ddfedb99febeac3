/* SPDX-License-Identifier: Apache-2.0 */
/* What the program tells on standard error, and its exit codes. */
#ifndef OSPREY_CLI_REPORT_H
#define OSPREY_CLI_REPORT_H

#include <osprey/error.h>

typedef enum cli_exit {
    CLI_DONE = 0,
    CLI_INPUTS_FAILED = 1, /* some, each named on standard error; or what cannot be written */
    CLI_WRONG_USE = 2,
    CLI_NO_MODEL = 3,
} cli_exit;

/* Prints "osprey: subject: sentence" and returns code. subject may be NULL. */
cli_exit cli_fail(cli_exit code, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* From now on what is said of that flag, "--" and its name, is said of the variable, which gave its
 * value. flag has to live as long as the program. */
void cli_blame_variable(const char *flag);

/* The same for what the library says; its fields are named as the flags that fill them. */
cli_exit cli_fail_error(cli_exit code, const osprey_error *error);

/* The same for a run of a session, the first of which finds that an engine's weights are damaged.
 */
cli_exit cli_fail_run(const osprey_error *error);

/* "s" of a plural. */
#define CLI_S(count) ((count) == 1 ? "" : "s")

#endif
