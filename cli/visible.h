/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside, such as a file's name, fit for a person's terminal. */
#ifndef OSPREY_CLI_VISIBLE_H
#define OSPREY_CLI_VISIBLE_H

#include <stdio.h>

/* Writes text with its control characters as \xNN, so that it neither steers a terminal nor begins
 * a line. */
void cli_visible_write(FILE *file, const char *text);

#endif
