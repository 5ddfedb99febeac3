/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one progress bar, on standard error. It shows only where standard error is a terminal and
 * the results do not go to a terminal too, so that it is never mixed with them.
 */
#ifndef OSPREY_CLI_PROGRESS_H
#define OSPREY_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

void cli_progress_start(size_t total, bool results_to_stdout);

/* The same for work that is not counted: the total is 100 %. */
void cli_progress_start_percent(bool results_to_stdout);

/* done of the total are through. Draws a few times a second at most. */
void cli_progress_update(size_t done);

/* Takes the bar off the line, for a message or at the end. */
void cli_progress_clear(void);

#endif
