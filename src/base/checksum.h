/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH3-128 (xxHash). Of a stream it tells files apart; its lower 64 bits guard a block against
 * damage. Fast, and no protection against someone who means to deceive.
 *
 * A block is guarded in pieces, so that several threads can check it, and in any order: its
 * checksum is the xor of theirs, and a piece's number is the seed of its own.
 */
#ifndef OSPREY_BASE_CHECKSUM_H
#define OSPREY_BASE_CHECKSUM_H

#include <osprey/error.h>

#include <stddef.h>
#include <stdint.h>

#define OSPREY__FINGERPRINT_BYTES 33 /* 32 hexadecimal digits and a NUL */

/* All pieces of a block but the last have so many bytes. */
#define OSPREY__CHECKSUM_PIECE ((size_t)32 << 10)

size_t osprey__checksum_pieces(size_t length);

/* Of a block of that length the piece of that number, from 0. */
uint64_t osprey__checksum_piece(const void *block, size_t length, size_t piece);

/* Of the whole block; 0 of an empty one. */
uint64_t osprey__checksum(const void *block, size_t length);

/* Of a stream: create, add, take, free. One thread at a time. */
typedef struct osprey__checksum_stream osprey__checksum_stream;

/* The caller frees *stream with osprey__checksum_free. */
osprey_status osprey__checksum_create(osprey__checksum_stream **stream, osprey_error *error);

/* Back to the empty stream; 0 is the seed that it was created with. */
void osprey__checksum_reset(osprey__checksum_stream *stream, uint64_t seed);

void osprey__checksum_add(osprey__checksum_stream *stream, const void *bytes, size_t length);

/* The lower 64 bits of all that was added. */
uint64_t osprey__checksum_take(const osprey__checksum_stream *stream);

/* All 128 bits as text. */
void osprey__checksum_print(const osprey__checksum_stream *stream,
                            char text[OSPREY__FINGERPRINT_BYTES]);

/* Takes NULL. */
void osprey__checksum_free(osprey__checksum_stream *stream);

#endif
