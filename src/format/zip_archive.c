/* SPDX-License-Identifier: Apache-2.0 */
#include "format/zip_archive.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>

#define LOCAL_SIGNATURE     0x04034b50u
#define CENTRAL_SIGNATURE   0x02014b50u
#define END_SIGNATURE       0x06054b50u
#define END64_SIGNATURE     0x06064b50u
#define LOCATOR64_SIGNATURE 0x07064b50u
#define END_BYTES           22u
#define LOCATOR64_BYTES     20u
#define END64_BYTES         56u
#define CENTRAL_BYTES       46u
#define LOCAL_BYTES         30u
#define COMMENT_MAX         0xffffu
#define NARROW_MAX          0xffffffffu /* in a field of 32 bits: see the zip64 extra field */
#define EXTRA_ZIP64         1u
#define FLAG_ENCRYPTED      0x0001u
#define FLAG_SIZES_FOLLOW   0x0008u /* the local header's sizes may be zero */
#define METHOD_STORED       0u

typedef struct directory {
    const char *file;
    const uint8_t *bytes; /* of the whole file */
    size_t begin, length; /* of the central directory */
    uint64_t count;
} directory;

/* What the central directory says of an entry, and where its local header and data lie. */
typedef struct record {
    size_t name_at; /* in the archive's names */
    uint64_t flags, method, packed, bytes, header;
    size_t end; /* of its data */
} record;

static uint64_t number(const uint8_t *bytes, size_t offset, size_t width)
{
    uint64_t value = 0;
    osprey__byte_cursor cursor = osprey__cursor_over(bytes + offset, width);
    osprey__cursor_number(&cursor, width, false, &value);
    return value;
}

/* The record behind which only a comment may follow. */
static const uint8_t *find_end(const uint8_t *bytes, size_t length)
{
    if (length < END_BYTES) return NULL;
    const size_t last = length - END_BYTES;
    for (size_t back = 0; back <= last && back <= COMMENT_MAX; back++) {
        const uint8_t *at = bytes + (last - back);
        if (number(at, 0, 4) == END_SIGNATURE && number(at, 20, 2) == back) return at;
    }
    return NULL;
}

static osprey_status fail_end(const char *file, osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, file,
                        "its zip directory at the end of the file is missing or damaged: is the "
                        "file cut off?");
}

/* Replaces what did not fit 32 bits in the end record. */
static osprey_status read_end64(directory *dir, size_t end_at, uint64_t *begin, uint64_t *length,
                                osprey_error *error)
{
    if (end_at < LOCATOR64_BYTES) return fail_end(dir->file, error);
    const uint8_t *locator = dir->bytes + (end_at - LOCATOR64_BYTES);
    const uint64_t at = number(locator, 8, 8);
    if (number(locator, 0, 4) != LOCATOR64_SIGNATURE || end_at - LOCATOR64_BYTES < END64_BYTES ||
        at > end_at - LOCATOR64_BYTES - END64_BYTES)
        return fail_end(dir->file, error);
    const uint8_t *end = dir->bytes + at;
    if (number(end, 0, 4) != END64_SIGNATURE) return fail_end(dir->file, error);
    dir->count = number(end, 32, 8);
    *length = number(end, 40, 8);
    *begin = number(end, 48, 8);
    return OSPREY_OK;
}

static osprey_status find_directory(const uint8_t *bytes, size_t length, const char *file,
                                    directory *dir, osprey_error *error)
{
    *dir = (directory){.file = file, .bytes = bytes};
    const uint8_t *end = find_end(bytes, length);
    if (!end) return fail_end(file, error);
    const size_t end_at = (size_t)(end - bytes);
    dir->count = number(end, 10, 2);
    uint64_t directory_bytes = number(end, 12, 4), begin = number(end, 16, 4);
    if (number(end, 4, 2) != number(end, 6, 2))
        return osprey__fail(error, OSPREY_UNSUPPORTED, file,
                            "it is one part of a zip file in several");
    if (dir->count == 0xffff || directory_bytes == NARROW_MAX || begin == NARROW_MAX)
        OSPREY_TRY(read_end64(dir, end_at, &begin, &directory_bytes, error));
    if (begin > end_at || directory_bytes > end_at - begin) return fail_end(file, error);
    if (dir->count > OSPREY__ZIP_ENTRIES)
        return osprey__fail(error, OSPREY_LIMIT, file,
                            "its zip directory has %llu entries; at most %u are allowed",
                            (unsigned long long)dir->count, OSPREY__ZIP_ENTRIES);
    if (dir->count > directory_bytes / CENTRAL_BYTES) return fail_end(file, error);
    dir->begin = (size_t)begin;
    dir->length = (size_t)directory_bytes;
    return OSPREY_OK;
}

/* Sizes and place that did not fit 32 bits: the extra field has them, in this order. */
static bool read_extra(const uint8_t *extra, size_t length, record *entry)
{
    uint64_t *const wide[] = {&entry->bytes, &entry->packed, &entry->header};
    osprey__byte_cursor cursor = osprey__cursor_over(extra, length);
    bool missing = false;
    for (size_t i = 0; i < 3; i++) missing |= *wide[i] == NARROW_MAX;
    uint64_t id, bytes;
    while (missing && osprey__cursor_number(&cursor, 2, false, &id) &&
           osprey__cursor_number(&cursor, 2, false, &bytes)) {
        const uint8_t *body = osprey__cursor_take(&cursor, (size_t)bytes);
        if (!body) return false;
        if (id != EXTRA_ZIP64) continue;
        osprey__byte_cursor fields = osprey__cursor_over(body, (size_t)bytes);
        for (size_t i = 0; i < 3; i++) {
            if (*wide[i] == NARROW_MAX && !osprey__cursor_number(&fields, 8, false, wide[i]))
                return false;
        }
        missing = false;
    }
    return !missing;
}

/* "/etc/passwd", "a/../b", "C:\x" or a NUL inside: names that are meant to be taken for others. */
static bool is_trick(const char *name, size_t length)
{
    if (length == 0 || name[0] == '/' || memchr(name, '\0', length) || memchr(name, '\\', length))
        return true;
    for (size_t begin = 0; begin < length;) {
        const char *slash = memchr(name + begin, '/', length - begin);
        const size_t end = slash ? (size_t)(slash - name) : length;
        if (end - begin == 2 && memcmp(name + begin, "..", 2) == 0) return true;
        begin = end + 1;
    }
    return false;
}

static osprey_status read_record(const directory *dir, osprey__byte_cursor *cursor, size_t index,
                                 osprey__zip_archive *archive, size_t *names_length, record *entry,
                                 osprey_error *error)
{
    const uint8_t *fixed = osprey__cursor_take(cursor, CENTRAL_BYTES);
    if (!fixed || number(fixed, 0, 4) != CENTRAL_SIGNATURE)
        return osprey__fail(error, OSPREY_FORMAT, dir->file,
                            "entry %zu of its zip directory is damaged", index);
    const size_t name_bytes = (size_t)number(fixed, 28, 2);
    const size_t extra_bytes = (size_t)number(fixed, 30, 2);
    const uint8_t *name = osprey__cursor_take(cursor, name_bytes);
    const uint8_t *extra = osprey__cursor_take(cursor, extra_bytes);
    *entry = (record){
        .name_at = *names_length,
        .flags = number(fixed, 8, 2),
        .method = number(fixed, 10, 2),
        .packed = number(fixed, 20, 4),
        .bytes = number(fixed, 24, 4),
        .header = number(fixed, 42, 4),
    };
    if (!name || !extra || !osprey__cursor_take(cursor, (size_t)number(fixed, 32, 2)) ||
        !read_extra(extra, extra_bytes, entry))
        return osprey__fail(error, OSPREY_FORMAT, dir->file,
                            "entry %zu of its zip directory is damaged", index);
    if (is_trick((const char *)name, name_bytes))
        return osprey__fail(error, OSPREY_FORMAT, dir->file,
                            "entry %zu of its zip directory has a name that leads out of the "
                            "archive",
                            index);
    memcpy(archive->names + *names_length, name, name_bytes);
    *names_length += name_bytes + 1;
    return OSPREY_OK;
}

/* The local header has to tell the same story; the data is what follows it. */
static osprey_status find_data(const directory *dir, const char *name, record *entry,
                               osprey__zip_entry *out, osprey_error *error)
{
    osprey__byte_cursor cursor = osprey__cursor_over(dir->bytes, dir->begin);
    const size_t name_bytes = strlen(name);
    const uint8_t *fixed = NULL, *local_name = NULL;
    if (entry->header <= dir->begin && osprey__cursor_take(&cursor, (size_t)entry->header))
        fixed = osprey__cursor_take(&cursor, LOCAL_BYTES);
    if (fixed && number(fixed, 0, 4) == LOCAL_SIGNATURE && number(fixed, 26, 2) == name_bytes)
        local_name = osprey__cursor_take(&cursor, name_bytes);
    if (!local_name || memcmp(local_name, name, name_bytes) != 0 ||
        number(fixed, 8, 2) != entry->method || number(fixed, 6, 2) != entry->flags)
        return osprey__fail(error, OSPREY_FORMAT, dir->file,
                            "zip entry \"%.200s\": its own header is not what the directory says",
                            name);
    const uint64_t local_size = number(fixed, 22, 4);
    const bool sizes_follow = (entry->flags & FLAG_SIZES_FOLLOW) != 0;
    if (!osprey__cursor_take(&cursor, (size_t)number(fixed, 28, 2)) ||
        entry->packed > cursor.remaining ||
        (!sizes_follow && local_size != NARROW_MAX && local_size != entry->bytes))
        return osprey__fail(error, OSPREY_FORMAT, dir->file,
                            "zip entry \"%.200s\": %llu bytes are not there: is the file cut off?",
                            name, (unsigned long long)entry->packed);
    *out = (osprey__zip_entry){
        .name = name,
        .data = cursor.at,
        .bytes = (size_t)entry->bytes,
        .stored = entry->method == METHOD_STORED && !(entry->flags & FLAG_ENCRYPTED),
    };
    entry->end = (size_t)(cursor.at - dir->bytes) + (size_t)entry->packed;
    if (out->stored && entry->packed != entry->bytes)
        return osprey__fail(error, OSPREY_FORMAT, dir->file,
                            "zip entry \"%.200s\" is stored uncompressed, but has two sizes", name);
    return OSPREY_OK;
}

static int by_place(const void *left, const void *right)
{
    const record *a = left, *b = right;
    return (a->header > b->header) - (a->header < b->header);
}

static int by_name(const void *left, const void *right)
{
    const osprey__zip_entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* No byte belongs to two entries: such files unpack to more than they hold. */
static osprey_status check_places(const directory *dir, const osprey__zip_archive *archive,
                                  record *records, osprey_error *error)
{
    qsort(records, archive->count, sizeof *records, by_place);
    for (size_t i = 1; i < archive->count; i++) {
        if (records[i].header < records[i - 1].end)
            return osprey__fail(
                error, OSPREY_FORMAT, dir->file, "zip entries \"%.200s\" and \"%.200s\" overlap",
                archive->names + records[i - 1].name_at, archive->names + records[i].name_at);
    }
    return OSPREY_OK;
}

static osprey_status check_names(const directory *dir, const osprey__zip_archive *archive,
                                 osprey_error *error)
{
    qsort(archive->entries, archive->count, sizeof *archive->entries, by_name);
    for (size_t i = 1; i < archive->count; i++) {
        if (strcmp(archive->entries[i].name, archive->entries[i - 1].name) == 0)
            return osprey__fail(error, OSPREY_FORMAT, dir->file,
                                "two zip entries have the name \"%.200s\"",
                                archive->entries[i].name);
    }
    return OSPREY_OK;
}

static osprey_status read_records(const directory *dir, osprey__zip_archive *archive,
                                  record *records, osprey_error *error)
{
    osprey__byte_cursor cursor = osprey__cursor_over(dir->bytes + dir->begin, dir->length);
    size_t names_length = 0;
    for (size_t i = 0; i < dir->count; i++) {
        OSPREY_TRY(read_record(dir, &cursor, i, archive, &names_length, &records[i], error));
        OSPREY_TRY(find_data(dir, archive->names + records[i].name_at, &records[i],
                             &archive->entries[i], error));
        archive->count++;
    }
    OSPREY_TRY(check_places(dir, archive, records, error));
    return check_names(dir, archive, error);
}

osprey_status osprey__zip_open(const uint8_t *bytes, size_t length, const char *file,
                               osprey__zip_archive *archive, osprey_error *error)
{
    *archive = (osprey__zip_archive){.file = file};
    directory dir;
    OSPREY_TRY(find_directory(bytes, length, file, &dir, error));
    const size_t count = (size_t)dir.count;
    record *records = osprey__calloc(count, sizeof *records);
    archive->entries = osprey__calloc(count, sizeof *archive->entries);
    /* A name and its NUL are shorter than the record that it comes from. */
    archive->names = osprey__calloc(dir.length, 1);
    osprey_status status = OSPREY_OK;
    if (!records || !archive->entries || !archive->names)
        status = osprey__fail_memory(error, count * sizeof *records + dir.length);
    else
        status = read_records(&dir, archive, records, error);
    osprey__free(records);
    if (status != OSPREY_OK) osprey__zip_free(archive);
    return status;
}

const osprey__zip_entry *osprey__zip_find(const osprey__zip_archive *archive, const char *name)
{
    const osprey__zip_entry wanted = {.name = name};
    return bsearch(&wanted, archive->entries, archive->count, sizeof wanted, by_name);
}

osprey_status osprey__zip_get(const osprey__zip_archive *archive, const char *name,
                              const osprey__zip_entry **entry, osprey_error *error)
{
    *entry = osprey__zip_find(archive, name);
    if (!*entry)
        return osprey__fail(error, OSPREY_NOT_FOUND, archive->file,
                            "zip entry \"%.200s\" is missing", name);
    if (!(*entry)->stored)
        return osprey__fail(error, OSPREY_UNSUPPORTED, archive->file,
                            "zip entry \"%.200s\" is compressed; osprey reads entries in place, as "
                            "PyTorch and NumPy store them: save the file anew with them",
                            name);
    return OSPREY_OK;
}

void osprey__zip_free(osprey__zip_archive *archive)
{
    osprey__free(archive->entries);
    osprey__free(archive->names);
    *archive = (osprey__zip_archive){0};
}
