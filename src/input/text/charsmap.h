/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SentencePiece's compiled normalisation ("precompiled_charsmap", such as that of nmt_nfkc): which
 * sequences of bytes become which texts. The file's bytes are four of length, a double-array trie
 * (Aoe, "An Efficient Digital Search Algorithm by Using a Double-Array Structure", 1989; in the
 * units of darts-clone), and the texts, each ended by a NUL. Not changed once it is made; any
 * thread may call.
 */
#ifndef OSPREY_INPUT_TEXT_CHARSMAP_H
#define OSPREY_INPUT_TEXT_CHARSMAP_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised it maps nothing. */
typedef struct osprey__charsmap {
    uint8_t *bytes; /* as in the file; owned */
    size_t length;
    size_t units; /* of the trie, four bytes each */
    const char *texts;
    size_t text_bytes; /* the last is a NUL */
} osprey__charsmap;

/* Copies the bytes; file is what errors name. Errors: OSPREY_FORMAT, OSPREY_OUT_OF_MEMORY. */
osprey_status osprey__charsmap_create(osprey__charsmap *map, const void *bytes, size_t length,
                                      const char *file, osprey_error *error);

/*
 * The longest, or else the shortest, beginning of the text that is mapped: its bytes, and what it
 * becomes in *to, which ends with a NUL. 0 where none is.
 */
size_t osprey__charsmap_match(const osprey__charsmap *map, const char *text, size_t length,
                              bool longest, const char **to);

/* Takes a zeroed map. */
void osprey__charsmap_free(osprey__charsmap *map);

#endif
