/* SPDX-License-Identifier: Apache-2.0 */
#include "test_directory.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void test_directory_create(test_directory *directory)
{
    snprintf(directory->path, sizeof directory->path, "/tmp/osprey_test_XXXXXX");
    assert_non_null(mkdtemp(directory->path));
}

static void join(char path[1024], const char *directory, const char *name)
{
    assert_true(snprintf(path, 1024, "%s/%s", directory, name) < 1024);
}

void test_directory_link(const test_directory *directory, const char *source, const char *name)
{
    char from[1024], to[1024];
    join(from, source, name);
    join(to, directory->path, name);
    assert_int_equal(symlink(from, to), 0);
}

void test_directory_replace(const test_directory *directory, const char *source, const char *name,
                            const char *from, const char *to)
{
    char path[1024], text[1 << 16];
    join(path, source, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t length = fread(text, 1, sizeof text - 1, in);
    text[length] = '\0';
    fclose(in);
    join(path, directory->path, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    char *at = text, *found = strstr(at, from);
    assert_non_null(found);
    for (; found; found = strstr(at, from)) {
        fwrite(at, 1, (size_t)(found - at), out);
        fputs(to, out);
        at = found + strlen(from);
    }
    fputs(at, out);
    fclose(out);
}

void test_directory_remove(const test_directory *directory, const char *name)
{
    char path[1024];
    join(path, directory->path, name);
    assert_int_equal(unlink(path), 0);
}

void test_directory_free(test_directory *directory)
{
    DIR *listing = opendir(directory->path);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing));)
        if (entry->d_name[0] != '.') test_directory_remove(directory, entry->d_name);
    closedir(listing);
    assert_int_equal(rmdir(directory->path), 0);
}
