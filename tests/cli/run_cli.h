/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the osprey program as a user does and keeps what it said. Tests that use it are black-box
 * tests: they know the program's path and nothing of its inside.
 */
#ifndef OSPREY_TESTS_RUN_CLI_H
#define OSPREY_TESTS_RUN_CLI_H

#include <jansson.h>
#include <stddef.h>

/* The tiny model that most tests use, and its expected results. */
#define MODEL   OSPREY_TEST_DIR "/golden/models/hf-vit-p32-quickgelu"
#define PICTURE OSPREY_TEST_DIR "/golden/pictures/picture.png"

typedef struct cli_run {
    int code; /* exit code; 128 + number for a signal */
    char *out, *err;
    size_t out_bytes;
} cli_run;

/* What a run gets; all may be NULL. */
typedef struct cli_surroundings {
    const char *input;    /* standard input */
    const char *variable; /* one more of the environment, "NAME=value" */
    const char *program;  /* a copy of osprey elsewhere */
} cli_surroundings;

/* Runs `osprey arguments...` until NULL. cli_run_free afterwards. */
cli_run run_cli_in(cli_surroundings surroundings, ...) __attribute__((sentinel));
#define run_cli(...) run_cli_in((cli_surroundings){0}, __VA_ARGS__, NULL)

void cli_run_free(cli_run *run);

/* The exit code and, where not NULL, a part of standard error; frees the run. */
void assert_cli_fails(cli_run run, int code, const char *complaint);

/* Both did what they should and said the same; frees them. */
void assert_same_cli_output(cli_run a, cli_run b);

/* keys end with NULL. */
void assert_json_has(const json_t *object, const char *const *keys);

/* Line `index` of the output as JSON; the test fails where it is none. The caller decrefs it. */
json_t *cli_json_line(const cli_run *run, size_t index);
size_t cli_line_count(const cli_run *run);

/* A directory for this program's files, made at the first call. */
const char *temporary_folder(void);

/* A path in that directory, in one of a few static buffers. */
const char *temporary_path(const char *name);

void write_file(const char *path, const void *bytes, size_t length);
void write_text(const char *path, const char *text);

/* Whole file with a NUL behind it; the caller frees it. NULL where there is none. */
char *read_file(const char *path, size_t *length);

/* Deletes temporary_folder and what is in it; a cmocka teardown. */
int remove_temporary_folder(void **state);

/* A float32 .npy; values follow the header. */
typedef struct npy_file {
    char *block;
    const float *values;
    size_t count;
    const char *header; /* the dict, NUL-terminated */
} npy_file;

npy_file load_npy(const char *path);
void npy_free(npy_file *npy);

/* Each of count values within tolerance of the other. */
void assert_close(const float *values, const float *expected, size_t count, float tolerance);

#endif
