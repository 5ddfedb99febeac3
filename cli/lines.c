/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include "cli_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* The whole file, with a NUL behind it; NULL where it cannot be read (errno says why). */
static char *read_all(FILE *file, size_t *length)
{
    size_t capacity = 4096;
    char *block = cli_calloc(capacity, 1);
    *length = 0;
    for (;;) {
        size_t got = fread(block + *length, 1, capacity - *length - 1, file);
        *length += got;
        if (got == 0) break;
        if (capacity - *length > 1) continue;
        block = cli_realloc(block, capacity, 2);
        capacity *= 2;
    }
    block[*length] = '\0';
    if (!ferror(file)) return block;
    cli_free(block);
    return NULL;
}

void cli_lines_add(cli_lines *lines, const char *text, size_t length)
{
    /* Room doubles at each power of two. */
    if ((lines->count & (lines->count - 1)) == 0)
        lines->items =
            cli_realloc(lines->items, lines->count ? lines->count : 1, 2 * sizeof *lines->items);
    lines->items[lines->count++] = (cli_line){text, length};
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

cli_exit cli_lines_read(cli_lines *lines, const char *path)
{
    bool standard_input = strcmp(path, "-") == 0;
    *lines = (cli_lines){0};
    FILE *file = standard_input ? stdin : fopen(path, "re");
    if (!file) return cli_fail(CLI_WRONG_USE, path, "cannot open it: %s", strerror(errno));
    size_t length;
    lines->block = read_all(file, &length);
    int reason = errno;
    if (!standard_input) fclose(file);
    if (!lines->block)
        return cli_fail(CLI_WRONG_USE, standard_input ? "standard input" : path,
                        "cannot read it: %s", strerror(reason));
    split(lines, lines->block, length);
    return CLI_DONE;
}

cli_exit cli_lines_read_value(cli_lines *lines, const char *flag, const char *value)
{
    if (value[0] != '@')
        return cli_fail(CLI_WRONG_USE, flag, "\"%s\" has to be @ and a file's name", value);
    return cli_lines_read(lines, value + 1);
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
        if (front < length) lines->items[kept++] = (cli_line){text + front, length - front};
    }
    lines->count = kept;
}

cli_exit cli_lines_check_strings(const cli_lines *lines, const char *flag)
{
    for (size_t i = 0; i < lines->count; i++)
        if (strlen(lines->items[i].text) != lines->items[i].length)
            return cli_fail(CLI_WRONG_USE, flag, "line %zu holds a NUL byte", i + 1);
    return CLI_DONE;
}

void cli_lines_free(cli_lines *lines)
{
    cli_free(lines->block);
    cli_free(lines->items);
    *lines = (cli_lines){0};
}
