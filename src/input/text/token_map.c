/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/token_map.h"

#include "base/memory.h"
#include "base/status.h"

#include <string.h>

osprey_status osprey__token_map_create(osprey__token_map *map, size_t count, const char *file,
                                       osprey_error *error)
{
    *map = (osprey__token_map){.file = file};
    if (count > OSPREY__TOKEN_LIMIT)
        return osprey__fail(error, OSPREY_LIMIT, file, "%zu tokens; at most %zu are taken", count,
                            OSPREY__TOKEN_LIMIT);
    size_t slots = 16;
    while (slots < count * 2) slots *= 2;
    map->slots = osprey__calloc(slots, sizeof *map->slots);
    map->used = osprey__calloc(OSPREY__TOKEN_LIMIT / 8, 1);
    map->mask = slots - 1;
    if (map->slots && map->used) return OSPREY_OK;
    osprey__token_map_free(map);
    return osprey__fail_memory(error, slots * sizeof *map->slots);
}

/* FNV-1a, then a mix, because the mask keeps only the low bits. */
static size_t hash(const char *bytes, size_t length)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) value = (value ^ (uint8_t)bytes[i]) * 0x100000001b3u;
    return (size_t)(value ^ value >> 29);
}

static osprey__token_map_slot *slot_of(const osprey__token_map *map, const char *bytes,
                                       size_t length)
{
    size_t at = hash(bytes, length) & map->mask;
    while (map->slots[at].bytes &&
           (map->slots[at].length != length || memcmp(map->slots[at].bytes, bytes, length) != 0))
        at = (at + 1) & map->mask;
    return &map->slots[at];
}

osprey_status osprey__token_map_insert(osprey__token_map *map, const char *bytes, size_t length,
                                       int64_t id, osprey_error *error)
{
    int shown = (int)(length < 100 ? length : 100);
    if (length > OSPREY__TOKEN_BYTES_LIMIT)
        return osprey__fail(error, OSPREY_LIMIT, map->file,
                            "token \"%.*s...\" has %zu bytes; at most %zu are taken", shown, bytes,
                            length, OSPREY__TOKEN_BYTES_LIMIT);
    if (id < 0 || (uint64_t)id >= OSPREY__TOKEN_LIMIT)
        return osprey__fail(error, OSPREY_FORMAT, map->file,
                            "token \"%.*s\" has id %lld; ids go from 0 to %zu", shown, bytes,
                            (long long)id, OSPREY__TOKEN_LIMIT - 1);
    osprey__token_map_slot *slot = slot_of(map, bytes, length);
    if (slot->bytes)
        return osprey__fail(error, OSPREY_FORMAT, map->file, "token \"%.*s\" is there twice", shown,
                            bytes);
    if (map->used[id / 8] & 1u << id % 8)
        return osprey__fail(error, OSPREY_FORMAT, map->file,
                            "token \"%.*s\" has id %lld, which another token has too", shown, bytes,
                            (long long)id);
    *slot = (osprey__token_map_slot){bytes, (uint32_t)length, (int32_t)id};
    map->used[id / 8] |= (uint8_t)(1u << id % 8);
    map->count++;
    if ((size_t)id >= map->id_bound) map->id_bound = (size_t)id + 1;
    return OSPREY_OK;
}

int32_t osprey__token_map_find(const osprey__token_map *map, const char *bytes, size_t length)
{
    const osprey__token_map_slot *slot = slot_of(map, bytes, length);
    return slot->bytes ? slot->id : -1;
}

void osprey__token_map_free(osprey__token_map *map)
{
    osprey__free(map->slots);
    osprey__free(map->used);
    *map = (osprey__token_map){0};
}
