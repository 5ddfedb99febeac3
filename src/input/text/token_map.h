/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vocabulary while a tokenizer is being built: token bytes to id. The bytes are borrowed and have
 * to outlive the map. Not for several threads.
 */
#ifndef OSPREY_INPUT_TEXT_TOKEN_MAP_H
#define OSPREY_INPUT_TEXT_TOKEN_MAP_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Far above any published vocabulary; they bound what a hostile file can make this process do. */
#define OSPREY__TOKEN_LIMIT       ((size_t)1 << 20) /* ids, and merges */
#define OSPREY__TOKEN_BYTES_LIMIT ((size_t)4096)

typedef struct osprey__token_map_slot {
    const char *bytes; /* NULL: free */
    uint32_t length;
    int32_t id;
} osprey__token_map_slot;

typedef struct osprey__token_map {
    osprey__token_map_slot *slots;
    uint8_t *used;    /* a bit an id */
    size_t mask;      /* slots - 1; a power of two less one */
    size_t count;     /* tokens */
    size_t id_bound;  /* highest id + 1 */
    const char *file; /* what errors name; borrowed */
} osprey__token_map;

/* Room for count tokens. OSPREY_LIMIT above OSPREY__TOKEN_LIMIT. */
osprey_status osprey__token_map_create(osprey__token_map *map, size_t count, const char *file,
                                       osprey_error *error);

/* No more tokens than the map was made for. OSPREY_FORMAT: the id or the token was there before. */
osprey_status osprey__token_map_insert(osprey__token_map *map, const char *bytes, size_t length,
                                       int64_t id, osprey_error *error);

/* The id, or -1. */
int32_t osprey__token_map_find(const osprey__token_map *map, const char *bytes, size_t length);

/* Takes a zeroed map. */
void osprey__token_map_free(osprey__token_map *map);

#endif
