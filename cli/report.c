/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>

cli_exit cli_fail(cli_exit code, const char *subject, const char *format, ...)
{
    cli_progress_clear();
    fputs("osprey: ", stderr);
    if (subject && subject[0]) fprintf(stderr, "%s: ", subject);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return code;
}

cli_exit cli_fail_error(cli_exit code, const osprey_error *error)
{
    return cli_fail(code, error->subject, "%s", error->message);
}
