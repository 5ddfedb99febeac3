/* SPDX-License-Identifier: Apache-2.0 */
#include "input/image/exif.h"

#include "base/byte_cursor.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4, UPRIGHT = 1 };

/* TIFF 6.0, section 2: byte order, 42, offset of the first directory; entries of 12 bytes. */
unsigned osprey__exif_orientation(const void *bytes, size_t length)
{
    osprey__byte_cursor tiff = osprey__cursor_over(bytes, length);
    if (length >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) osprey__cursor_take(&tiff, 6);
    osprey__byte_cursor at = tiff;
    const uint8_t *order = osprey__cursor_take(&at, 2);
    if (!order || order[0] != order[1] || (order[0] != 'I' && order[0] != 'M')) return UPRIGHT;
    bool big_endian = order[0] == 'M';
    uint64_t magic, offset, entries;
    if (!osprey__cursor_number(&at, 2, big_endian, &magic) || magic != 42 ||
        !osprey__cursor_number(&at, 4, big_endian, &offset))
        return UPRIGHT;
    at = tiff;
    if (!osprey__cursor_take(&at, offset) || !osprey__cursor_number(&at, 2, big_endian, &entries))
        return UPRIGHT;
    for (; entries > 0; entries--) {
        uint64_t tag, type, count, value;
        const uint8_t *entry = osprey__cursor_take(&at, 12);
        if (!entry) return UPRIGHT;
        osprey__byte_cursor field = osprey__cursor_over(entry, 12);
        osprey__cursor_number(&field, 2, big_endian, &tag);
        osprey__cursor_number(&field, 2, big_endian, &type);
        osprey__cursor_number(&field, 4, big_endian, &count);
        if (tag != TAG_ORIENTATION) continue;
        if (count != 1 || (type != TYPE_SHORT && type != TYPE_LONG)) return UPRIGHT;
        osprey__cursor_number(&field, type == TYPE_SHORT ? 2 : 4, big_endian, &value);
        return value >= 1 && value <= 8 ? (unsigned)value : UPRIGHT;
    }
    return UPRIGHT;
}
