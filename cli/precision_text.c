/* SPDX-License-Identifier: Apache-2.0 */
#include "precision_text.h"

#include "cli_memory.h"

char *cli_keep_argument(const char *exception)
{
    char *text = cli_print("--keep '");
    for (; *exception; exception++) {
        char *longer =
            *exception == '\'' ? cli_print("%s'\\''", text) : cli_print("%s%c", text, *exception);
        cli_free(text);
        text = longer;
    }
    char *closed = cli_print("%s'", text);
    cli_free(text);
    return closed;
}

char *cli_precision_text(const char *precision, const char *const *keep, size_t count)
{
    char *text = cli_print("%s", precision);
    for (size_t i = 0; i < count; i++) {
        char *argument = cli_keep_argument(keep[i]);
        char *longer = cli_print("%s%s %s", text, i ? "" : " with", argument);
        cli_free(argument);
        cli_free(text);
        text = longer;
    }
    return text;
}
