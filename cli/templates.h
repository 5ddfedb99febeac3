/* SPDX-License-Identifier: Apache-2.0 */
/* What --template and --templates say. */
#ifndef OSPREY_CLI_TEMPLATES_H
#define OSPREY_CLI_TEMPLATES_H

#include "lines.h"
#include "options.h"

#include <osprey/error.h>

/*
 * One template a line; none where neither flag was given. On CLI_WRONG_USE the reason has been
 * printed. cli_lines_free either way.
 */
cli_exit cli_templates_read(cli_lines *templates, const cli_options *options);

/*
 * Prints what the library says of one of them, with its flag or line, and returns CLI_WRONG_USE.
 * CLI_DONE, and nothing printed, where the error is about something else.
 */
cli_exit cli_templates_fail(const cli_lines *templates, const osprey_error *error);

#endif
