/* SPDX-License-Identifier: Apache-2.0 */
/* The flags' names in the environment. */
#ifndef OSPREY_CLI_VARIABLES_H
#define OSPREY_CLI_VARIABLES_H

/* Of a flag or variable, with its NUL. */
#define CLI_NAME_BYTES 64

/* Of a flag without its dashes: OSPREY_ and the flag in capitals. */
void cli_variable_name(const char *flag, char name[CLI_NAME_BYTES]);

/* Names on standard error the variables that look like a misspelt flag of some command. Others that
 * begin with OSPREY_ may be somebody's. */
void cli_variables_check(void);

#endif
