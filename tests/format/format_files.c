/* SPDX-License-Identifier: Apache-2.0 */
#include "format/format_files.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];

static char *with_quotes(const char *text)
{
    char *copy = osprey__strdup(text);
    assert_non_null(copy);
    for (char *at = copy; *at; at++) {
        if (*at == '\'') *at = '"';
    }
    return copy;
}

uint8_t *make_safetensors(const char *header, size_t data_bytes, size_t *length)
{
    char *quoted = with_quotes(header);
    const size_t header_bytes = strlen(quoted);
    *length = 8 + header_bytes + data_bytes;
    uint8_t *bytes = osprey__calloc(*length, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++) bytes[i] = (uint8_t)(header_bytes >> 8 * i);
    memcpy(bytes + 8, quoted, header_bytes);
    for (size_t i = 0; i < data_bytes; i++) bytes[8 + header_bytes + i] = (uint8_t)i;
    osprey__free(quoted);
    return bytes;
}

json_t *json_of(const char *text)
{
    char *quoted = with_quotes(text);
    json_t *root = NULL;
    osprey_error error;
    assert_int_equal(osprey__json_parse(quoted, strlen(quoted), "test", &root, &error), OSPREY_OK);
    osprey__free(quoted);
    return root;
}

int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "%s", "/tmp/osprey_format_XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

int remove_directory(void **state)
{
    (void)state;
    DIR *entries = opendir(directory);
    if (!entries) return -1;
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(in_directory(entry->d_name));
    }
    closedir(entries);
    return rmdir(directory);
}

const char *in_directory(const char *name)
{
    static char paths[4][512];
    static size_t next;
    char *path = paths[next++ % 4];
    osprey_error error;
    assert_int_equal(osprey__path_join(path, sizeof *paths, directory, name, &error), OSPREY_OK);
    return path;
}

void write_text(const char *name, const char *text)
{
    char *quoted = with_quotes(text);
    osprey_error error;
    assert_int_equal(osprey__file_write(in_directory(name), quoted, strlen(quoted), &error),
                     OSPREY_OK);
    osprey__free(quoted);
}

void write_safetensors(const char *name, const char *header, size_t data_bytes)
{
    size_t length = 0;
    uint8_t *bytes = make_safetensors(header, data_bytes, &length);
    osprey_error error;
    assert_int_equal(osprey__file_write(in_directory(name), bytes, length, &error), OSPREY_OK);
    osprey__free(bytes);
}

void assert_refused(osprey_status got, const osprey_error *error, osprey_status wanted,
                    const char *subject_part, const char *message_part)
{
    if (got == OSPREY_OK)
        fail_msg("accepted, but wanted: %s %s", osprey_status_name(wanted), message_part);
    if (got != wanted || error->status != got || !strstr(error->subject, subject_part) ||
        !strstr(error->message, message_part))
        fail_msg("got %s %s: %s\nwanted %s ...%s...: ...%s...", osprey_status_name(got),
                 error->subject, error->message, osprey_status_name(wanted), subject_part,
                 message_part);
}
