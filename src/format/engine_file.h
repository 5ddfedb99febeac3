/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container of an engine: named sections of bytes in one file, described in
 * docs/engine-format.md. What the sections hold is not known here.
 *
 * A reader maps the file and checks the header and the table of sections; a section's bytes are
 * read where they lie, and whoever reads them checks them. Any thread may call; an open file is
 * never changed. A writer streams: it keeps no section in memory.
 *
 *     osprey__engine_file file;
 *     OSPREY_TRY(osprey__engine_file_open("m.osprey", &file, error));
 *     const osprey__engine_section *manifest = osprey__engine_file_find(&file, "manifest");
 *     osprey__engine_file_close(&file);
 */
#ifndef OSPREY_FORMAT_ENGINE_FILE_H
#define OSPREY_FORMAT_ENGINE_FILE_H

#include "base/checksum.h"
#include "base/os/file_map.h"
#include "base/os/file_writer.h"

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__ENGINE_FORMAT       15u /* the version that is written and read */
#define OSPREY__ENGINE_MAGIC        "\x89OSPREY\n"
#define OSPREY__ENGINE_MAGIC_BYTES  8u
#define OSPREY__ENGINE_PAGE         4096u /* the header's size; every section begins on one */
#define OSPREY__ENGINE_SECTIONS     64u
#define OSPREY__ENGINE_NAME_BYTES   24u /* with a NUL */
#define OSPREY__ENGINE_HEADER_BYTES 32u /* before the table */
#define OSPREY__ENGINE_ENTRY_BYTES  48u /* of the table */

typedef struct osprey__engine_section {
    char name[OSPREY__ENGINE_NAME_BYTES];
    const uint8_t *bytes; /* on a page's boundary of the file */
    size_t length;
    uint64_t checksum; /* osprey__checksum of it */
} osprey__engine_section;

typedef struct osprey__engine_file {
    osprey__file_map map;
    osprey__engine_section sections[OSPREY__ENGINE_SECTIONS];
    size_t section_count;
} osprey__engine_file;

/* Whether length bytes begin like an engine. */
bool osprey__engine_file_recognise(const void *bytes, size_t length);

/*
 * Errors: OSPREY_NOT_FOUND, OSPREY_IO, OSPREY_FORMAT (no engine, cut off or damaged),
 * OSPREY_UNSUPPORTED (another version of the format; both are named).
 */
osprey_status osprey__engine_file_open(const char *path, osprey__engine_file *file,
                                       osprey_error *error);

/* The same of bytes that lie somewhere else; name is what errors name. */
osprey_status osprey__engine_file_parse(const void *bytes, size_t length, const char *name,
                                        osprey__engine_file *file, osprey_error *error);

/* Of a header's page: over what lies before its checksum, and over what lies behind it. */
uint64_t osprey__engine_header_checksum(const void *page);

/* The section of that name, or NULL. */
const osprey__engine_section *osprey__engine_file_find(const osprey__engine_file *file,
                                                       const char *name);

/* Reads the section and holds it against its checksum; path is what errors name. */
osprey_status osprey__engine_section_verify(const osprey__engine_section *section, const char *path,
                                            osprey_error *error);

/* OSPREY_FORMAT: the section has another checksum than it was written with. */
osprey_status osprey__engine_section_damaged(const osprey__engine_section *section,
                                             const char *path, osprey_error *error);

/* Every section, and the zeros between them. */
osprey_status osprey__engine_file_verify(const osprey__engine_file *file, const char *path,
                                         osprey_error *error);

/* Takes a zeroed file. */
void osprey__engine_file_close(osprey__engine_file *file);

typedef struct osprey__engine_writer {
    osprey__file_writer file;
    osprey__checksum_stream *checksum; /* of the section that is being written */
    osprey__engine_section sections[OSPREY__ENGINE_SECTIONS];
    uint64_t offsets[OSPREY__ENGINE_SECTIONS];
    size_t section_count;
    uint64_t pieces; /* whole ones of that section */
    uint64_t length; /* of the file so far */
} osprey__engine_writer;

/* Zero-initialise the writer; path has to outlive it. */
osprey_status osprey__engine_writer_open(osprey__engine_writer *writer, const char *path,
                                         osprey_error *error);

/* Ends the section before and begins another; name: below OSPREY__ENGINE_NAME_BYTES long. */
osprey_status osprey__engine_writer_begin(osprey__engine_writer *writer, const char *name,
                                          osprey_error *error);

/* Appends to the section. */
osprey_status osprey__engine_writer_append(osprey__engine_writer *writer, const void *bytes,
                                           size_t length, osprey_error *error);

/* A whole section. */
osprey_status osprey__engine_writer_section(osprey__engine_writer *writer, const char *name,
                                            const void *bytes, size_t length, osprey_error *error);

/* Writes the header, and gives the file its name. */
osprey_status osprey__engine_writer_commit(osprey__engine_writer *writer,
                                           osprey__durability durability, osprey_error *error);

/* Removes what was written unless it was committed. Takes a zeroed writer. */
void osprey__engine_writer_close(osprey__engine_writer *writer);

#endif
