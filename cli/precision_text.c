/* SPDX-License-Identifier: Apache-2.0 */
#include "precision_text.h"

#include "cli_memory.h"

/* Of an engine's; --auto-keep may find many. */
#define EXCEPTIONS_SHOWN 3

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

char *cli_engine_precision(const osprey_engine_info *engine)
{
    if (engine->keep_count <= EXCEPTIONS_SHOWN)
        return cli_precision_text(engine->precision, engine->keep, engine->keep_count);
    return cli_print("%s with %zu exceptions, which osprey inspect has", engine->precision,
                     engine->keep_count);
}
