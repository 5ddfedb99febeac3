/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "base/memory.h"
#include "base/status.h"
#include "format/engine_file.h"

#include <stdio.h>
#include <string.h>

static const uint8_t zeros[OSPREY__ENGINE_PAGE];

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

/* The section's checksum is the xor of those of its pieces. */
static void end_piece(osprey__engine_writer *writer)
{
    writer->sections[writer->section_count - 1].checksum ^= osprey__checksum_take(writer->checksum);
    osprey__checksum_reset(writer->checksum, ++writer->pieces);
}

/* Notes length and checksum of the section that is being written, if any. */
static void end_section(osprey__engine_writer *writer)
{
    if (!writer->section_count) return;
    size_t last = writer->section_count - 1;
    writer->sections[last].length = (size_t)(writer->length - writer->offsets[last]);
    if (writer->sections[last].length % OSPREY__CHECKSUM_PIECE) end_piece(writer);
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
    osprey__checksum_reset(writer->checksum, 0);
    writer->pieces = 0;
    snprintf(writer->sections[writer->section_count].name, OSPREY__ENGINE_NAME_BYTES, "%s", name);
    writer->offsets[writer->section_count++] = writer->length;
    return OSPREY_OK;
}

osprey_status osprey__engine_writer_append(osprey__engine_writer *writer, const void *bytes,
                                           size_t length, osprey_error *error)
{
    for (const char *at = bytes; length;) {
        uint64_t begin = writer->offsets[writer->section_count - 1];
        size_t room =
            OSPREY__CHECKSUM_PIECE - (size_t)((writer->length - begin) % OSPREY__CHECKSUM_PIECE);
        size_t taken = length < room ? length : room;
        osprey__checksum_add(writer->checksum, at, taken);
        OSPREY_TRY(append_raw(writer, at, taken, error));
        if (taken == room) end_piece(writer);
        at += taken;
        length -= taken;
    }
    return OSPREY_OK;
}

osprey_status osprey__engine_writer_section(osprey__engine_writer *writer, const char *name,
                                            const void *bytes, size_t length, osprey_error *error)
{
    OSPREY_TRY(osprey__engine_writer_begin(writer, name, error));
    return osprey__engine_writer_append(writer, bytes, length, error);
}

/* The header's page; its checksum is still to be put in. */
static osprey_status print_header(const osprey__engine_writer *writer, osprey__buffer *page,
                                  osprey_error *error)
{
    OSPREY_TRY(
        osprey__buffer_append(page, OSPREY__ENGINE_MAGIC, OSPREY__ENGINE_MAGIC_BYTES, error));
    OSPREY_TRY(osprey__buffer_number(page, OSPREY__ENGINE_FORMAT, 4, error));
    OSPREY_TRY(osprey__buffer_number(page, writer->section_count, 4, error));
    OSPREY_TRY(osprey__buffer_number(page, writer->length, 8, error));
    OSPREY_TRY(osprey__buffer_number(page, 0, 8, error));
    for (size_t i = 0; i < writer->section_count; i++) {
        const osprey__engine_section *section = &writer->sections[i];
        OSPREY_TRY(osprey__buffer_append(page, section->name, sizeof section->name, error));
        OSPREY_TRY(osprey__buffer_number(page, writer->offsets[i], 8, error));
        OSPREY_TRY(osprey__buffer_number(page, section->length, 8, error));
        OSPREY_TRY(osprey__buffer_number(page, section->checksum, 8, error));
    }
    return osprey__buffer_append(page, zeros, OSPREY__ENGINE_PAGE - page->length, error);
}

osprey_status osprey__engine_writer_commit(osprey__engine_writer *writer,
                                           osprey__durability durability, osprey_error *error)
{
    osprey__buffer page = {0}, checksum = {0};
    end_section(writer);
    osprey_status status = print_header(writer, &page, error);
    if (status == OSPREY_OK)
        status =
            osprey__buffer_number(&checksum, osprey__engine_header_checksum(page.bytes), 8, error);
    if (status == OSPREY_OK) {
        memcpy(page.bytes + OSPREY__ENGINE_HEADER_BYTES - 8, checksum.bytes, 8);
        status = osprey__file_writer_write_front(&writer->file, page.bytes, page.length, error);
    }
    osprey__buffer_free(&page);
    osprey__buffer_free(&checksum);
    return status == OSPREY_OK ? osprey__file_writer_commit(&writer->file, durability, error)
                               : status;
}

void osprey__engine_writer_close(osprey__engine_writer *writer)
{
    osprey__file_writer_close(&writer->file);
    osprey__checksum_free(writer->checksum);
    writer->checksum = NULL;
}
