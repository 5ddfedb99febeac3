/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include "cli_memory.h"
#include "visible.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Digits that bring a float back exactly. */
#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(9))

/* The file to take away should the program end early; NULL: none. */
static char *volatile temporary_path;

static void remove_temporary(void)
{
    if (temporary_path) unlink(temporary_path);
}

static void on_signal(int number)
{
    remove_temporary();
    signal(number, SIG_DFL);
    raise(number);
}

static void remove_temporary_at_end(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    static bool done;
    if (done) return;
    done = true;
    atexit(remove_temporary);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signal(signals[i], on_signal) == SIG_IGN) signal(signals[i], SIG_IGN);
}

/* A file beside the target, with the target's permissions where there is one already. */
static FILE *open_temporary(const char *target, const struct stat *existing)
{
    char *path = cli_print("%s.%ld.tmp", target, (long)getpid());
    FILE *file;
    /* Locked as the library's are, which takes those without a lock for what a process that was
     * killed has left, and removes them: perhaps before this one got its lock. */
    for (struct stat info; (file = fopen(path, "wxe")); fclose(file)) {
        flock(fileno(file), LOCK_EX);
        if (fstat(fileno(file), &info) != 0 || info.st_nlink) break;
    }
    if (!file) {
        cli_free(path);
        return NULL;
    }
    temporary_path = path;
    remove_temporary_at_end();
    /* May fail for another's file, which we may replace but not imitate. */
    if (existing) fchmod(fileno(file), existing->st_mode & 0777);
    return file;
}

/* Whether that is the file to which standard output goes, as /dev/stdout is. */
static bool is_standard_output(const struct stat *file)
{
    struct stat standard;
    return fstat(STDOUT_FILENO, &standard) == 0 && standard.st_dev == file->st_dev &&
           standard.st_ino == file->st_ino;
}

void cli_output_guard(const char *target)
{
    char *resolved = realpath(target, NULL); /* a link is written through */
    temporary_path = cli_print("%s.%ld.tmp", resolved ? resolved : target, (long)getpid());
    cli_free(resolved);
    remove_temporary_at_end();
}

void cli_output_unguard(void)
{
    char *path = temporary_path;
    temporary_path = NULL;
    cli_free(path);
}

cli_exit cli_output_open(cli_output *output, const char *path)
{
    *output = (cli_output){.file = stdout};
    if (!path || strcmp(path, "-") == 0) return CLI_DONE;
    struct stat info, link;
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISREG(info.st_mode) && is_standard_output(&info)) return CLI_DONE;
    if (!exists && lstat(path, &link) == 0)
        return cli_fail(CLI_INPUTS_FAILED, path, "cannot write there: it is a link to nothing");
    if (exists ? S_ISDIR(info.st_mode) : *path && path[strlen(path) - 1] == '/')
        return cli_fail(CLI_WRONG_USE, path, "is a directory; name a file in it");
    output->path = path;
    if (exists && !S_ISREG(info.st_mode)) {
        /* A device or a pipe cannot be replaced, only written to. */
        output->file = fopen(path, "we");
    } else {
        char *resolved = exists ? realpath(path, NULL) : NULL;
        output->target =
            cli_strndup(resolved ? resolved : path, strlen(resolved ? resolved : path));
        cli_free(resolved);
        output->file = open_temporary(output->target, exists ? &info : NULL);
    }
    if (output->file) return CLI_DONE;
    cli_exit code = cli_fail(CLI_INPUTS_FAILED, path, "cannot write there: %s", strerror(errno));
    cli_free(output->target);
    *output = (cli_output){0};
    return code;
}

bool cli_output_usable(const cli_output *output)
{
    return output->failure == 0;
}

void cli_output_write(cli_output *output, const void *bytes, size_t length)
{
    if (output->failure) return;
    if (fwrite(bytes, 1, length, output->file) != length) output->failure = errno;
}

void cli_output_print(cli_output *output, const char *format, ...)
{
    if (output->failure) return;
    va_list arguments;
    va_start(arguments, format);
    if (vfprintf(output->file, format, arguments) < 0) output->failure = errno;
    va_end(arguments);
}

void cli_output_visible(cli_output *output, const char *text)
{
    if (output->failure) return;
    cli_visible_write(output->file, text);
    if (ferror(output->file)) output->failure = errno;
}

static int write_json(const char *bytes, size_t length, void *output)
{
    cli_output_write(output, bytes, length);
    return 0;
}

void cli_output_json(cli_output *output, json_t *line)
{
    json_dump_callback(line, write_json, output, JSON_FLAGS);
    cli_output_write(output, "\n", 1);
    json_decref(line);
}

void cli_output_csv(cli_output *output, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        cli_output_write(output, text, strlen(text));
        return;
    }
    cli_output_write(output, "\"", 1);
    for (const char *part = text; *part;) {
        size_t length = strcspn(part, "\"");
        cli_output_write(output, part, length);
        part += length;
        if (*part) cli_output_write(output, "\"\"", 2), part++;
    }
    cli_output_write(output, "\"", 1);
}

void cli_output_flush(cli_output *output)
{
    if (output->failure) return;
    errno = 0;
    if (fflush(output->file) != 0 || ferror(output->file)) output->failure = errno ? errno : EIO;
}

void cli_output_abandon(cli_output *output)
{
    output->abandoned = true;
}

/* The temporary file under its lasting name. */
static void keep_file(cli_output *output)
{
    if (fsync(fileno(output->file)) != 0 || rename(temporary_path, output->target) != 0)
        output->failure = errno;
}

cli_exit cli_output_close(cli_output *output, cli_exit code)
{
    if (!output->file) return code;
    cli_output_flush(output);
    bool keep = !output->abandoned && !output->failure;
    if (keep && output->target) keep_file(output);
    if (output->path && fclose(output->file) != 0 && !output->failure) output->failure = errno;
    if (output->target) {
        if (!keep || output->failure) remove_temporary();
        cli_free(temporary_path);
        temporary_path = NULL;
    }
    int failure = output->failure;
    const char *name = output->path ? output->path : "standard output";
    bool reader_left = !output->path && failure == EPIPE;
    cli_free(output->target);
    *output = (cli_output){0};
    if (!failure || reader_left) return code;
    cli_exit told = cli_fail(CLI_INPUTS_FAILED, name, "cannot write it: %s", strerror(failure));
    return code == CLI_DONE ? told : code;
}
