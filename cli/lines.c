/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include "cli_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define MAX_MIB         256 /* a device that never ends is noticed before memory does */
#define MAX_BYTES       ((size_t)MAX_MIB << 20)

/* The whole file, with a NUL behind it; NULL where it cannot be read or is too long (errno says
 * why). */
static char *read_all(FILE *file, size_t *length)
{
    size_t capacity = 4096;
    char *block = cli_calloc(capacity, 1);
    *length = 0;
    for (;;) {
        size_t got = fread(block + *length, 1, capacity - *length - 1, file);
        *length += got;
        if (got == 0 || *length > MAX_BYTES) break;
        if (capacity - *length > 1) continue;
        block = cli_realloc(block, capacity, 2);
        capacity *= 2;
    }
    block[*length] = '\0';
    if (*length > MAX_BYTES) errno = EFBIG;
    if (!ferror(file) && *length <= MAX_BYTES) return block;
    cli_free(block);
    return NULL;
}

void cli_lines_add(cli_lines *lines, const char *text, size_t length)
{
    /* Room doubles at each power of two. */
    if ((lines->count & (lines->count - 1)) == 0)
        lines->items =
            cli_realloc(lines->items, lines->count ? lines->count : 1, 2 * sizeof *lines->items);
    lines->items[lines->count] = (cli_line){text, length, lines->count + 1};
    lines->count++;
}

static void split(cli_lines *lines, char *text, size_t length)
{
    if (length >= strlen(BYTE_ORDER_MARK) &&
        memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
        text += strlen(BYTE_ORDER_MARK);
        length -= strlen(BYTE_ORDER_MARK);
    }
    for (char *end = text + length; text < end;) {
        char *line_end = memchr(text, '\n', (size_t)(end - text));
        char *next = line_end ? line_end + 1 : end;
        if (!line_end) line_end = end;
        if (line_end > text && line_end[-1] == '\r') line_end--;
        *line_end = '\0';
        cli_lines_add(lines, text, (size_t)(line_end - text));
        text = next;
    }
}

/* Takes over the name. path NULL: standard input. */
static cli_exit read_lines(cli_lines *lines, char *name, const char *path)
{
    static bool stdin_taken;
    *lines = (cli_lines){.name = name};
    if (!path && stdin_taken)
        return cli_fail(CLI_WRONG_USE, name,
                        "standard input has been read already, for something else");
    stdin_taken |= !path;
    FILE *file = path ? fopen(path, "re") : stdin;
    if (!file) return cli_fail(CLI_WRONG_USE, name, "cannot open it: %s", strerror(errno));
    size_t length;
    lines->block = read_all(file, &length);
    int reason = errno;
    if (path) fclose(file);
    if (!lines->block && reason == EFBIG)
        return cli_fail(CLI_WRONG_USE, name, "is longer than %d MiB", MAX_MIB);
    if (!lines->block) return cli_fail(CLI_WRONG_USE, name, "cannot read it: %s", strerror(reason));
    split(lines, lines->block, length);
    return CLI_DONE;
}

cli_exit cli_lines_read_value(cli_lines *lines, const char *flag, const char *value)
{
    if (value[0] != '@' || !value[1])
        return cli_fail(CLI_WRONG_USE, flag, "\"%s\" has to be @ and a file's name", value);
    return read_lines(lines, cli_print("%s %s", flag, value),
                      strcmp(value, "@-") == 0 ? NULL : value + 1);
}

cli_exit cli_lines_read_stdin(cli_lines *lines)
{
    return read_lines(lines, cli_print("standard input"), NULL);
}

void cli_lines_trim(cli_lines *lines)
{
    static const char spaces[] = " \t\r\v\f";
    size_t kept = 0;
    for (size_t i = 0; i < lines->count; i++) {
        char *text = lines->block + (lines->items[i].text - lines->block);
        size_t length = lines->items[i].length, front = 0;
        while (length && strchr(spaces, text[length - 1])) length--;
        while (front < length && strchr(spaces, text[front])) front++;
        text[length] = '\0';
        if (front < length)
            lines->items[kept++] = (cli_line){text + front, length - front, lines->items[i].number};
    }
    lines->count = kept;
}

static int by_text(const void *left, const void *right)
{
    const cli_line *a = *(cli_line *const *)left, *b = *(cli_line *const *)right;
    int order = strcmp(a->text, b->text);
    return order ? order : (a > b) - (a < b);
}

void cli_lines_drop_repeated(cli_lines *lines)
{
    cli_line **sorted = cli_calloc(lines->count, sizeof *sorted);
    bool *repeated = cli_calloc(lines->count, sizeof *repeated);
    for (size_t i = 0; i < lines->count; i++) sorted[i] = &lines->items[i];
    qsort(sorted, lines->count, sizeof(cli_line *), by_text);
    for (size_t i = 1; i < lines->count; i++)
        repeated[sorted[i] - lines->items] = strcmp(sorted[i]->text, sorted[i - 1]->text) == 0;
    size_t kept = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (repeated[i])
            cli_fail(CLI_DONE, lines->name, "\"%s\" is there more than once; it counts once",
                     lines->items[i].text);
        else
            lines->items[kept++] = lines->items[i];
    }
    lines->count = kept;
    cli_free(repeated);
    cli_free((void *)sorted);
}

cli_exit cli_lines_check_strings(const cli_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        if (strlen(lines->items[i].text) != lines->items[i].length)
            return cli_fail(CLI_WRONG_USE, lines->name, "line %zu holds a NUL byte",
                            lines->items[i].number);
    return CLI_DONE;
}

const char **cli_lines_texts(const cli_lines *lines)
{
    const char **texts = cli_calloc(lines->count, sizeof *texts);
    for (size_t i = 0; i < lines->count; i++) texts[i] = lines->items[i].text;
    return texts;
}

void cli_lines_free(cli_lines *lines)
{
    cli_free(lines->name);
    cli_free(lines->block);
    cli_free(lines->items);
    *lines = (cli_lines){0};
}
