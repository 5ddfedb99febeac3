/* SPDX-License-Identifier: Apache-2.0 */
/* A growing block of bytes. Zero-initialise, append, take `bytes`, free. Not for several threads.
 */
#ifndef OSPREY_BASE_BUFFER_H
#define OSPREY_BASE_BUFFER_H

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

typedef struct osprey__buffer {
    char *bytes; /* NULL until the first append */
    size_t length;
    size_t capacity;
} osprey__buffer;

/* On OSPREY_OUT_OF_MEMORY the buffer is unchanged. */
osprey_status osprey__buffer_append(osprey__buffer *buffer, const void *bytes, size_t length,
                                    osprey_error *error);

/* Appends the number's lower bytes, the lowest first. */
osprey_status osprey__buffer_number(osprey__buffer *buffer, uint64_t number, size_t bytes,
                                    osprey_error *error);

/* Appends the float's bits so. */
osprey_status osprey__buffer_float(osprey__buffer *buffer, float number, osprey_error *error);

/* Appends formatted text, without its NUL. */
osprey_status osprey__buffer_print(osprey__buffer *buffer, osprey_error *error, const char *format,
                                   ...) __attribute__((format(printf, 3, 4)));

void osprey__buffer_free(osprey__buffer *buffer);

#endif
