/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels or an embedding of NaN or infinity are no result: such an embedding fits every label. */
#ifndef OSPREY_CLI_FINITE_H
#define OSPREY_CLI_FINITE_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>

bool cli_all_finite(const float *values, size_t count);

/* Says of such an embedding's input why it has none. */
void cli_say_not_finite(const char *input, osprey_error *error);

#endif
