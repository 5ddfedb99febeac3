/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for one test, filled with links to golden files and changed copies of them. */
#ifndef OSPREY_TESTS_TEST_DIRECTORY_H
#define OSPREY_TESTS_TEST_DIRECTORY_H

typedef struct test_directory {
    char path[64];
} test_directory;

void test_directory_create(test_directory *directory);

/* Links name to source's file of that name. */
void test_directory_link(const test_directory *directory, const char *source, const char *name);

/* Writes source's text file `name` with every `from` (which has to occur) replaced by `to`. */
void test_directory_replace(const test_directory *directory, const char *source, const char *name,
                            const char *from, const char *to);

void test_directory_remove(const test_directory *directory, const char *name);

/* Removes the directory with its files. */
void test_directory_free(test_directory *directory);

#endif
