/* SPDX-License-Identifier: Apache-2.0 */
#include "format/engine_file.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/os/resident.h"
#include "base/status.h"

#include <inttypes.h>
#include <string.h>

/* The header's numbers; docs/engine-format.md has their places. */
typedef struct header {
    uint64_t format, sections, length, checksum;
} header;

bool osprey__engine_file_recognise(const void *bytes, size_t length)
{
    return length >= OSPREY__ENGINE_MAGIC_BYTES &&
           memcmp(bytes, OSPREY__ENGINE_MAGIC, OSPREY__ENGINE_MAGIC_BYTES) == 0;
}

static osprey_status damaged(const char *name, const char *what, osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, name,
                        "the engine is damaged: %s; compile the model again", what);
}

uint64_t osprey__engine_header_checksum(const void *page)
{
    const uint8_t *behind = (const uint8_t *)page + OSPREY__ENGINE_HEADER_BYTES;
    return osprey__checksum(page, OSPREY__ENGINE_HEADER_BYTES - 8) ^
           osprey__checksum(behind, OSPREY__ENGINE_PAGE - OSPREY__ENGINE_HEADER_BYTES);
}

static osprey_status read_header(osprey__byte_cursor *cursor, const char *name, header *read,
                                 osprey_error *error)
{
    const uint8_t *begin = osprey__cursor_take(cursor, OSPREY__ENGINE_MAGIC_BYTES);
    if (!begin || !osprey__engine_file_recognise(begin, OSPREY__ENGINE_MAGIC_BYTES))
        return osprey__fail(error, OSPREY_FORMAT, name, "not an osprey engine");
    bool whole = osprey__cursor_number(cursor, 4, false, &read->format);
    if (whole && read->format != OSPREY__ENGINE_FORMAT)
        return osprey__fail(error, OSPREY_UNSUPPORTED, name,
                            "the engine is of format %" PRIu64 ", this osprey reads format %u; "
                            "compile the model again",
                            read->format, OSPREY__ENGINE_FORMAT);
    whole = whole && osprey__cursor_number(cursor, 4, false, &read->sections) &&
            osprey__cursor_number(cursor, 8, false, &read->length) &&
            osprey__cursor_number(cursor, 8, false, &read->checksum);
    return whole ? OSPREY_OK : damaged(name, "its header is cut off", error);
}

/* The table's next entry, which has to begin on the page behind *end, and ends at *end then. */
static osprey_status read_entry(osprey__byte_cursor *cursor, const uint8_t *file, uint64_t length,
                                const char *name, uint64_t *end, osprey__engine_section *section,
                                osprey_error *error)
{
    uint64_t offset, bytes;
    const uint8_t *text = osprey__cursor_take(cursor, OSPREY__ENGINE_NAME_BYTES);
    if (!text || !osprey__cursor_number(cursor, 8, false, &offset) ||
        !osprey__cursor_number(cursor, 8, false, &bytes) ||
        !osprey__cursor_number(cursor, 8, false, &section->checksum))
        return damaged(name, "its table of sections is cut off", error);
    memcpy(section->name, text, OSPREY__ENGINE_NAME_BYTES);
    if (!memchr(section->name, '\0', OSPREY__ENGINE_NAME_BYTES))
        return damaged(name, "a section's name has no end", error);
    /* *end <= length < 2^63, so that rounding up cannot overflow. */
    if (offset != osprey__round_up(*end, OSPREY__ENGINE_PAGE) || offset > length ||
        bytes > length - offset)
        return damaged(name, "a section lies outside the file", error);
    section->bytes = file + offset;
    section->length = (size_t)bytes;
    *end = offset + bytes;
    return OSPREY_OK;
}

osprey_status osprey__engine_section_damaged(const osprey__engine_section *section,
                                             const char *path, osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, path,
                        "the engine is damaged: section \"%s\" has not the checksum that it was "
                        "written with; compile the model again",
                        section->name);
}

osprey_status osprey__engine_section_verify(const osprey__engine_section *section, const char *path,
                                            osprey_error *error)
{
    if (osprey__checksum(section->bytes, section->length) == section->checksum) return OSPREY_OK;
    return osprey__engine_section_damaged(section, path, error);
}

osprey_status osprey__engine_file_parse(const void *bytes, size_t length, const char *name,
                                        osprey__engine_file *file, osprey_error *error)
{
    *file = (osprey__engine_file){0};
    osprey__byte_cursor cursor = osprey__cursor_over(bytes, length);
    header read = {0};
    OSPREY_TRY(read_header(&cursor, name, &read, error));
    if (read.length != length || length < OSPREY__ENGINE_PAGE || length > INT64_MAX)
        return osprey__fail(error, OSPREY_FORMAT, name,
                            "the engine is cut off or damaged: its length is %zu, and its header "
                            "says %" PRIu64 "; compile the model again",
                            length, read.length);
    if (osprey__engine_header_checksum(bytes) != read.checksum)
        return damaged(name, "its header is not as written", error);
    if (read.sections > OSPREY__ENGINE_SECTIONS)
        return damaged(name, "it has too many sections", error);
    uint64_t end = OSPREY__ENGINE_PAGE;
    for (size_t i = 0; i < read.sections; i++) {
        osprey__engine_section *section = &file->sections[i];
        OSPREY_TRY(read_entry(&cursor, bytes, length, name, &end, section, error));
        if (osprey__engine_file_find(file, section->name))
            return damaged(name, "two sections have the same name", error);
        file->section_count++;
    }
    return end == length ? OSPREY_OK : damaged(name, "bytes belong to no section", error);
}

osprey_status osprey__engine_file_open(const char *path, osprey__engine_file *file,
                                       osprey_error *error)
{
    osprey__file_map map;
    *file = (osprey__engine_file){0};
    OSPREY_TRY(osprey__file_map_open(path, &map, error));
    osprey__pages_are_large(map.bytes, map.length);
    osprey_status status = osprey__engine_file_parse(map.bytes, map.length, path, file, error);
    file->map = map;
    if (status != OSPREY_OK) osprey__engine_file_close(file);
    return status;
}

const osprey__engine_section *osprey__engine_file_find(const osprey__engine_file *file,
                                                       const char *name)
{
    for (size_t i = 0; i < file->section_count; i++)
        if (strcmp(file->sections[i].name, name) == 0) return &file->sections[i];
    return NULL;
}

osprey_status osprey__engine_file_verify(const osprey__engine_file *file, const char *path,
                                         osprey_error *error)
{
    for (size_t i = 0; i < file->section_count; i++) {
        const osprey__engine_section *section = &file->sections[i];
        OSPREY_TRY(osprey__engine_section_verify(section, path, error));
        if (i + 1 == file->section_count) break;
        for (const uint8_t *at = section->bytes + section->length; at < section[1].bytes; at++)
            if (*at) return damaged(path, "bytes between two sections are not zero", error);
    }
    return OSPREY_OK;
}

void osprey__engine_file_close(osprey__engine_file *file)
{
    osprey__file_map_close(&file->map);
    *file = (osprey__engine_file){0};
}
