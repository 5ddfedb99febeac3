/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way untrusted bytes are read: a cursor that cannot leave its block. Comparisons subtract
 * (length <= remaining) and never add, so that no length from a file can overflow them.
 */
#ifndef OSPREY_BASE_BYTE_CURSOR_H
#define OSPREY_BASE_BYTE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct osprey__byte_cursor {
    const uint8_t *at; /* the next byte to be read */
    size_t remaining;  /* bytes from there to the block's end */
} osprey__byte_cursor;

static inline osprey__byte_cursor osprey__cursor_over(const void *bytes, size_t length)
{
    return (osprey__byte_cursor){(const uint8_t *)bytes, length};
}

/* The next length bytes, passed over; NULL, with the cursor unmoved, where fewer remain. */
static inline const uint8_t *osprey__cursor_take(osprey__byte_cursor *cursor, size_t length)
{
    if (length > cursor->remaining) return NULL;
    const uint8_t *taken = cursor->at;
    cursor->at += length;
    cursor->remaining -= length;
    return taken;
}

/* The next bytes as an unsigned number; false, with the cursor unmoved, where too few remain. */
static inline bool osprey__cursor_number(osprey__byte_cursor *cursor, size_t bytes, bool big_endian,
                                         uint64_t *number)
{
    const uint8_t *taken = osprey__cursor_take(cursor, bytes);
    if (!taken) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) value = value << 8 | taken[big_endian ? i : bytes - 1 - i];
    *number = value;
    return true;
}

#endif
