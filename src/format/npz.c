/* SPDX-License-Identifier: Apache-2.0 */
#include "format/npz.h"

#include "base/byte_cursor.h"
#include "base/memory.h"
#include "base/status.h"
#include "format/zip_archive.h"

#include <string.h>

#define MAGIC          "\x93NUMPY"
#define MAGIC_BYTES    6u
#define LOCAL_BYTES    30u /* of a zip entry's own header, which its name follows */
#define TYPE_BYTES_MAX 24u /* of a type that osprey does not read, with its NUL */

static const char ending[] = ".npy";
#define ENDING_BYTES (sizeof ending - 1)

/* What NumPy calls the types that osprey knows. bfloat16, which NumPy lacks, is saved by JAX as two
 * bytes of no type. */
static const struct {
    const char *name;
    osprey__dtype dtype;
} types[] = {
    {"<f4", OSPREY__F32}, {"<f2", OSPREY__F16}, {"|V2", OSPREY__BF16}, {"<V2", OSPREY__BF16},
    {"<f8", OSPREY__F64}, {"|i1", OSPREY__I8},  {"|u1", OSPREY__U8},   {"<i2", OSPREY__I16},
    {"<i4", OSPREY__I32}, {"<i8", OSPREY__I64}, {"|b1", OSPREY__BOOL}, {"bfloat16", OSPREY__BF16},
};

/* A part of the header's text. */
typedef struct span {
    const uint8_t *at;
    size_t length;
} span;

typedef struct npy_header {
    span type; /* of length 0: not seen yet */
    bool has_order, fortran_order;
    bool has_shape;
    size_t rank, dims[OSPREY__TENSOR_RANK];
} npy_header;

typedef struct parsing {
    const char *file;
    const char *name; /* of the entry */
    char *strings;    /* room for the names and the types that osprey does not read */
    osprey_error *error;
} parsing;

bool osprey__is_npz(const uint8_t *bytes, size_t length)
{
    osprey__byte_cursor cursor = osprey__cursor_over(bytes, length);
    if (!osprey__cursor_take(&cursor, LOCAL_BYTES)) return false;
    const size_t name_bytes = bytes[26] | (size_t)bytes[27] << 8;
    const uint8_t *name = osprey__cursor_take(&cursor, name_bytes);
    return name && name_bytes > ENDING_BYTES &&
           memcmp(name + name_bytes - ENDING_BYTES, ending, ENDING_BYTES) == 0;
}

static osprey_status damaged(const parsing *p, const char *what)
{
    return osprey__fail(p->error, OSPREY_FORMAT, p->file, "array \"%.200s\": %s", p->name, what);
}

static void skip_blanks(osprey__byte_cursor *text)
{
    while (text->remaining && strchr(" \t\n", *text->at) && *text->at) osprey__cursor_take(text, 1);
}

/* Passes over the character, after blanks, if it is the next one. */
static bool take(osprey__byte_cursor *text, char wanted)
{
    skip_blanks(text);
    if (!text->remaining || *text->at != (uint8_t)wanted) return false;
    return osprey__cursor_take(text, 1);
}

static bool take_word(osprey__byte_cursor *text, const char *word)
{
    const size_t length = strlen(word);
    skip_blanks(text);
    if (text->remaining < length || memcmp(text->at, word, length) != 0) return false;
    return osprey__cursor_take(text, length);
}

/* 'text' or "text" without escapes, which no name or type of NumPy's has. */
static bool take_string(osprey__byte_cursor *text, span *string)
{
    const bool single = take(text, '\'');
    if (!single && !take(text, '"')) return false;
    const uint8_t *end = memchr(text->at, single ? '\'' : '"', text->remaining);
    if (!end) return false;
    *string = (span){text->at, (size_t)(end - text->at)};
    osprey__cursor_take(text, string->length + 1);
    return !memchr(string->at, '\\', string->length);
}

static bool is_text(span string, const char *text)
{
    return string.length == strlen(text) && memcmp(string.at, text, string.length) == 0;
}

static bool take_size(osprey__byte_cursor *text, size_t *size)
{
    skip_blanks(text);
    const size_t before = text->remaining;
    for (*size = 0; text->remaining && *text->at >= '0' && *text->at <= '9';) {
        const size_t digit = *text->at - (size_t)'0';
        if (*size > (SIZE_MAX - digit) / 10) return false;
        *size = 10 * *size + digit;
        osprey__cursor_take(text, 1);
    }
    return text->remaining < before;
}

/* "()", "(3,)", "(3, 4)" */
static osprey_status read_shape(const parsing *p, osprey__byte_cursor *text, npy_header *header)
{
    header->has_shape = true;
    if (!take(text, '(')) return damaged(p, "its .npy header has no \"shape\" of numbers");
    for (header->rank = 0; !take(text, ')'); header->rank++) {
        if (header->rank == OSPREY__TENSOR_RANK)
            return osprey__fail(p->error, OSPREY_LIMIT, p->file,
                                "array \"%.200s\" has more than %u dimensions", p->name,
                                OSPREY__TENSOR_RANK);
        if (!take_size(text, &header->dims[header->rank]))
            return damaged(p, "its .npy header has no \"shape\" of numbers");
        if (!take(text, ',') && (!text->remaining || *text->at != ')'))
            return damaged(p, "its .npy header has no \"shape\" of numbers");
    }
    return OSPREY_OK;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, each key once, in any order. */
static osprey_status read_fields(const parsing *p, osprey__byte_cursor text, npy_header *header)
{
    static const char broken[] = "its .npy header is not what NumPy writes";
    if (!take(&text, '{')) return damaged(p, broken);
    while (!take(&text, '}')) {
        span key;
        if (!take_string(&text, &key) || !take(&text, ':')) return damaged(p, broken);
        if (is_text(key, "descr") && !header->type.length) {
            if (!take_string(&text, &header->type) || !header->type.length)
                return damaged(p, "its elements are no numbers, but structures");
        } else if (is_text(key, "fortran_order") && !header->has_order) {
            header->has_order = true;
            header->fortran_order = take_word(&text, "True");
            if (!header->fortran_order && !take_word(&text, "False")) return damaged(p, broken);
        } else if (is_text(key, "shape") && !header->has_shape) {
            OSPREY_TRY(read_shape(p, &text, header));
        } else {
            return damaged(p, broken);
        }
        if (!take(&text, ',') && (!text.remaining || *text.at != '}')) return damaged(p, broken);
    }
    if (!header->type.length || !header->has_order || !header->has_shape)
        return damaged(p, "its .npy header lacks \"descr\", \"fortran_order\" or \"shape\"");
    return OSPREY_OK;
}

/* Moves the cursor to the elements. */
static osprey_status read_header(const parsing *p, osprey__byte_cursor *cursor, npy_header *header)
{
    *header = (npy_header){0};
    uint64_t version = 0, minor = 0, length = 0;
    const uint8_t *magic = osprey__cursor_take(cursor, MAGIC_BYTES);
    if (!magic || memcmp(magic, MAGIC, MAGIC_BYTES) != 0 ||
        !osprey__cursor_number(cursor, 1, false, &version) ||
        !osprey__cursor_number(cursor, 1, false, &minor))
        return damaged(p, "it does not begin as an .npy file");
    if (version < 1 || version > 3 || minor != 0)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "array \"%.200s\" is in version %u.%u of .npy; osprey reads 1.0, 2.0 "
                            "and 3.0",
                            p->name, (unsigned)version, (unsigned)minor);
    if (!osprey__cursor_number(cursor, version == 1 ? 2 : 4, false, &length))
        return damaged(p, "its .npy header is cut off");
    if (length > OSPREY__NPY_HEADER_BYTES)
        return osprey__fail(p->error, OSPREY_LIMIT, p->file,
                            "array \"%.200s\" has a header of %llu bytes; at most %u are allowed",
                            p->name, (unsigned long long)length, OSPREY__NPY_HEADER_BYTES);
    const uint8_t *text = osprey__cursor_take(cursor, (size_t)length);
    if (!text) return damaged(p, "its .npy header is cut off");
    return read_fields(p, osprey__cursor_over(text, (size_t)length), header);
}

/* Puts length bytes and a NUL into the strings. */
static const char *keep_string(parsing *p, const void *bytes, size_t length)
{
    char *kept = p->strings;
    memcpy(kept, bytes, length);
    kept[length] = '\0';
    p->strings += length + 1;
    return kept;
}

static void find_type(parsing *p, span type, osprey__tensor *tensor)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!is_text(type, types[i].name)) continue;
        tensor->dtype = types[i].dtype;
        return;
    }
    const size_t most = TYPE_BYTES_MAX - 1;
    tensor->foreign_dtype = keep_string(p, type.at, type.length < most ? type.length : most);
}

/* The elements are what the entry still holds, exactly. */
static osprey_status place_elements(const parsing *p, const osprey__byte_cursor *cursor,
                                    osprey__tensor *tensor)
{
    tensor->data = cursor->at;
    tensor->bytes = cursor->remaining;
    tensor->elements = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!osprey__multiply(tensor->elements, tensor->dims[i], &tensor->elements))
            return damaged(p, "its shape is larger than any memory");
    }
    if (tensor->foreign_dtype) return OSPREY_OK;
    size_t bytes;
    if (osprey__multiply(tensor->elements, osprey__dtype_bytes(tensor->dtype), &bytes) &&
        bytes == cursor->remaining)
        return OSPREY_OK;
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "array \"%.200s\": its %zu bytes are not those of its shape and type, %s",
                        p->name, cursor->remaining, osprey__dtype_name(tensor->dtype));
}

static osprey_status read_array(parsing *p, const osprey__zip_entry *entry, osprey__tensor *tensor)
{
    const size_t name_bytes = strlen(entry->name);
    if (name_bytes <= ENDING_BYTES || strcmp(entry->name + name_bytes - ENDING_BYTES, ending) != 0)
        return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                            "zip entry \"%.200s\" is no .npy file, as all of an .npz are",
                            entry->name);
    p->name = keep_string(p, entry->name, name_bytes - ENDING_BYTES);
    if (!entry->stored)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "array \"%.200s\" is compressed: save the file anew with np.savez in "
                            "place of np.savez_compressed",
                            p->name);
    npy_header header;
    osprey__byte_cursor cursor = osprey__cursor_over(entry->data, entry->bytes);
    OSPREY_TRY(read_header(p, &cursor, &header));
    *tensor = (osprey__tensor){.name = p->name, .file = p->file, .rank = header.rank};
    memcpy(tensor->dims, header.dims, sizeof tensor->dims);
    find_type(p, header.type, tensor);
    if (header.fortran_order && header.rank > 1)
        return osprey__fail(p->error, OSPREY_UNSUPPORTED, p->file,
                            "array \"%.200s\" is stored column by column: save "
                            "np.ascontiguousarray of it",
                            p->name);
    return place_elements(p, &cursor, tensor);
}

static osprey_status read_arrays(const osprey__zip_archive *archive, const char *file,
                                 osprey__tensor_table *table, osprey_error *error)
{
    size_t string_bytes = 0;
    if (archive->count == 0)
        return osprey__fail(error, OSPREY_FORMAT, file, "there are no arrays in it");
    for (size_t i = 0; i < archive->count; i++)
        string_bytes += strlen(archive->entries[i].name) + 1 + TYPE_BYTES_MAX;
    table->tensors = osprey__calloc(archive->count, sizeof *table->tensors);
    table->owned = osprey__calloc(string_bytes, 1);
    if (!table->tensors || !table->owned) return osprey__fail_memory(error, string_bytes);
    parsing p = {.file = file, .strings = table->owned, .error = error};
    for (; table->count < archive->count; table->count++)
        OSPREY_TRY(read_array(&p, &archive->entries[table->count], &table->tensors[table->count]));
    return OSPREY_OK;
}

osprey_status osprey__npz_parse(const uint8_t *bytes, size_t length, const char *file,
                                osprey__tensor_table *table, osprey_error *error)
{
    osprey__zip_archive archive;
    *table = (osprey__tensor_table){.format = OSPREY__NUMPY_ARCHIVE, .release = osprey__free};
    osprey_status status = osprey__zip_open(bytes, length, file, &archive, error);
    if (status == OSPREY_OK) status = read_arrays(&archive, file, table, error);
    osprey__zip_free(&archive);
    if (status != OSPREY_OK) osprey__tensor_table_free(table);
    return status;
}
