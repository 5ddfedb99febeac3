/* SPDX-License-Identifier: Apache-2.0 */
#include "model/class_names.h"

#include "base/memory.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

extern const unsigned char osprey__imagenet_1k[], osprey__imagenet_1k_end[];
extern const unsigned char osprey__imagenet_21k[], osprey__imagenet_21k_end[];

typedef struct class_list {
    size_t classes;
    const char *title;
    const unsigned char *begin, *end; /* gzip */
    size_t text_bytes;                /* unpacked: a name a line */
} class_list;

static const class_list lists[] = {
    {1000, "ImageNet-1k", osprey__imagenet_1k, osprey__imagenet_1k_end, 21675},
    {21843, "ImageNet-21k", osprey__imagenet_21k, osprey__imagenet_21k_end, 522999},
};

static const class_list *find_list(size_t classes)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (lists[i].classes == classes) return &lists[i];
    }
    return NULL;
}

const char *osprey__class_list_title(size_t classes)
{
    const class_list *list = find_list(classes);
    return list ? list->title : NULL;
}

static osprey_status unpack(const class_list *list, char *text, osprey_error *error)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return osprey__fail_memory(error, 1 << 16);
    stream.next_in = (z_const Bytef *)list->begin;
    stream.avail_in = (uInt)(list->end - list->begin);
    stream.next_out = (Bytef *)text;
    stream.avail_out = (uInt)list->text_bytes;
    int result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (result == Z_MEM_ERROR) return osprey__fail_memory(error, 1 << 16);
    if (result != Z_STREAM_END || stream.avail_out)
        return osprey__fail(error, OSPREY_FORMAT, list->title, "the names do not unpack");
    return OSPREY_OK;
}

static osprey_status copy_lines(const char *text, size_t count, char **names, osprey_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const size_t length = strcspn(text, "\n");
        names[i] = osprey__strndup(text, length);
        if (!names[i]) return osprey__fail_memory(error, length + 1);
        text += length + 1;
    }
    return OSPREY_OK;
}

static osprey_status number_classes(size_t classes, char **names, osprey_error *error)
{
    for (size_t i = 0; i < classes; i++) {
        char name[32];
        snprintf(name, sizeof name, "class %zu", i);
        names[i] = osprey__strdup(name);
        if (!names[i]) return osprey__fail_memory(error, sizeof name);
    }
    return OSPREY_OK;
}

osprey_status osprey__class_names_copy(size_t classes, char **names, osprey_error *error)
{
    const class_list *list = find_list(classes);
    if (!list) return number_classes(classes, names, error);
    char *text = osprey__calloc(list->text_bytes + 1, 1);
    if (!text) return osprey__fail_memory(error, list->text_bytes);
    osprey_status status = unpack(list, text, error);
    if (status == OSPREY_OK) status = copy_lines(text, classes, names, error);
    osprey__free(text);
    return status;
}
