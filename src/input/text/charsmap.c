/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/charsmap.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"

#include <string.h>

#define UNIT_BYTES 4

osprey_status osprey__charsmap_create(osprey__charsmap *map, const void *bytes, size_t length,
                                      const char *file, osprey_error *error)
{
    *map = (osprey__charsmap){0};
    if (length == 0) return OSPREY_OK;
    osprey__byte_cursor at = osprey__cursor_over(bytes, length);
    uint64_t trie_bytes;
    bool whole = osprey__cursor_number(&at, UNIT_BYTES, false, &trie_bytes) &&
                 trie_bytes >= UNIT_BYTES && trie_bytes % UNIT_BYTES == 0 &&
                 trie_bytes < at.remaining && at.at[at.remaining - 1] == 0;
    if (!whole)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "its table of normalised characters (precompiled_charsmap) is damaged");
    map->bytes = osprey__calloc(length, 1);
    if (!map->bytes) return osprey__fail_memory(error, length);
    memcpy(map->bytes, bytes, length);
    map->length = length;
    map->units = (size_t)trie_bytes / UNIT_BYTES;
    map->texts = (const char *)map->bytes + UNIT_BYTES + trie_bytes;
    map->text_bytes = at.remaining - (size_t)trie_bytes;
    return OSPREY_OK;
}

static uint32_t unit_at(const osprey__charsmap *map, size_t index)
{
    uint32_t unit = 0;
    for (size_t i = UNIT_BYTES; i-- > 0;)
        unit = unit << 8 | map->bytes[UNIT_BYTES + index * UNIT_BYTES + i];
    return unit;
}

/* How far a unit's children are, as an exclusive or of places. */
static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit >> 9 & 1) * 8);
}

static bool has_leaf(uint32_t unit)
{
    return unit >> 8 & 1;
}

size_t osprey__charsmap_match(const osprey__charsmap *map, const char *text, size_t length,
                              bool longest, const char **to)
{
    size_t taken = 0;
    if (!map->units) return 0;
    size_t at = offset_of(unit_at(map, 0));
    for (size_t i = 0; i < length && text[i]; i++) {
        const uint8_t byte = (uint8_t)text[i];
        at ^= byte;
        if (at >= map->units) break;
        const uint32_t unit = unit_at(map, at);
        if ((unit & 0x800000ffu) != byte) break;
        at ^= offset_of(unit);
        if (!has_leaf(unit)) continue;
        if (at >= map->units) break;
        const size_t place = unit_at(map, at) & 0x7fffffffu;
        if (place >= map->text_bytes) break;
        *to = map->texts + place;
        taken = i + 1;
        if (!longest) break;
    }
    return taken;
}

void osprey__charsmap_free(osprey__charsmap *map)
{
    osprey__free(map->bytes);
    *map = (osprey__charsmap){0};
}
