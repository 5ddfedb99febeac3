/* SPDX-License-Identifier: Apache-2.0 */
#include "image_inputs.h"

#include "cli_memory.h"
#include "lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* Takes over both; reason may be NULL. */
static void add_path(cli_image_inputs *inputs, char *path, char *reason)
{
    /* Room doubles at each power of two. */
    if ((inputs->count & (inputs->count - 1)) == 0) {
        size_t before = inputs->count ? inputs->count : 1;
        inputs->paths = cli_realloc(inputs->paths, before, 2 * sizeof *inputs->paths);
        inputs->reasons = cli_realloc(inputs->reasons, before, 2 * sizeof *inputs->reasons);
    }
    inputs->paths[inputs->count] = path;
    inputs->reasons[inputs->count++] = reason;
}

static bool has_image_ending(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp"};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(ending, endings[i]) == 0) return true;
    return false;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* What reading would wait for or could not read, such as a pipe or a directory, is no image; a link
 * to nothing is, and will be named. */
static bool may_be_image(const char *path)
{
    struct stat info;
    return stat(path, &info) != 0 || S_ISREG(info.st_mode);
}

static void add_directory(cli_image_inputs *inputs, const char *path)
{
    size_t before = inputs->count, length = strlen(path);
    DIR *directory = opendir(path);
    if (!directory) {
        add_path(inputs, cli_strndup(path, length),
                 cli_print("cannot open it: %s", strerror(errno)));
        return;
    }
    const char *slash = path[length - 1] == '/' ? "" : "/";
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || !has_image_ending(entry->d_name)) continue;
        char *inside = cli_print("%s%s%s", path, slash, entry->d_name);
        if (may_be_image(inside))
            add_path(inputs, inside, NULL);
        else
            cli_free(inside);
    }
    closedir(directory);
    if (inputs->count == before)
        add_path(inputs, cli_strndup(path, length),
                 cli_print("there is no .jpg, .jpeg, .png or .webp in it"));
    else
        qsort(inputs->paths + before, inputs->count - before, sizeof *inputs->paths, by_name);
}

static void add_named(cli_image_inputs *inputs, const char *path, size_t length)
{
    struct stat info;
    if (length && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        add_directory(inputs, path);
    else
        add_path(inputs, cli_strndup(path, length), NULL);
}

/* "-", or "@FILE" */
static cli_exit add_list(cli_image_inputs *inputs, const char *name)
{
    cli_lines lines;
    cli_exit code = name[0] == '@' ? cli_lines_read_value(&lines, "the list", name)
                                   : cli_lines_read_stdin(&lines);
    if (code == CLI_DONE) code = cli_lines_check_strings(&lines);
    const size_t before = inputs->count;
    for (size_t i = 0; code == CLI_DONE && i < lines.count; i++)
        if (lines.items[i].length) add_named(inputs, lines.items[i].text, lines.items[i].length);
    if (code == CLI_DONE && inputs->count == before)
        code = cli_fail(CLI_WRONG_USE, lines.name, "there are no images in it");
    cli_lines_free(&lines);
    return code;
}

/* A file whose own name begins with @ is that file. */
static bool is_list(const char *name)
{
    struct stat info;
    return strcmp(name, "-") == 0 || (name[0] == '@' && stat(name, &info) != 0);
}

cli_exit cli_image_inputs_find(cli_image_inputs *inputs, const cli_strings *named)
{
    *inputs = (cli_image_inputs){0};
    cli_exit code = CLI_DONE;
    for (size_t i = 0; i < named->count && code == CLI_DONE; i++) {
        if (!named->items[i][0])
            code = cli_fail(CLI_WRONG_USE, NULL,
                            "input %zu is empty: name a file, a directory or a list", i + 1);
        else if (is_list(named->items[i]))
            code = add_list(inputs, named->items[i]);
        else
            add_named(inputs, named->items[i], strlen(named->items[i]));
    }
    if (code == CLI_DONE && inputs->count == 0)
        return cli_fail(CLI_WRONG_USE, NULL,
                        "no images: name files or directories, @FILE for a list of them, or - for "
                        "a list on standard input");
    return code;
}

void cli_image_inputs_free(cli_image_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++) {
        cli_free(inputs->paths[i]);
        cli_free(inputs->reasons[i]);
    }
    cli_free(inputs->paths);
    cli_free(inputs->reasons);
    *inputs = (cli_image_inputs){0};
}
