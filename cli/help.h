/* SPDX-License-Identifier: Apache-2.0 */
/* Help, made from the tables of commands and options. */
#ifndef OSPREY_CLI_HELP_H
#define OSPREY_CLI_HELP_H

#include "commands.h"

#include <stdio.h>

void cli_help_overview(FILE *file);
void cli_help_command(FILE *file, const cli_command *command);

#endif
