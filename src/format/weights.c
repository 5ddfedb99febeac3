/* SPDX-License-Identifier: Apache-2.0 */
#include "format/weights.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/status.h"
#include "format/weight_file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_BYTES_MAX (64u << 20)
#define SHARDS_MAX      4096u

struct osprey__weights {
    char **files; /* the index, if any, and one of each shard */
    size_t file_count;
    osprey__weight_file *shards;
    size_t shard_count;
    osprey__tensor *tensors; /* of all shards, sorted by name */
    size_t tensor_count;
};

static osprey_status allocate(osprey__weights *weights, size_t shards, osprey_error *error)
{
    weights->files = osprey__calloc(shards + 1, sizeof *weights->files);
    weights->shards = osprey__calloc(shards, sizeof *weights->shards);
    if (!weights->files || !weights->shards)
        return osprey__fail_memory(error, shards * sizeof *weights->shards);
    weights->shard_count = shards;
    return OSPREY_OK;
}

static osprey_status add_file(osprey__weights *weights, const char *path, osprey_error *error)
{
    char *copy = osprey__strdup(path);
    if (!copy) return osprey__fail_memory(error, strlen(path) + 1);
    weights->files[weights->file_count++] = copy;
    return OSPREY_OK;
}

static osprey_status open_shard(osprey__weights *weights, osprey__weight_file *opened,
                                const char *path, osprey_error *error)
{
    OSPREY_TRY(add_file(weights, path, error));
    const char *file = weights->files[weights->file_count - 1]; /* lives as long as the tensors */
    return osprey__weight_file_open(file, opened, error);
}

static int by_name(const void *left, const void *right)
{
    const osprey__tensor *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* The name without TinyCLIP's wrapper. What selects layers (l0_module) belongs to it and stays. */
static const char *unwrap(const char *name)
{
    static const char *const wrappers[] = {"_image_encoder.", "_text_encoder.", "_logit_scale."};
    static const char distributed[] = "module.";
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        const size_t length = strlen(wrappers[i]);
        if (strncmp(name, wrappers[i], length) != 0) continue;
        const char *inner = name + length;
        if (strncmp(inner, distributed, sizeof distributed - 1) == 0)
            inner += sizeof distributed - 1;
        return strncmp(inner, "l0_module.", 10) == 0 ? name : inner;
    }
    return name;
}

static osprey_status collect_tensors(osprey__weights *weights, osprey_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < weights->shard_count; i++) count += weights->shards[i].table.count;
    weights->tensors = osprey__calloc(count, sizeof *weights->tensors);
    if (!weights->tensors) return osprey__fail_memory(error, count * sizeof *weights->tensors);
    for (size_t i = 0; i < weights->shard_count; i++) {
        const osprey__tensor_table *table = &weights->shards[i].table;
        memcpy(weights->tensors + weights->tensor_count, table->tensors,
               table->count * sizeof *table->tensors);
        weights->tensor_count += table->count;
    }
    for (size_t i = 0; i < count; i++) weights->tensors[i].name = unwrap(weights->tensors[i].name);
    qsort(weights->tensors, count, sizeof *weights->tensors, by_name);
    for (size_t i = 1; i < count; i++) {
        const osprey__tensor *a = &weights->tensors[i - 1], *b = &weights->tensors[i];
        if (strcmp(a->name, b->name) == 0)
            return osprey__fail(error, OSPREY_FORMAT, a->file, "tensor \"%s\" is also in %s",
                                a->name, b->file);
    }
    return OSPREY_OK;
}

/* The shards lie beside the index: a name that leads elsewhere is an attack or a mistake. */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           !strchr(name, '/') && !strchr(name, '\\');
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Fills shards, an empty object, with every shard's name once, and a tensor that is in it. */
static osprey_status list_shards(const char *index, json_t *map, json_t *shards,
                                 osprey_error *error)
{
    const char *tensor;
    json_t *value;
    json_object_foreach(map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!name || !is_plain_name(name))
            return osprey__fail(error, OSPREY_FORMAT, index,
                                "\"weight_map\" has to give tensor \"%s\" the plain name of a file "
                                "beside the index",
                                tensor);
        if (json_object_get(shards, name)) continue;
        if (json_object_size(shards) == SHARDS_MAX)
            return osprey__fail(error, OSPREY_LIMIT, index,
                                "\"weight_map\" names more than %u files", SHARDS_MAX);
        if (json_object_set_new(shards, name, json_string(tensor)) != 0)
            return osprey__fail_memory(error, strlen(tensor) + 1);
    }
    if (json_object_size(shards) == 0)
        return osprey__fail(error, OSPREY_FORMAT, index,
                            "it has no \"weight_map\" with a file for each tensor");
    return OSPREY_OK;
}

static osprey_status open_shards(osprey__weights *weights, const char *index, json_t *shards,
                                 osprey_error *error)
{
    const int directory_bytes = (int)(last_component(index) - index);
    osprey__weight_file *next = weights->shards;
    const char *name;
    json_t *tensor;
    json_object_foreach(shards, name, tensor)
    {
        char path[PATH_MAX];
        int needed = snprintf(path, sizeof path, "%.*s%s", directory_bytes, index, name);
        if (needed < 0 || (size_t)needed >= sizeof path)
            return osprey__fail(error, OSPREY_LIMIT, index, "the path of a shard is too long");
        osprey_status status = open_shard(weights, next++, path, error);
        if (status == OSPREY_NOT_FOUND)
            return osprey__fail(error, OSPREY_NOT_FOUND, path,
                                "this shard is missing: %s says that it holds \"%s\"",
                                last_component(index), json_string_value(tensor));
        OSPREY_TRY(status);
    }
    return OSPREY_OK;
}

static osprey_status check_index(const osprey__weights *weights, const char *index, json_t *map,
                                 osprey_error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        const osprey__tensor *tensor = osprey__weights_find(weights, name);
        if (!tensor || strcmp(last_component(tensor->file), json_string_value(value)) != 0)
            return osprey__fail(error, OSPREY_FORMAT, index,
                                "tensor \"%s\" is not in %s, where \"weight_map\" has it", name,
                                json_string_value(value));
    }
    return OSPREY_OK;
}

static osprey_status open_sharded(osprey__weights *weights, const char *index, osprey_error *error)
{
    json_t *root = NULL, *map = NULL;
    OSPREY_TRY(osprey__json_read(index, INDEX_BYTES_MAX, &root, error));
    json_t *shards = json_object();
    osprey_status status = OSPREY_OK;
    if (!shards) {
        status = osprey__fail_memory(error, sizeof *shards);
        goto fail;
    }
    OSPREY_TRY_GOTO(osprey__json_object(root, "weight_map", index, &map, error));
    OSPREY_TRY_GOTO(list_shards(index, map, shards, error));
    OSPREY_TRY_GOTO(allocate(weights, json_object_size(shards), error));
    OSPREY_TRY_GOTO(add_file(weights, index, error));
    OSPREY_TRY_GOTO(open_shards(weights, index, shards, error));
    OSPREY_TRY_GOTO(collect_tensors(weights, error));
    status = check_index(weights, index, map, error);

fail:
    json_decref(shards);
    json_decref(root);
    return status;
}

static osprey_status open_single(osprey__weights *weights, const char *path, osprey_error *error)
{
    OSPREY_TRY(allocate(weights, 1, error));
    OSPREY_TRY(open_shard(weights, weights->shards, path, error));
    return collect_tensors(weights, error);
}

static bool is_index(const char *path)
{
    static const char ending[] = ".index.json";
    const size_t length = strlen(path), wanted = sizeof ending - 1;
    return length >= wanted && strcmp(path + length - wanted, ending) == 0;
}

osprey_status osprey__weights_open(const char *path, osprey__weights **weights, osprey_error *error)
{
    *weights = NULL;
    osprey__weights *opened = osprey__calloc(1, sizeof *opened);
    if (!opened) return osprey__fail_memory(error, sizeof *opened);
    osprey_status status =
        is_index(path) ? open_sharded(opened, path, error) : open_single(opened, path, error);
    if (status != OSPREY_OK) {
        osprey__weights_free(opened);
        return status;
    }
    *weights = opened;
    return OSPREY_OK;
}

const osprey__tensor *osprey__weights_find(const osprey__weights *weights, const char *name)
{
    const osprey__tensor wanted = {.name = name};
    return bsearch(&wanted, weights->tensors, weights->tensor_count, sizeof wanted, by_name);
}

osprey_status osprey__weights_get(const osprey__weights *weights, const char *name,
                                  const osprey__tensor **tensor, osprey_error *error)
{
    *tensor = osprey__weights_find(weights, name);
    if (!*tensor)
        return osprey__fail(error, OSPREY_NOT_FOUND, weights->files[0],
                            "tensor \"%s\" is missing from the weights", name);
    if ((*tensor)->foreign_dtype)
        return osprey__fail(error, OSPREY_UNSUPPORTED, (*tensor)->file,
                            "tensor \"%s\" is of type %s; osprey reads F32, F16 and BF16 weights",
                            name, (*tensor)->foreign_dtype);
    return OSPREY_OK;
}

osprey__weight_format osprey__weights_format(const osprey__weights *weights)
{
    return weights->shards[0].table.format;
}

const osprey__tensor *osprey__weights_tensors(const osprey__weights *weights, size_t *count)
{
    *count = weights->tensor_count;
    return weights->tensors;
}

const char *const *osprey__weights_files(const osprey__weights *weights, size_t *count)
{
    *count = weights->file_count;
    return (const char *const *)weights->files;
}

void osprey__weights_free(osprey__weights *weights)
{
    if (!weights) return;
    for (size_t i = 0; i < weights->shard_count; i++)
        osprey__weight_file_close(&weights->shards[i]);
    for (size_t i = 0; i < weights->file_count; i++) osprey__free(weights->files[i]);
    osprey__free(weights->shards);
    osprey__free(weights->files);
    osprey__free(weights->tensors);
    osprey__free(weights);
}
