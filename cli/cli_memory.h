/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation for the program: without memory it says so and ends, so callers need no check. */
#ifndef OSPREY_CLI_MEMORY_H
#define OSPREY_CLI_MEMORY_H

#include <stddef.h>

/* count * size zeroed bytes; an overflow counts as memory that could not be had. */
void *cli_calloc(size_t count, size_t size);

/* The block resized to count * size bytes. */
void *cli_realloc(void *block, size_t count, size_t size);

char *cli_strndup(const char *text, size_t length);

/* Printed text in a new block. */
char *cli_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

void cli_free(void *block);

#endif
