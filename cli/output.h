/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where results go: standard output, or a file that takes its name only when all is written.
 *
 *     cli_output output;
 *     cli_exit code = cli_output_open(&output, options->output);
 *     ... cli_output_print(&output, "%s\n", text) ...
 *     return cli_output_close(&output, code);
 *
 * A failed write is remembered and told by cli_output_close; loops ask cli_output_usable. One
 * output at a time.
 */
#ifndef OSPREY_CLI_OUTPUT_H
#define OSPREY_CLI_OUTPUT_H

#include "report.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct cli_output {
    FILE *file;
    const char *path; /* as asked for; NULL: standard output */
    char *target;     /* what the temporary file becomes; NULL: written directly */
    int failure;      /* errno of the first write that failed */
    bool abandoned;   /* the results are not fit to be kept */
} cli_output;

/*
 * Between the two, a signal that ends the program takes the temporary file away that the library
 * writes beside target (osprey_engine_compile), where the file system has none without a name.
 */
void cli_output_guard(const char *target);
void cli_output_unguard(void);

/* path NULL or "-": standard output. CLI_INPUTS_FAILED where the file cannot be
 * made, CLI_WRONG_USE for a directory. */
cli_exit cli_output_open(cli_output *output, const char *path);

bool cli_output_usable(const cli_output *output);

void cli_output_write(cli_output *output, const void *bytes, size_t length);
void cli_output_print(cli_output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text from outside, its control characters made visible. */
void cli_output_visible(cli_output *output, const char *text);

/* A line of JSON. Takes over the reference. */
void cli_output_json(cli_output *output, json_t *line);

/* One field of a CSV line, quoted as in RFC 4180 where it has to be. */
void cli_output_csv(cli_output *output, const char *text);

/* What was written so far, on its way to the reader. */
void cli_output_flush(cli_output *output);

/* Nothing of it is to be kept. */
void cli_output_abandon(cli_output *output);

/*
 * Closes, and gives the file its name unless it was abandoned or a write failed. Returns code, or
 * what went wrong here if code was CLI_DONE. A reader of standard output who left is no failure.
 */
cli_exit cli_output_close(cli_output *output, cli_exit code);

#endif
