/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/status.h"
#include "model/manifest_fields.h"

#include <math.h>
#include <string.h>

typedef struct parsing {
    const char *file;
    osprey_error *error;
} parsing;

static osprey_status damaged(const parsing *p, const char *key)
{
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "the engine's manifest is damaged at \"%s\"; compile the model again", key);
}

static osprey_status parse_size(const parsing *p, const json_t *value,
                                const osprey__manifest_field *f, size_t *size)
{
    *size = 0;
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || (uint64_t)number < f->least || (uint64_t)number > f->most)
        return damaged(p, f->key);
    *size = (size_t)number;
    return OSPREY_OK;
}

static osprey_status parse_list(const parsing *p, const json_t *list,
                                const osprey__manifest_field *f, char *place)
{
    if (json_array_size(list) != f->count) return damaged(p, f->key);
    for (size_t i = 0; i < f->count; i++) {
        const json_t *value = json_array_get(list, i);
        float number = (float)json_number_value(value);
        size_t byte;
        if (f->kind == OSPREY__FIELD_FLOAT && (!json_is_number(value) || !isfinite(number)))
            return damaged(p, f->key);
        if (f->kind == OSPREY__FIELD_FLOAT) {
            memcpy(place + i * sizeof number, &number, sizeof number);
        } else {
            OSPREY_TRY(parse_size(p, value, f, &byte));
            place[i] = (char)byte;
        }
    }
    return OSPREY_OK;
}

static osprey_status parse_field(const parsing *p, const json_t *value,
                                 const osprey__manifest_field *f, char *place)
{
    size_t size;
    int enumerated;
    bool yes = json_is_true(value);
    const char *text = json_string_value(value);
    switch (f->kind) {
    case OSPREY__FIELD_SIZE:
        OSPREY_TRY(parse_size(p, value, f, &size));
        memcpy(place, &size, sizeof size);
        return OSPREY_OK;
    case OSPREY__FIELD_ENUM:
        OSPREY_TRY(parse_size(p, value, f, &size));
        enumerated = (int)size;
        memcpy(place, &enumerated, sizeof enumerated);
        return OSPREY_OK;
    case OSPREY__FIELD_BOOL:
        if (!json_is_boolean(value)) return damaged(p, f->key);
        memcpy(place, &yes, sizeof yes);
        return OSPREY_OK;
    case OSPREY__FIELD_TEXT:
        if (!text || strlen(text) >= f->count) return damaged(p, f->key);
        memcpy(place, text, strlen(text) + 1);
        return OSPREY_OK;
    case OSPREY__FIELD_FLOAT:
    case OSPREY__FIELD_BYTE:
        break;
    }
    return parse_list(p, value, f, place);
}

static osprey_status parse_profiles(const parsing *p, const json_t *root, const char *key,
                                    osprey__manifest_tower *tower)
{
    const osprey__manifest_field batch = {key, OSPREY__FIELD_SIZE,      0,
                                          1,   OSPREY_ENGINE_BATCH_MAX, 1};
    const osprey__manifest_field bytes = {key, OSPREY__FIELD_SIZE, 0, 0, INT64_MAX, 1};
    const json_t *list = json_object_get(root, key);
    if (!json_is_array(list) || json_array_size(list) > OSPREY_ENGINE_BATCHES_MAX)
        return damaged(p, key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *values = json_array_get(list, i);
        osprey_engine_profile *profile = &tower->profiles[tower->profile_count++];
        OSPREY_TRY(parse_size(p, json_array_get(values, 0), &batch, &profile->batch));
        OSPREY_TRY(parse_size(p, json_array_get(values, 1), &bytes, &profile->arena_bytes));
        OSPREY_TRY(parse_size(p, json_array_get(values, 2), &bytes, &profile->scratch_bytes));
        if (i && profile->batch <= profile[-1].batch) return damaged(p, key);
    }
    return OSPREY_OK;
}

static osprey_status parse_keep(const parsing *p, const json_t *list,
                                osprey__engine_manifest *manifest)
{
    const osprey__manifest_field exception = {"keep", OSPREY__FIELD_TEXT,     0, 0,
                                              0,      OSPREY__EXCEPTION_BYTES};
    if (!json_is_array(list) || json_array_size(list) > OSPREY_KEEP_MAX) return damaged(p, "keep");
    for (; manifest->keep_count < json_array_size(list); manifest->keep_count++)
        OSPREY_TRY(parse_field(p, json_array_get(list, manifest->keep_count), &exception,
                               manifest->keep[manifest->keep_count]));
    return OSPREY_OK;
}

/* A text tower has some, a model without one none. */
static osprey_status parse_templates(const parsing *p, const json_t *list,
                                     osprey__engine_manifest *manifest)
{
    static const char key[] = "templates";
    const bool wanted = manifest->config.text.layers > 0;
    if (!json_is_array(list) || (json_array_size(list) > 0) != wanted) return damaged(p, key);
    osprey_status status =
        osprey__prompt_templates_add_list(&manifest->templates, list, key, p->file, p->error);
    return status == OSPREY_OK || status == OSPREY_OUT_OF_MEMORY ? status : damaged(p, key);
}

static osprey_status parse_cosine(const parsing *p, const json_t *value, double *cosine)
{
    *cosine = json_number_value(value);
    if (!json_is_number(value) || !(*cosine >= -1 && *cosine <= 1))
        return damaged(p, "precision_report");
    return OSPREY_OK;
}

/* None in engines that were compiled before there were static ones. */
static osprey_status parse_cosines(const parsing *p, const json_t *list, osprey_cosines *cosines)
{
    if (!list) return OSPREY_OK;
    const osprey__manifest_field count = {
        "precision_report", OSPREY__FIELD_SIZE, 0, 0, INT64_MAX, 1};
    OSPREY_TRY(parse_size(p, json_array_get(list, 0), &count, &cosines->count));
    OSPREY_TRY(parse_cosine(p, json_array_get(list, 1), &cosines->least));
    return parse_cosine(p, json_array_get(list, 2), &cosines->mean);
}

/* Absent where the model was not compared with fp32. */
static osprey_status parse_report(const parsing *p, const json_t *report,
                                  osprey__engine_manifest *manifest)
{
    if (!report) return OSPREY_OK;
    OSPREY_TRY(parse_cosine(p, json_object_get(report, "limit"), &manifest->cosine_limit));
    OSPREY_TRY(parse_cosines(p, json_object_get(report, "image"), &manifest->image.cosines));
    OSPREY_TRY(parse_cosines(p, json_object_get(report, "text"), &manifest->text.cosines));
    OSPREY_TRY(
        parse_cosines(p, json_object_get(report, "static_image"), &manifest->image.static_cosines));
    return parse_cosines(p, json_object_get(report, "static_text"), &manifest->text.static_cosines);
}

static osprey_status parse_reduction(const parsing *p, const json_t *root, const char *key,
                                     osprey__manifest_tower *tower)
{
    const json_t *object = json_object_get(root, key);
    tower->is_reduced = object;
    if (!object) return OSPREY_OK;
    if (!json_is_object(object)) return damaged(p, key);
    for (size_t i = 0; i < osprey__manifest_reduction_field_count; i++) {
        const osprey__manifest_field *f = &osprey__manifest_reduction_fields[i];
        OSPREY_TRY(parse_field(p, json_object_get(object, f->key), f,
                               (char *)&tower->reduction + f->offset));
    }
    return OSPREY_OK;
}

/* A text tower has all of these, a model without one none. */
static osprey_status check_text(const parsing *p, const osprey__text_config *text)
{
    const bool has_tower = text->layers > 0;
    if ((text->vocabulary > 0) != has_tower) return damaged(p, "text_vocabulary");
    if (has_tower ? text->context_length < 2 : text->context_length > 0)
        return damaged(p, "text_context");
    if ((text->width > 0) != has_tower) return damaged(p, "text_width");
    if ((text->heads > 0) != has_tower) return damaged(p, "text_heads");
    if ((text->mlp_width > 0) != has_tower) return damaged(p, "text_mlp_width");
    return OSPREY_OK;
}

/* The same of an image tower; one of the two towers has to be there. */
static osprey_status check_image(const parsing *p, const osprey__model_config *config)
{
    const osprey__image_config *image = &config->image;
    const bool has_tower = image->layers > 0;
    const bool attends =
        image->kind != OSPREY__IMAGE_MIXER && image->kind != OSPREY__IMAGE_CONVNEXT;
    if (!has_tower && !config->text.layers) return damaged(p, "image_layers");
    if ((image->image_height > 0) != has_tower) return damaged(p, "image_height");
    if ((image->image_width > 0) != has_tower) return damaged(p, "image_width");
    if ((image->width > 0) != has_tower) return damaged(p, "image_tower_width");
    if ((image->heads > 0) != (has_tower && attends)) return damaged(p, "image_heads");
    return OSPREY_OK;
}

static osprey_status check_precision(const parsing *p, const char *name)
{
    for (int i = 0; i < OSPREY_PRECISIONS; i++)
        if (strcmp(name, osprey_precision_name((osprey_precision)i)) == 0) return OSPREY_OK;
    return damaged(p, "precision");
}

/* What several fields have to agree on. */
static osprey_status check_config(const parsing *p, const osprey__model_config *config)
{
    const osprey_preprocessing *how = &config->preprocessing;
    const bool patches = how->resize == OSPREY_RESIZE_PATCHES;
    if (patches ? !osprey_preprocessing_floats(how)
                : how->crop_height != config->image.image_height ||
                      how->crop_width != config->image.image_width)
        return damaged(p, patches ? "max_patches" : "crop_height");
    for (size_t i = 0; i < 3; i++)
        if (how->normalize && !(how->std[i] > 0)) return damaged(p, "std");
    if (how->resize != OSPREY_RESIZE_NONE && !patches && !how->resize_height)
        return damaged(p, "resize_height");
    OSPREY_TRY(check_image(p, config));
    return check_text(p, &config->text);
}

osprey_status osprey__engine_manifest_parse(const void *bytes, size_t length, const char *file,
                                            osprey__engine_manifest *manifest, osprey_error *error)
{
    json_t *root;
    const parsing p = {file, error};
    *manifest = (osprey__engine_manifest){0};
    osprey_error reason;
    if (osprey__json_parse(bytes, length, file, &root, &reason) != OSPREY_OK)
        return osprey__fail(error, OSPREY_FORMAT, file,
                            "the engine's manifest is damaged: %s; compile the model again",
                            reason.message);
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < osprey__manifest_field_count; i++) {
        const osprey__manifest_field *f = &osprey__manifest_fields[i];
        OSPREY_TRY_GOTO(
            parse_field(&p, json_object_get(root, f->key), f, (char *)manifest + f->offset));
    }
    OSPREY_TRY_GOTO(check_precision(&p, manifest->precision));
    OSPREY_TRY_GOTO(parse_profiles(&p, root, "image_profiles", &manifest->image));
    OSPREY_TRY_GOTO(parse_profiles(&p, root, "text_profiles", &manifest->text));
    OSPREY_TRY_GOTO(parse_keep(&p, json_object_get(root, "keep"), manifest));
    OSPREY_TRY_GOTO(parse_templates(&p, json_object_get(root, "templates"), manifest));
    OSPREY_TRY_GOTO(parse_report(&p, json_object_get(root, "precision_report"), manifest));
    OSPREY_TRY_GOTO(parse_reduction(&p, root, "image_reduction", &manifest->image));
    OSPREY_TRY_GOTO(parse_reduction(&p, root, "text_reduction", &manifest->text));
    if (manifest->text.profile_count && !manifest->config.text.layers) {
        status = damaged(&p, "text_profiles");
        goto fail;
    }
    if (manifest->image.profile_count && !manifest->config.image.layers) {
        status = damaged(&p, "image_profiles");
        goto fail;
    }
    status = check_config(&p, &manifest->config);
fail:
    json_decref(root);
    return status;
}
