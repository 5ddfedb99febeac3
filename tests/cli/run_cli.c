/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_cli.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGUMENTS 96
#define MOST_VARIABLES 256

extern char **environ;

static char folder[] = "/tmp/osprey-cli-XXXXXX";
static bool folder_made;

const char *temporary_folder(void)
{
    if (!folder_made) assert_non_null(mkdtemp(folder));
    folder_made = true;
    return folder;
}

const char *temporary_path(const char *name)
{
    static char paths[8][256];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", temporary_folder(), name);
    return path;
}

static void remove_folder(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char inside[512];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (unlink(inside) != 0) remove_folder(inside);
    }
    closedir(directory);
    assert_int_equal(rmdir(path), 0);
}

int remove_temporary_folder(void **state)
{
    (void)state;
    if (folder_made) remove_folder(folder);
    return 0;
}

void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    char *block = malloc(*length + 1);
    assert_non_null(block);
    assert_int_equal(fread(block, 1, *length, file), *length);
    block[*length] = '\0';
    fclose(file);
    return block;
}

/* Our environment without the program's own variables, with a cache of this test's own, and with
 * one more. */
static void choose_environment(char **variables, const char *added)
{
    static char cache[64];
    size_t count = 0;
    for (char **variable = environ; *variable; variable++)
        if (strncmp(*variable, "OSPREY_", 7) != 0 &&
            strncmp(*variable, "XDG_CACHE_HOME=", 15) != 0 && count < MOST_VARIABLES - 3)
            variables[count++] = *variable;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s/cache", temporary_folder());
    if (!added || strncmp(added, "XDG_CACHE_HOME=", 15) != 0) variables[count++] = cache;
    if (added) variables[count++] = (char *)(uintptr_t)added;
    variables[count] = NULL;
}

static cli_run spawn(char **arguments, const cli_surroundings *surroundings)
{
    char *variables[MOST_VARIABLES];
    char in[64], out[64], err[64];
    snprintf(in, sizeof in, "%s/stdin", temporary_folder());
    snprintf(out, sizeof out, "%s/stdout", temporary_folder());
    snprintf(err, sizeof err, "%s/stderr", temporary_folder());
    posix_spawn_file_actions_t files;
    pid_t child;
    int status;
    size_t err_bytes;
    choose_environment(variables, surroundings->variable);
    write_text(in, surroundings->input ? surroundings->input : "");
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, in, O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&files, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(posix_spawn(&child, arguments[0], &files, NULL, arguments, variables), 0);
    posix_spawn_file_actions_destroy(&files);
    assert_int_equal(waitpid(child, &status, 0), child);
    cli_run run = {.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
    run.out = read_file(out, &run.out_bytes);
    run.err = read_file(err, &err_bytes);
    return run;
}

cli_run run_cli_in(cli_surroundings surroundings, ...)
{
    const char *program = surroundings.program ? surroundings.program : OSPREY_CLI;
    char *arguments[MOST_ARGUMENTS] = {(char *)(uintptr_t)program};
    size_t count = 1;
    va_list list;
    va_start(list, surroundings);
    for (char *argument; (argument = va_arg(list, char *));) {
        assert_true(count < MOST_ARGUMENTS - 1);
        arguments[count++] = argument;
    }
    va_end(list);
    return spawn(arguments, &surroundings);
}

void cli_run_free(cli_run *run)
{
    free(run->out);
    free(run->err);
    *run = (cli_run){0};
}

void assert_cli_fails(cli_run run, int code, const char *complaint)
{
    if (complaint && !strstr(run.err, complaint))
        fail_msg("\"%s\" is not in: %s", complaint, run.err);
    if (run.code != code) fail_msg("exit code %d, not %d: %s", run.code, code, run.err);
    cli_run_free(&run);
}

size_t cli_line_count(const cli_run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->out_bytes; i++) count += run->out[i] == '\n';
    return count;
}

void assert_same_cli_output(cli_run a, cli_run b)
{
    assert_int_equal(a.code, 0);
    assert_int_equal(b.code, 0);
    assert_string_equal(a.out, b.out);
    cli_run_free(&a);
    cli_run_free(&b);
}

void assert_json_has(const json_t *object, const char *const *keys)
{
    for (; *keys; keys++)
        if (!json_object_get(object, *keys)) fail_msg("\"%s\" is missing", *keys);
}

json_t *cli_json_line(const cli_run *run, size_t index)
{
    const char *line = run->out;
    for (size_t i = 0; i < index; i++) {
        line = strchr(line, '\n');
        if (!line++) fail_msg("there is no line %zu in: %s", index, run->out);
    }
    json_error_t reason;
    json_t *value = json_loadb(line, strcspn(line, "\n"), JSON_REJECT_DUPLICATES, &reason);
    if (!value) fail_msg("line %zu is not JSON (%s): %s", index, reason.text, run->out);
    return value;
}

npy_file load_npy(const char *path)
{
    npy_file npy = {0};
    size_t length;
    npy.block = read_file(path, &length);
    if (!npy.block) fail_msg("%s is missing", path);
    assert_true(length >= 10);
    assert_memory_equal(npy.block, "\x93NUMPY\x01", 7);
    size_t header_bytes = (unsigned char)npy.block[8] | (size_t)(unsigned char)npy.block[9] << 8;
    assert_true(10 + header_bytes <= length);
    assert_int_equal((10 + header_bytes) % 64, 0);
    assert_int_equal(npy.block[10 + header_bytes - 1], '\n');
    npy.block[10 + header_bytes - 1] = '\0';
    npy.header = npy.block + 10;
    npy.values = (const float *)(const void *)(npy.block + 10 + header_bytes);
    npy.count = (length - 10 - header_bytes) / sizeof(float);
    return npy;
}

void npy_free(npy_file *npy)
{
    free(npy->block);
    *npy = (npy_file){0};
}

void assert_close(const float *values, const float *expected, size_t count, float tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(values[i] - expected[i]) <= tolerance))
            fail_msg("value %zu is %.9g, expected %.9g", i, (double)values[i], (double)expected[i]);
}
