/* SPDX-License-Identifier: Apache-2.0 */
#include "format/safetensors.h"

#include "base/byte_cursor.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>

/* What a tensor's entry is checked against. */
typedef struct file_block {
    const char *file;
    const uint8_t *data; /* the bytes behind the header */
    size_t length;
} file_block;

/* All types of the format; a foreign one is kept so that files which merely have one still open. */
static const struct {
    const char *name;
    uint8_t bits;
    bool foreign;
    osprey__dtype dtype;
} types[] = {
    {"F32", 32, false, OSPREY__F32},   {"F16", 16, false, OSPREY__F16},
    {"BF16", 16, false, OSPREY__BF16}, {"F64", 64, false, OSPREY__F64},
    {"I8", 8, false, OSPREY__I8},      {"U8", 8, false, OSPREY__U8},
    {"I16", 16, false, OSPREY__I16},   {"I32", 32, false, OSPREY__I32},
    {"I64", 64, false, OSPREY__I64},   {"BOOL", 8, false, OSPREY__BOOL},
    {"U16", 16, true, OSPREY__U8},     {"U32", 32, true, OSPREY__U8},
    {"U64", 64, true, OSPREY__U8},     {"C64", 64, true, OSPREY__U8},
    {"F8_E5M2", 8, true, OSPREY__U8},  {"F8_E4M3", 8, true, OSPREY__U8},
    {"F8_E8M0", 8, true, OSPREY__U8},  {"F6_E2M3", 6, true, OSPREY__U8},
    {"F6_E3M2", 6, true, OSPREY__U8},  {"F4", 4, true, OSPREY__U8},
};

static osprey_status read_type(const json_t *entry, const file_block *block, osprey__tensor *tensor,
                               size_t *bits, osprey_error *error)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" has no \"dtype\" such as \"F32\"", tensor->name);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) != 0) continue;
        tensor->dtype = types[i].dtype;
        tensor->foreign_dtype = types[i].foreign ? types[i].name : NULL;
        *bits = types[i].bits;
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_FORMAT, block->file,
                        "tensor \"%s\" has the unknown type \"%s\"", tensor->name, name);
}

static osprey_status read_shape(const json_t *entry, const file_block *block,
                                osprey__tensor *tensor, osprey_error *error)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" has no \"shape\" that is a list", tensor->name);
    tensor->rank = json_array_size(shape);
    if (tensor->rank > OSPREY__TENSOR_RANK)
        return osprey__fail(error, OSPREY_LIMIT, block->file,
                            "tensor \"%s\" has %zu dimensions; at most %u are allowed",
                            tensor->name, tensor->rank, OSPREY__TENSOR_RANK);
    tensor->elements = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        const json_t *dim = json_array_get(shape, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return osprey__fail(error, OSPREY_FORMAT, block->file,
                                "tensor \"%s\" has a dimension that is not a whole number, zero or "
                                "more",
                                tensor->name);
        tensor->dims[i] = (size_t)json_integer_value(dim);
        if (!osprey__multiply(tensor->elements, tensor->dims[i], &tensor->elements))
            return osprey__fail(error, OSPREY_FORMAT, block->file,
                                "tensor \"%s\" has a shape whose product overflows", tensor->name);
    }
    return OSPREY_OK;
}

static osprey_status read_place(const json_t *entry, const file_block *block, size_t bits,
                                osprey__tensor *tensor, osprey_error *error)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        json_integer_value(from) < 0)
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" has no \"data_offsets\" of two whole numbers",
                            tensor->name);
    const json_int_t begin = json_integer_value(from), end = json_integer_value(to);
    if (end < begin)
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" ends at byte %lld, before it begins at byte %lld",
                            tensor->name, (long long)end, (long long)begin);
    if ((unsigned long long)end > block->length)
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" ends at byte %lld of the data, but only %zu are in the "
                            "file: is it cut off?",
                            tensor->name, (long long)end, block->length);
    tensor->data = block->data + begin;
    tensor->bytes = (size_t)(end - begin);
    size_t wanted_bits = 0;
    if (!osprey__multiply(tensor->elements, bits, &wanted_bits))
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" has a shape whose size in bytes overflows",
                            tensor->name);
    if (wanted_bits % 8 != 0 || wanted_bits / 8 != tensor->bytes)
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" has %zu bytes, but its type and shape need %zu",
                            tensor->name, tensor->bytes, wanted_bits / 8 + (wanted_bits % 8 != 0));
    return OSPREY_OK;
}

static osprey_status read_tensor(const json_t *entry, const file_block *block,
                                 osprey__tensor *tensor, osprey_error *error)
{
    if (!json_is_object(entry))
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "tensor \"%s\" has to be an object with dtype, shape and data_offsets",
                            tensor->name);
    size_t bits = 0;
    OSPREY_TRY(read_type(entry, block, tensor, &bits, error));
    OSPREY_TRY(read_shape(entry, block, tensor, error));
    return read_place(entry, block, bits, tensor, error);
}

static osprey_status check_metadata(json_t *metadata, const file_block *block, osprey_error *error)
{
    if (!json_is_object(metadata))
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "\"__metadata__\" has to be an object of strings");
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return osprey__fail(error, OSPREY_FORMAT, block->file,
                                "\"__metadata__\" has to hold strings, and \"%s\" is none", key);
    }
    return OSPREY_OK;
}

static int by_place(const void *left, const void *right)
{
    const osprey__tensor *a = left, *b = right;
    if (a->data != b->data) return (const char *)a->data < (const char *)b->data ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* The tensors, sorted by place, have to fill the data from end to end: no byte belongs to two of
 * them, which could be read differently by different readers, and none to nobody. */
static osprey_status check_coverage(const osprey__tensor_table *table, const file_block *block,
                                    osprey_error *error)
{
    size_t covered = 0;
    for (size_t i = 0; i < table->count; i++) {
        const osprey__tensor *tensor = &table->tensors[i];
        size_t begin = (size_t)((const uint8_t *)tensor->data - block->data);
        if (begin < covered)
            return osprey__fail(error, OSPREY_FORMAT, block->file,
                                "tensors \"%s\" and \"%s\" overlap", table->tensors[i - 1].name,
                                tensor->name);
        if (begin > covered)
            return osprey__fail(error, OSPREY_FORMAT, block->file,
                                "the %zu bytes before tensor \"%s\" belong to no tensor",
                                begin - covered, tensor->name);
        covered = begin + tensor->bytes;
    }
    if (covered != block->length)
        return osprey__fail(error, OSPREY_FORMAT, block->file,
                            "the last %zu bytes belong to no tensor", block->length - covered);
    return OSPREY_OK;
}

static osprey_status find_header(const void *bytes, size_t length, const char *file,
                                 osprey__byte_cursor *header, file_block *block,
                                 osprey_error *error)
{
    osprey__byte_cursor cursor = osprey__cursor_over(bytes, length);
    uint64_t header_bytes = 0;
    if (!length) return osprey__fail(error, OSPREY_FORMAT, file, "the file is empty");
    if (!osprey__cursor_number(&cursor, 8, false, &header_bytes))
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "its length is %zu: too short for a safetensors file", length);
    /* Before the limit: a file of another format begins with any number. */
    const bool has_header = cursor.remaining && cursor.at[0] == '{';
    if (header_bytes > cursor.remaining && has_header)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "its first 8 bytes announce a header of %llu bytes, but %zu follow: "
                            "is the file cut off?",
                            (unsigned long long)header_bytes, cursor.remaining);
    if (header_bytes > cursor.remaining)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "neither a safetensors file nor what torch.save or NumPy wrote");
    if (header_bytes > OSPREY__SAFETENSORS_HEADER_BYTES)
        return osprey__fail(error, OSPREY_LIMIT, file,
                            "its header has %llu bytes; at most %u are allowed",
                            (unsigned long long)header_bytes, OSPREY__SAFETENSORS_HEADER_BYTES);
    *header = osprey__cursor_over(osprey__cursor_take(&cursor, (size_t)header_bytes),
                                  (size_t)header_bytes);
    if (!header_bytes || !has_header)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "its header does not begin with \"{\": not a safetensors file");
    *block = (file_block){file, cursor.at, cursor.remaining};
    return OSPREY_OK;
}

static void release_header(void *root)
{
    json_decref(root);
}

osprey_status osprey__safetensors_parse(const uint8_t *bytes, size_t length, const char *file,
                                        osprey__tensor_table *table, osprey_error *error)
{
    *table = (osprey__tensor_table){.format = OSPREY__SAFETENSORS};
    osprey__byte_cursor header = {0};
    file_block block = {0};
    json_t *root = NULL;
    OSPREY_TRY(find_header(bytes, length, file, &header, &block, error));
    OSPREY_TRY(osprey__json_parse((const char *)header.at, header.remaining, file, &root, error));
    table->owned = root;
    table->release = release_header;
    osprey_status status = OSPREY_OK;
    const size_t entries = json_object_size(root);
    if (entries > OSPREY__TENSORS_MAX) {
        status = osprey__fail(error, OSPREY_LIMIT, file,
                              "its header has %zu entries; at most %u are allowed", entries,
                              OSPREY__TENSORS_MAX);
        goto fail;
    }
    table->tensors = osprey__calloc(entries, sizeof *table->tensors);
    if (!table->tensors) {
        status = osprey__fail_memory(error, entries * sizeof *table->tensors);
        goto fail;
    }
    const char *key;
    json_t *entry;
    json_object_foreach(root, key, entry)
    {
        if (strcmp(key, "__metadata__") == 0) {
            OSPREY_TRY_GOTO(check_metadata(entry, &block, error));
            continue;
        }
        osprey__tensor *tensor = &table->tensors[table->count];
        *tensor = (osprey__tensor){.name = key, .file = file};
        OSPREY_TRY_GOTO(read_tensor(entry, &block, tensor, error));
        table->count++;
    }
    qsort(table->tensors, table->count, sizeof *table->tensors, by_place);
    OSPREY_TRY_GOTO(check_coverage(table, &block, error));
    return OSPREY_OK;

fail:
    osprey__tensor_table_free(table);
    return status;
}
