/* SPDX-License-Identifier: Apache-2.0 */
/* A text file as its lines: labels, templates, texts, paths. */
#ifndef OSPREY_CLI_LINES_H
#define OSPREY_CLI_LINES_H

#include "report.h"

#include <stddef.h>

typedef struct cli_line {
    const char *text; /* ends with a NUL, and may hold others */
    size_t length;
    size_t number; /* of the line in its file, from 1 */
} cli_line;

typedef struct cli_lines {
    char *name;  /* where they come from, for messages; NULL where they were not read */
    char *block; /* NULL where the lines point elsewhere */
    cli_line *items;
    size_t count;
} cli_lines;

/*
 * Reads a flag's value "@FILE"; "@-" is standard input. Lines end with LF or CR LF; a byte order
 * mark at the start is dropped; the last line may lack its end. On CLI_WRONG_USE the reason has
 * been printed. cli_lines_free either way.
 */
cli_exit cli_lines_read_value(cli_lines *lines, const char *flag, const char *value);

/* The same for standard input. It can be read once. */
cli_exit cli_lines_read_stdin(cli_lines *lines);

/* Adds one that outlives the lines. */
void cli_lines_add(cli_lines *lines, const char *text, size_t length);

/* Drops spaces around each line that was read, and lines with nothing else. */
void cli_lines_trim(cli_lines *lines);

/* Drops a line that is there already, and names it on standard error. */
void cli_lines_drop_repeated(cli_lines *lines);

/* CLI_WRONG_USE where a line that was read could not be passed on as a NUL-terminated string. */
cli_exit cli_lines_check_strings(const cli_lines *lines);

/* The lines' texts, as the library takes a list of them; the caller frees it with cli_free. */
const char **cli_lines_texts(const cli_lines *lines);

void cli_lines_free(cli_lines *lines);

#endif
