/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "model/manifest_fields.h"

#include <jansson.h>
#include <string.h>

/* A list, even of one: the format does not change with the count. */
static json_t *print_list(const osprey__manifest_field *f, const char *place)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->count; i++) {
        float number = 0;
        if (f->kind == OSPREY__FIELD_FLOAT)
            memcpy(&number, place + i * sizeof number, sizeof number);
        json_array_append_new(list, f->kind == OSPREY__FIELD_FLOAT
                                        ? json_real((double)number)
                                        : json_integer((uint8_t)place[i]));
    }
    return list;
}

/* A model has its directory's name, which need not be UTF-8. */
static json_t *print_text(const char *text)
{
    json_t *string = json_string(text);
    char *ascii = string ? NULL : osprey__strdup(text);
    if (!ascii) return string;
    for (char *at = ascii; *at; at++)
        if (*at & 0x80) *at = '?';
    string = json_string(ascii);
    osprey__free(ascii);
    return string;
}

static json_t *print_field(const osprey__manifest_field *f, const char *place)
{
    size_t size;
    int enumerated;
    bool yes;
    switch (f->kind) {
    case OSPREY__FIELD_SIZE:
        memcpy(&size, place, sizeof size);
        return json_integer((json_int_t)size);
    case OSPREY__FIELD_ENUM:
        memcpy(&enumerated, place, sizeof enumerated);
        return json_integer(enumerated);
    case OSPREY__FIELD_BOOL:
        memcpy(&yes, place, sizeof yes);
        return json_boolean(yes);
    case OSPREY__FIELD_TEXT:
        return print_text(place);
    case OSPREY__FIELD_FLOAT:
    case OSPREY__FIELD_BYTE:
        break;
    }
    return print_list(f, place);
}

/* [batch, arena bytes, scratch bytes] of each profile. */
static json_t *print_profiles(const osprey__manifest_tower *tower)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tower->profile_count; i++) {
        const osprey_engine_profile *profile = &tower->profiles[i];
        json_array_append_new(list, json_pack("[III]", (json_int_t)profile->batch,
                                              (json_int_t)profile->arena_bytes,
                                              (json_int_t)profile->scratch_bytes));
    }
    return list;
}

/* What the caller gave, which JSON takes as UTF-8 alone; it is the subject of errors. */
static osprey_status add_text(json_t *list, const char *text, osprey_error *error)
{
    if (json_array_append_new(list, json_string(text)) == 0) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, text,
                        "is no UTF-8, or memory could not be had");
}

static osprey_status print_given(const osprey__engine_manifest *manifest, json_t *root,
                                 osprey_error *error)
{
    json_t *keep = json_array(), *templates = json_array();
    json_object_set_new(root, "keep", keep);
    json_object_set_new(root, "templates", templates);
    for (size_t i = 0; i < manifest->keep_count; i++)
        OSPREY_TRY(add_text(keep, manifest->keep[i], error));
    for (size_t i = 0; i < manifest->templates.count; i++)
        OSPREY_TRY(add_text(templates, manifest->templates.texts[i], error));
    return OSPREY_OK;
}

static json_t *print_cosines(const osprey_cosines *cosines)
{
    return json_pack("[Iff]", (json_int_t)cosines->count, cosines->least, cosines->mean);
}

/* The limit, then [count, least, mean] of each tower's cosines. */
static json_t *print_report(const osprey__engine_manifest *manifest)
{
    return json_pack("{s:f,s:o,s:o,s:o,s:o}", "limit", manifest->cosine_limit, "image",
                     print_cosines(&manifest->image.cosines), "text",
                     print_cosines(&manifest->text.cosines), "static_image",
                     print_cosines(&manifest->image.static_cosines), "static_text",
                     print_cosines(&manifest->text.static_cosines));
}

static int print_reduction(json_t *root, const char *key, const osprey__manifest_tower *tower)
{
    if (!tower->is_reduced) return 0;
    json_t *object = json_object();
    int failed = 0;
    for (size_t i = 0; i < osprey__manifest_reduction_field_count; i++) {
        const osprey__manifest_field *f = &osprey__manifest_reduction_fields[i];
        const char *place = (const char *)&tower->reduction + f->offset;
        failed |= json_object_set_new(object, f->key, print_field(f, place));
    }
    return failed | json_object_set_new(root, key, object);
}

osprey_status osprey__engine_manifest_print(const osprey__engine_manifest *manifest, char **text,
                                            size_t *length, osprey_error *error)
{
    json_t *root = json_object();
    int failed = 0;
    for (size_t i = 0; i < osprey__manifest_field_count; i++) {
        const osprey__manifest_field *f = &osprey__manifest_fields[i];
        const char *place = (const char *)manifest + f->offset;
        failed |= json_object_set_new(root, f->key, print_field(f, place));
    }
    failed |= json_object_set_new(root, "image_profiles", print_profiles(&manifest->image));
    failed |= json_object_set_new(root, "text_profiles", print_profiles(&manifest->text));
    if (manifest->cosine_limit > 0)
        failed |= json_object_set_new(root, "precision_report", print_report(manifest));
    osprey_status status = print_given(manifest, root, error);
    if (status != OSPREY_OK) {
        json_decref(root);
        return status;
    }
    failed |= print_reduction(root, "image_reduction", &manifest->image);
    failed |= print_reduction(root, "text_reduction", &manifest->text);
    const size_t flags = JSON_INDENT(1) | JSON_REAL_PRECISION(17);
    *length = failed ? 0 : json_dumpb(root, NULL, 0, flags);
    *text = *length ? osprey__calloc(*length, 1) : NULL;
    if (*text) json_dumpb(root, *text, *length, flags);
    json_decref(root);
    return *text ? OSPREY_OK : osprey__fail_memory(error, sizeof *manifest);
}
