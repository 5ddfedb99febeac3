/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_memory.h"

#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *block)
{
    if (!block) exit(cli_fail(CLI_INPUTS_FAILED, NULL, "out of memory"));
    return block;
}

void *cli_calloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size));
}

void *cli_realloc(void *block, size_t count, size_t size)
{
    return checked(reallocarray(block, count ? count : 1, size));
}

char *cli_strndup(const char *text, size_t length)
{
    char *copy = cli_calloc(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

char *cli_print(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return checked(length < 0 ? NULL : text);
}

void cli_free(void *block)
{
    free(block);
}
