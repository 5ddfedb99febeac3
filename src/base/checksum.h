/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH3-128 (xxHash) of a block or a stream: tells files apart, and its lower 64 bits guard a block
 * against damage. Fast, and no protection against someone who means to deceive.
 */
#ifndef OSPREY_BASE_CHECKSUM_H
#define OSPREY_BASE_CHECKSUM_H

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

#define OSPREY__FINGERPRINT_BYTES 33 /* 32 hexadecimal digits and a NUL */

/* The lower 64 bits. */
uint64_t osprey__checksum(const void *bytes, size_t length);

/* Of a stream: create, add, take, free. One thread at a time. */
typedef struct osprey__checksum_stream osprey__checksum_stream;

/* The caller frees *stream with osprey__checksum_free. */
osprey_status osprey__checksum_create(osprey__checksum_stream **stream, osprey_error *error);

/* Back to the empty stream. */
void osprey__checksum_reset(osprey__checksum_stream *stream);

void osprey__checksum_add(osprey__checksum_stream *stream, const void *bytes, size_t length);

/* The lower 64 bits of all that was added. */
uint64_t osprey__checksum_take(const osprey__checksum_stream *stream);

/* All 128 bits as text. */
void osprey__checksum_print(const osprey__checksum_stream *stream,
                            char text[OSPREY__FINGERPRINT_BYTES]);

/* Takes NULL. */
void osprey__checksum_free(osprey__checksum_stream *stream);

#endif
