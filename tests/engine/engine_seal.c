/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_seal.h"

#include "format/engine_file.h"

static uint64_t get(const uint8_t *at)
{
    uint64_t number = 0;
    for (size_t i = 8; i > 0; i--) number = number << 8 | at[i - 1];
    return number;
}

static void put(uint8_t *at, uint64_t number)
{
    for (size_t i = 0; i < 8; i++) at[i] = (uint8_t)(number >> 8 * i);
}

void engine_seal(uint8_t *bytes, size_t length)
{
    if (length < OSPREY__ENGINE_PAGE) return;
    put(bytes + 16, length);
    uint8_t *entry = bytes + OSPREY__ENGINE_HEADER_BYTES;
    for (size_t i = 0; i < OSPREY__ENGINE_SECTIONS; i++, entry += OSPREY__ENGINE_ENTRY_BYTES) {
        uint64_t offset = get(entry + OSPREY__ENGINE_NAME_BYTES);
        uint64_t section = get(entry + OSPREY__ENGINE_NAME_BYTES + 8);
        if (!offset || offset > length || section > length - offset) break;
        put(entry + OSPREY__ENGINE_NAME_BYTES + 16,
            osprey__checksum(bytes + offset, (size_t)section));
    }
    put(bytes + OSPREY__ENGINE_HEADER_BYTES - 8, osprey__engine_header_checksum(bytes));
}
