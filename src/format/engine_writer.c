/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "format/engine_file.h"

#include <stdio.h>
#include <string.h>

static const uint8_t zeros[OSPREY__ENGINE_PAGE];

/* Writes length bytes of the number, the lowest first, and returns the place behind them. */
static uint8_t *put(uint8_t *at, uint64_t number, size_t length)
{
    for (size_t i = 0; i < length; i++) *at++ = (uint8_t)(number >> 8 * i);
    return at;
}

static osprey_status append_raw(osprey__engine_writer *writer, const void *bytes, size_t length,
                                osprey_error *error)
{
    OSPREY_TRY(osprey__file_writer_write(&writer->file, bytes, length, error));
    writer->length += length;
    return OSPREY_OK;
}

osprey_status osprey__engine_writer_open(osprey__engine_writer *writer, const char *path,
                                         osprey_error *error)
{
    OSPREY_TRY(osprey__checksum_create(&writer->checksum, error));
    OSPREY_TRY(osprey__file_writer_open(&writer->file, path, error));
    return append_raw(writer, zeros, OSPREY__ENGINE_PAGE, error);
}

/* Notes length and checksum of the section that is being written, if any. */
static void end_section(osprey__engine_writer *writer)
{
    if (!writer->section_count) return;
    size_t last = writer->section_count - 1;
    writer->sections[last].length = (size_t)(writer->length - writer->offsets[last]);
    writer->sections[last].checksum = osprey__checksum_take(writer->checksum);
}

osprey_status osprey__engine_writer_begin(osprey__engine_writer *writer, const char *name,
                                          osprey_error *error)
{
    end_section(writer);
    if (writer->section_count == OSPREY__ENGINE_SECTIONS ||
        strlen(name) >= OSPREY__ENGINE_NAME_BYTES)
        return osprey__fail(error, OSPREY_LIMIT, name, "more sections than an engine may have");
    size_t gap = (size_t)(osprey__round_up(writer->length, OSPREY__ENGINE_PAGE) - writer->length);
    OSPREY_TRY(append_raw(writer, zeros, gap, error));
    osprey__checksum_reset(writer->checksum);
    snprintf(writer->sections[writer->section_count].name, OSPREY__ENGINE_NAME_BYTES, "%s", name);
    writer->offsets[writer->section_count++] = writer->length;
    return OSPREY_OK;
}

osprey_status osprey__engine_writer_append(osprey__engine_writer *writer, const void *bytes,
                                           size_t length, osprey_error *error)
{
    osprey__checksum_add(writer->checksum, bytes, length);
    return append_raw(writer, bytes, length, error);
}

osprey_status osprey__engine_writer_section(osprey__engine_writer *writer, const char *name,
                                            const void *bytes, size_t length, osprey_error *error)
{
    OSPREY_TRY(osprey__engine_writer_begin(writer, name, error));
    return osprey__engine_writer_append(writer, bytes, length, error);
}

osprey_status osprey__engine_writer_commit(osprey__engine_writer *writer, osprey_error *error)
{
    end_section(writer);
    uint8_t page[OSPREY__ENGINE_PAGE] = {0};
    memcpy(page, OSPREY__ENGINE_MAGIC, OSPREY__ENGINE_MAGIC_BYTES);
    uint8_t *at = page + OSPREY__ENGINE_MAGIC_BYTES;
    at = put(at, OSPREY__ENGINE_FORMAT, 4);
    at = put(at, writer->section_count, 4);
    uint8_t *checksum = put(at, writer->length, 8);
    at = checksum + 8;
    for (size_t i = 0; i < writer->section_count; i++) {
        memcpy(at, writer->sections[i].name, OSPREY__ENGINE_NAME_BYTES);
        at = put(at + OSPREY__ENGINE_NAME_BYTES, writer->offsets[i], 8);
        at = put(at, writer->sections[i].length, 8);
        at = put(at, writer->sections[i].checksum, 8);
    }
    put(checksum,
        osprey__checksum(page, OSPREY__ENGINE_HEADER_BYTES - 8) ^
            osprey__checksum(page + OSPREY__ENGINE_HEADER_BYTES,
                             OSPREY__ENGINE_PAGE - OSPREY__ENGINE_HEADER_BYTES),
        8);
    OSPREY_TRY(osprey__file_writer_write_front(&writer->file, page, sizeof page, error));
    return osprey__file_writer_commit(&writer->file, error);
}

void osprey__engine_writer_close(osprey__engine_writer *writer)
{
    osprey__file_writer_close(&writer->file);
    osprey__checksum_free(writer->checksum);
    writer->checksum = NULL;
}
