/* SPDX-License-Identifier: Apache-2.0 */
#include "format/torch_zip.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/status.h"
#include "format/pickle.h"
#include "format/zip_archive.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MODULE_DEPTH_MAX 64u
#define WRAPPERS_MAX     4u /* state dicts wrapped in one another */
#define VISITS_MAX       4000000u
#define ENTRY_NAME_BYTES 512

typedef struct found_tensor {
    size_t name_at; /* in the names */
    const osprey__pickle_value *value;
} found_tensor;

/* What belongs to a table besides the file's own bytes. */
typedef struct owned_blocks {
    osprey__buffer names;
    void **copies; /* of tensors that are not stored row-major */
    size_t copy_count;
} owned_blocks;

typedef struct reader {
    const char *file;
    osprey_error *error;
    osprey__zip_archive archive;
    osprey__pickle pickle;
    char top[ENTRY_NAME_BYTES]; /* the directory of all entries, with its slash */
    size_t file_bytes, copied_bytes, visits;
    found_tensor *found;
    size_t found_count, found_capacity;
    osprey__tensor_table *table;
    owned_blocks *owned;
} reader;

/* A tensor as the pickle describes it. */
typedef struct view {
    size_t offset, strides[OSPREY__TENSOR_RANK]; /* in elements of the storage */
    size_t storage_elements;
    const uint8_t *storage;
} view;

static void release_blocks(void *owned)
{
    owned_blocks *blocks = owned;
    osprey__buffer_free(&blocks->names);
    for (size_t i = 0; i < blocks->copy_count; i++) osprey__aligned_free(blocks->copies[i]);
    osprey__free(blocks->copies);
    osprey__free(blocks);
}

static osprey_status get_entry(const reader *r, const char *name, const osprey__zip_entry **entry)
{
    char path[2 * ENTRY_NAME_BYTES];
    int length = snprintf(path, sizeof path, "%s%s", r->top, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return osprey__fail(r->error, OSPREY_LIMIT, r->file, "a zip entry's name is too long");
    return osprey__zip_get(&r->archive, path, entry, r->error);
}

static bool has_entry(const reader *r, const char *name)
{
    char path[2 * ENTRY_NAME_BYTES];
    snprintf(path, sizeof path, "%s%s", r->top, name);
    return osprey__zip_find(&r->archive, path);
}

/* The one directory that has a data.pkl. */
static osprey_status find_top(reader *r)
{
    static const char wanted[] = "/data.pkl";
    const char *top = NULL;
    for (size_t i = 0; i < r->archive.count; i++) {
        const char *name = r->archive.entries[i].name, *slash = strchr(name, '/');
        if (!slash || strcmp(slash, wanted) != 0) continue;
        if (top)
            return osprey__fail(r->error, OSPREY_FORMAT, r->file,
                                "it has both \"%.100s\" and \"%.100s\"; PyTorch writes one", top,
                                name);
        top = name;
    }
    if (!top)
        return osprey__fail(r->error, OSPREY_UNSUPPORTED, r->file,
                            "a zip file, but not PyTorch's: it has no data.pkl in a directory");
    const size_t length = (size_t)(strchr(top, '/') - top) + 1;
    if (length >= sizeof r->top)
        return osprey__fail(r->error, OSPREY_LIMIT, r->file, "a zip entry's name is too long");
    memcpy(r->top, top, length);
    return OSPREY_OK;
}

static osprey_status check_byte_order(const reader *r)
{
    const osprey__zip_entry *order = NULL;
    if (!has_entry(r, "byteorder")) return OSPREY_OK; /* PyTorch before 2.1 */
    OSPREY_TRY(get_entry(r, "byteorder", &order));
    if (order->bytes == 6 && memcmp(order->data, "little", 6) == 0) return OSPREY_OK;
    return osprey__fail(r->error, OSPREY_UNSUPPORTED, r->file,
                        "its byteorder is not \"little\": save the file on a little-endian "
                        "machine");
}

static const osprey__pickle_value *at(const reader *r, osprey__pickle_id id)
{
    return osprey__pickle_at(&r->pickle, id);
}

static bool is_text(const osprey__pickle_value *value, const char *text)
{
    return value->kind == OSPREY__PICKLE_STRING && value->text.length == strlen(text) &&
           memcmp(value->text.bytes, text, value->text.length) == 0;
}

/* The dict's value at a key, or NULL. */
static const osprey__pickle_value *look_up(const reader *r, const osprey__pickle_value *dict,
                                           const char *key)
{
    const osprey__pickle_item *items = r->pickle.items;
    for (uint32_t i = dict->items.first; i != OSPREY__PICKLE_NO_ID; i = items[items[i].next].next) {
        if (is_text(at(r, items[i].value), key)) return at(r, items[items[i].next].value);
    }
    return NULL;
}

/* Training scripts keep the state dict beside their own state. */
static const osprey__pickle_value *unwrap(const reader *r, const osprey__pickle_value *root)
{
    static const char *const wrappers[] = {"state_dict", "model_state_dict", "model"};
    for (size_t depth = 0; depth < WRAPPERS_MAX && root->kind == OSPREY__PICKLE_DICT; depth++) {
        const osprey__pickle_value *inner = NULL;
        for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers && !inner; i++) {
            inner = look_up(r, root, wrappers[i]);
            if (inner && inner->kind != OSPREY__PICKLE_DICT) inner = NULL;
        }
        if (!inner) break;
        root = inner;
    }
    return root;
}

static osprey_status keep(reader *r, const char *prefix, const osprey__pickle_value *key,
                          const osprey__pickle_value *tensor)
{
    osprey__buffer *names = &r->owned->names;
    if (r->found_count == OSPREY__TENSORS_MAX)
        return osprey__fail(r->error, OSPREY_LIMIT, r->file, "it has more than %u tensors",
                            OSPREY__TENSORS_MAX);
    if (memchr(key->text.bytes, '\0', key->text.length))
        return osprey__fail(r->error, OSPREY_FORMAT, r->file,
                            "the name of a tensor, \"%s%.100s\", has a NUL inside", prefix,
                            key->text.bytes);
    if (r->found_count == r->found_capacity) {
        const size_t larger = r->found_capacity ? 2 * r->found_capacity : 256;
        found_tensor *grown = osprey__realloc(r->found, larger, sizeof *grown);
        if (!grown) return osprey__fail_memory(r->error, larger * sizeof *grown);
        r->found = grown;
        r->found_capacity = larger;
    }
    r->found[r->found_count++] = (found_tensor){names->length, tensor};
    OSPREY_TRY(osprey__buffer_append(names, prefix, strlen(prefix), r->error));
    OSPREY_TRY(osprey__buffer_append(names, key->text.bytes, key->text.length, r->error));
    return osprey__buffer_append(names, "", 1, r->error);
}

static osprey_status collect(reader *r, const osprey__pickle_value *value, const char *prefix,
                             size_t depth);

/* A module inside another: its tensors' names begin with the attribute's. */
static osprey_status collect_inner(reader *r, const osprey__pickle_value *object,
                                   const char *prefix, const osprey__pickle_value *key,
                                   size_t depth)
{
    char inner[ENTRY_NAME_BYTES];
    int length =
        snprintf(inner, sizeof inner, "%s%.*s.", prefix, (int)key->text.length, key->text.bytes);
    if (depth == MODULE_DEPTH_MAX || length < 0 || (size_t)length >= sizeof inner)
        return osprey__fail(r->error, OSPREY_LIMIT, r->file,
                            "its modules are nested too deep, at \"%.100s\"", prefix);
    return collect(r, object, inner, depth + 1);
}

/* Every tensor of a dict, or of a TorchScript module and those in it. */
static osprey_status collect(reader *r, const osprey__pickle_value *value, const char *prefix,
                             size_t depth)
{
    const bool is_object = value->kind == OSPREY__PICKLE_OBJECT;
    if (is_object) {
        if (value->inner == OSPREY__PICKLE_NO_ID) return OSPREY_OK;
        value = at(r, value->inner);
    }
    if (value->kind != OSPREY__PICKLE_DICT) return OSPREY_OK;
    const osprey__pickle_item *items = r->pickle.items;
    for (uint32_t i = value->items.first; i != OSPREY__PICKLE_NO_ID;
         i = items[items[i].next].next) {
        const osprey__pickle_value *key = at(r, items[i].value);
        const osprey__pickle_value *held = at(r, items[items[i].next].value);
        /* Modules that share modules that share modules grow exponentially. */
        if (++r->visits > VISITS_MAX)
            return osprey__fail(r->error, OSPREY_LIMIT, r->file,
                                "its modules lead to more than %u values", VISITS_MAX);
        if (key->kind != OSPREY__PICKLE_STRING) continue;
        if (held->kind == OSPREY__PICKLE_TENSOR)
            OSPREY_TRY(keep(r, prefix, key, held));
        else if (is_object && held->kind == OSPREY__PICKLE_OBJECT)
            OSPREY_TRY(collect_inner(r, held, prefix, key, depth));
    }
    return OSPREY_OK;
}

/* torch.nn.DataParallel's, where all names have it. */
static size_t common_prefix(const reader *r)
{
    static const char prefix[] = "module.";
    for (size_t i = 0; i < r->found_count; i++) {
        if (strncmp(r->owned->names.bytes + r->found[i].name_at, prefix, sizeof prefix - 1) != 0)
            return 0;
    }
    return sizeof prefix - 1;
}

static osprey_status fail_tensor(const reader *r, const osprey__tensor *tensor, const char *what)
{
    return osprey__fail(r->error, OSPREY_FORMAT, r->file, "tensor \"%.200s\": %s", tensor->name,
                        what);
}

/* A number that cannot be negative. */
static bool read_size(const osprey__pickle_value *value, size_t *size)
{
    if (!value || value->kind != OSPREY__PICKLE_INT || value->number < 0) return false;
    *size = (size_t)value->number;
    return true;
}

static osprey_status read_shape(const reader *r, const osprey__pickle_value *arguments,
                                osprey__tensor *tensor, view *seen)
{
    const osprey__pickle_value *dims = osprey__pickle_get(&r->pickle, arguments, 2);
    const osprey__pickle_value *strides = osprey__pickle_get(&r->pickle, arguments, 3);
    if (!dims || !strides || dims->kind != OSPREY__PICKLE_TUPLE ||
        strides->kind != OSPREY__PICKLE_TUPLE || dims->items.count != strides->items.count)
        return fail_tensor(r, tensor, "its shape and strides are missing");
    if (dims->items.count > OSPREY__TENSOR_RANK)
        return fail_tensor(r, tensor, "it has more than 8 dimensions");
    tensor->rank = dims->items.count;
    tensor->elements = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!read_size(osprey__pickle_get(&r->pickle, dims, i), &tensor->dims[i]) ||
            !read_size(osprey__pickle_get(&r->pickle, strides, i), &seen->strides[i]))
            return fail_tensor(r, tensor,
                               "its shape and strides have to be whole numbers, zero or more");
        if (!osprey__multiply(tensor->elements, tensor->dims[i], &tensor->elements))
            return fail_tensor(r, tensor, "its shape has a product that overflows");
    }
    return OSPREY_OK;
}

/* ("storage", its type, the entry's name in data/, a device, elements) */
static osprey_status read_storage(const reader *r, const osprey__pickle_value *storage,
                                  osprey__tensor *tensor, view *seen)
{
    const osprey__pickle_value *parts[5] = {0};
    for (size_t i = 0; i < 5 && storage && storage->kind == OSPREY__PICKLE_STORAGE; i++)
        parts[i] = osprey__pickle_get(&r->pickle, at(r, storage->inner), i);
    if (!parts[4] || !is_text(parts[0], "storage") || parts[1]->kind != OSPREY__PICKLE_GLOBAL ||
        !parts[1]->global.is_storage || parts[2]->kind != OSPREY__PICKLE_STRING ||
        !read_size(parts[4], &seen->storage_elements))
        return fail_tensor(r, tensor, "it has no storage");
    tensor->dtype = parts[1]->global.dtype;
    char name[ENTRY_NAME_BYTES];
    int length =
        snprintf(name, sizeof name, "data/%.*s", (int)parts[2]->text.length, parts[2]->text.bytes);
    if (length < 0 || (size_t)length >= sizeof name)
        return fail_tensor(r, tensor, "the name of its storage is too long");
    const osprey__zip_entry *entry = NULL;
    OSPREY_TRY(get_entry(r, name, &entry));
    size_t bytes;
    if (!osprey__multiply(seen->storage_elements, osprey__dtype_bytes(tensor->dtype), &bytes) ||
        bytes > entry->bytes)
        return osprey__fail(
            r->error, OSPREY_FORMAT, r->file,
            "tensor \"%.200s\": its storage has to have %zu elements, but zip entry "
            "\"%s\" has %zu bytes",
            tensor->name, seen->storage_elements, name, entry->bytes);
    seen->storage = entry->data;
    return OSPREY_OK;
}

/* The last element has to lie in the storage too. */
static osprey_status check_extent(const reader *r, const osprey__tensor *tensor, const view *seen)
{
    size_t left = seen->storage_elements;
    bool inside = seen->offset < left;
    if (inside) left -= seen->offset + 1;
    for (size_t i = 0; inside && i < tensor->rank; i++) {
        size_t reach;
        inside = osprey__multiply(tensor->dims[i] - 1, seen->strides[i], &reach) && reach <= left;
        if (inside) left -= reach;
    }
    if (inside) return OSPREY_OK;
    return osprey__fail(r->error, OSPREY_FORMAT, r->file,
                        "tensor \"%.200s\" reaches behind its storage of %zu elements",
                        tensor->name, seen->storage_elements);
}

static bool is_row_major(const osprey__tensor *tensor, const view *seen)
{
    size_t expected = 1;
    for (size_t i = tensor->rank; i > 0; i--) {
        if (tensor->dims[i - 1] != 1 && seen->strides[i - 1] != expected) return false;
        expected *= tensor->dims[i - 1];
    }
    return true;
}

/* The elements in the order of their indices, such as of a filter that is kept channels last. */
static void gather(const osprey__tensor *tensor, const view *seen, uint8_t *to)
{
    const size_t width = osprey__dtype_bytes(tensor->dtype);
    size_t index[OSPREY__TENSOR_RANK] = {0}, from = seen->offset;
    for (size_t i = 0; i < tensor->elements; i++) {
        memcpy(to + i * width, seen->storage + from * width, width);
        for (size_t d = tensor->rank; d > 0; d--) {
            from += seen->strides[d - 1];
            if (++index[d - 1] < tensor->dims[d - 1]) break;
            from -= tensor->dims[d - 1] * seen->strides[d - 1];
            index[d - 1] = 0;
        }
    }
}

static osprey_status copy_view(reader *r, osprey__tensor *tensor, const view *seen)
{
    if (tensor->elements > seen->storage_elements)
        return fail_tensor(r, tensor,
                           "it repeats elements of its storage (an expanded view): save it with "
                           ".contiguous()");
    if (tensor->bytes > r->file_bytes - r->copied_bytes)
        return osprey__fail(r->error, OSPREY_LIMIT, r->file,
                            "its tensors are views that come to more bytes than the file has");
    void *copy = osprey__aligned_alloc(tensor->bytes);
    if (!copy) return osprey__fail_memory(r->error, tensor->bytes);
    r->owned->copies[r->owned->copy_count++] = copy;
    r->copied_bytes += tensor->bytes;
    gather(tensor, seen, copy);
    tensor->data = copy;
    return OSPREY_OK;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, ...) */
static osprey_status read_tensor(reader *r, const osprey__pickle_value *value,
                                 osprey__tensor *tensor)
{
    view seen = {0};
    const osprey__pickle_value *arguments = at(r, value->inner);
    OSPREY_TRY(read_shape(r, arguments, tensor, &seen));
    OSPREY_TRY(read_storage(r, osprey__pickle_get(&r->pickle, arguments, 0), tensor, &seen));
    if (!read_size(osprey__pickle_get(&r->pickle, arguments, 1), &seen.offset))
        return fail_tensor(r, tensor, "its place in the storage is not a whole number");
    if (tensor->elements == 0) {
        tensor->data = seen.storage;
        return OSPREY_OK;
    }
    OSPREY_TRY(check_extent(r, tensor, &seen));
    const size_t width = osprey__dtype_bytes(tensor->dtype);
    if (!osprey__multiply(tensor->elements, width, &tensor->bytes))
        return fail_tensor(r, tensor, "its shape has a size in bytes that overflows");
    if (!is_row_major(tensor, &seen)) return copy_view(r, tensor, &seen);
    tensor->data = seen.storage + seen.offset * width;
    return OSPREY_OK;
}

static osprey_status read_tensors(reader *r)
{
    osprey__tensor_table *table = r->table;
    const size_t count = r->found_count, skipped = common_prefix(r);
    table->tensors = osprey__calloc(count, sizeof *table->tensors);
    r->owned->copies = osprey__calloc(count, sizeof *r->owned->copies);
    if (!table->tensors || !r->owned->copies)
        return osprey__fail_memory(r->error, count * sizeof *table->tensors);
    for (size_t i = 0; i < count; i++) {
        const char *name = r->owned->names.bytes + r->found[i].name_at + skipped;
        table->tensors[i] = (osprey__tensor){.name = name, .file = r->file};
        OSPREY_TRY(read_tensor(r, r->found[i].value, &table->tensors[i]));
        table->count++;
    }
    return OSPREY_OK;
}

static osprey_status read_archive(reader *r)
{
    const osprey__zip_entry *program = NULL;
    OSPREY_TRY(find_top(r));
    OSPREY_TRY(check_byte_order(r));
    OSPREY_TRY(get_entry(r, "data.pkl", &program));
    OSPREY_TRY(osprey__pickle_read(program->data, program->bytes, r->file, &r->pickle, r->error));
    const osprey__pickle_value *root = unwrap(r, at(r, r->pickle.root));
    OSPREY_TRY(collect(r, root, "", 0));
    if (r->found_count == 0)
        return osprey__fail(r->error, OSPREY_FORMAT, r->file,
                            "it holds no state dict: names with tensors, by themselves or under "
                            "\"state_dict\", \"model_state_dict\" or \"model\"");
    r->table->format =
        has_entry(r, "constants.pkl") ? OSPREY__TORCH_SCRIPT : OSPREY__TORCH_CHECKPOINT;
    return read_tensors(r);
}

osprey_status osprey__torch_zip_parse(const uint8_t *bytes, size_t length, const char *file,
                                      osprey__tensor_table *table, osprey_error *error)
{
    owned_blocks *owned = osprey__calloc(1, sizeof *owned);
    *table = (osprey__tensor_table){.owned = owned, .release = release_blocks};
    if (!owned) {
        table->release = NULL;
        return osprey__fail_memory(error, sizeof *owned);
    }
    reader r = {.file = file, .error = error, .file_bytes = length, .table = table, .owned = owned};
    osprey_status status = osprey__zip_open(bytes, length, file, &r.archive, error);
    if (status == OSPREY_OK) status = read_archive(&r);
    osprey__zip_free(&r.archive);
    osprey__pickle_free(&r.pickle);
    osprey__free(r.found);
    if (status != OSPREY_OK) osprey__tensor_table_free(table);
    return status;
}
