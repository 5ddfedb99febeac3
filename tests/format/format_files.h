/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-made files for the tests of the readers. A step that fails ends the test. */
#ifndef OSPREY_TESTS_FORMAT_FILES_H
#define OSPREY_TESTS_FORMAT_FILES_H

#include <osprey/error.h>

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A safetensors file: the header's length, the header (with ' for ", so that it is easy to read
 * here), and data_bytes counting up from 0. The block has exactly *length bytes, so that
 * AddressSanitizer sees a read behind it; freed with osprey__free.
 */
uint8_t *make_safetensors(const char *header, size_t data_bytes, size_t *length);

/* Parses JSON that is written with ' for ". The caller decrefs it. */
json_t *json_of(const char *text);

/* cmocka's setup and teardown of a test that writes files: a new directory, and its removal. */
int make_directory(void **state);
int remove_directory(void **state);

/* The path of a file in that directory; valid until the next call but three. */
const char *in_directory(const char *name);

/* Writes a file there, again with ' for ". */
void write_text(const char *name, const char *text);
void write_safetensors(const char *name, const char *header, size_t data_bytes);

/* Holds the status against what is wanted, and subject and message against parts of them. */
void assert_refused(osprey_status got, const osprey_error *error, osprey_status wanted,
                    const char *subject_part, const char *message_part);

#endif
