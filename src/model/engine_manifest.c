/* SPDX-License-Identifier: Apache-2.0 */
#include "model/engine_manifest.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

typedef enum field_kind {
    SIZE, /* size_t, or an enum of as many bytes as an int */
    ENUM,
    FLOAT, /* one, or a list */
    BOOL,
    TEXT, /* char[count] */
    BYTE, /* a list of uint8_t */
} field_kind;

/* One key of the JSON and its place in a structure. */
typedef struct field {
    const char *key;
    field_kind kind;
    size_t offset;
    size_t least, most; /* SIZE, ENUM */
    size_t count;       /* FLOAT, BYTE: elements; TEXT: bytes */
} field;

#define MANIFEST(member) offsetof(osprey__engine_manifest, member)
#define AS_SIZE(key, member, least, most)                                                          \
    {                                                                                              \
        key, SIZE, MANIFEST(member), least, most, 1                                                \
    }
#define AS_ENUM(key, member, most)                                                                 \
    {                                                                                              \
        key, ENUM, MANIFEST(member), 0, most, 1                                                    \
    }
#define AS_FLOATS(key, member, count)                                                              \
    {                                                                                              \
        key, FLOAT, MANIFEST(member), 0, 0, count                                                  \
    }
#define AS_BOOL(key, member)                                                                       \
    {                                                                                              \
        key, BOOL, MANIFEST(member), 0, 0, 1                                                       \
    }
#define AS_TEXT(key, member)                                                                       \
    {                                                                                              \
        key, TEXT, MANIFEST(member), 0, 0, sizeof((osprey__engine_manifest *)0)->member            \
    }

#define WIDTH  OSPREY__CONFIG_WIDTH_MAX
#define LAYERS OSPREY__CONFIG_LAYERS_MAX
#define PIXELS OSPREY__CONFIG_IMAGE_MAX

static const field fields[] = {
    AS_TEXT("name", name),
    AS_TEXT("osprey_version", osprey_version),
    AS_TEXT("instruction_set", instruction_set),
    AS_TEXT("packing", packing),
    AS_TEXT("precision", precision),
    AS_TEXT("fingerprint", fingerprint),
    AS_TEXT("source_layout", layout),
    AS_TEXT("weight_dtype", weight_dtype),
    AS_BOOL("portable", portable),
    AS_ENUM("calibration", calibration, OSPREY_CALIBRATION_ENTROPY),
    AS_SIZE("calibration_images", calibration_images, 0, OSPREY_CALIBRATION_IMAGES_MAX),
    AS_FLOATS("logit_scale", logit_scale, 1),
    AS_FLOATS("logit_bias", logit_bias, 1),
    AS_SIZE("embed_dim", config.embed_dim, 1, WIDTH),
    AS_SIZE("head_classes", config.head_classes, 0, OSPREY__CONFIG_CLASSES_MAX),
    AS_SIZE("image_parameters", image.parameters, 0, INT64_MAX),
    AS_ENUM("image_kind", config.image.kind, OSPREY__IMAGE_FASTVIT),
    AS_SIZE("image_height", config.image.image_height, 0, PIXELS),
    AS_SIZE("image_width", config.image.image_width, 0, PIXELS),
    AS_SIZE("image_tower_width", config.image.width, 0, WIDTH),
    AS_SIZE("image_layers", config.image.layers, 0, LAYERS),
    AS_SIZE("image_stage_1", config.image.stage_layers[0], 0, LAYERS),
    AS_SIZE("image_stage_2", config.image.stage_layers[1], 0, LAYERS),
    AS_SIZE("image_stage_3", config.image.stage_layers[2], 0, LAYERS),
    AS_SIZE("image_stage_4", config.image.stage_layers[3], 0, LAYERS),
    AS_SIZE("image_stage_5", config.image.stage_layers[4], 0, LAYERS),
    AS_SIZE("image_heads", config.image.heads, 0, WIDTH),
    AS_SIZE("image_mlp_width", config.image.mlp_width, 0, WIDTH),
    AS_SIZE("image_token_mlp_width", config.image.token_mlp_width, 0, WIDTH),
    AS_SIZE("image_patch_size", config.image.patch_size, 0, PIXELS),
    AS_ENUM("image_activation", config.image.activation, OSPREY_ACTIVATION_SILU),
    AS_SIZE("text_parameters", text.parameters, 0, INT64_MAX),
    AS_ENUM("text_kind", config.text.kind, OSPREY__TEXT_CLIP_FILLED),
    AS_SIZE("text_vocabulary", config.text.vocabulary, 0, OSPREY__CONFIG_VOCABULARY_MAX),
    AS_SIZE("text_context", config.text.context_length, 0, OSPREY__CONFIG_CONTEXT_MAX),
    AS_SIZE("text_width", config.text.width, 0, WIDTH),
    AS_SIZE("text_layers", config.text.layers, 0, LAYERS),
    AS_SIZE("text_heads", config.text.heads, 0, WIDTH),
    AS_SIZE("text_mlp_width", config.text.mlp_width, 0, WIDTH),
    AS_ENUM("text_activation", config.text.activation, OSPREY_ACTIVATION_SILU),
    AS_ENUM("text_pooling", config.text.pooling, OSPREY__POOL_LAST),
    AS_SIZE("text_end_id", config.text.end_id, 0, OSPREY__CONFIG_VOCABULARY_MAX),
    AS_ENUM("resize", config.preprocessing.resize, OSPREY_RESIZE_EXACT),
    AS_SIZE("resize_height", config.preprocessing.resize_height, 0, PIXELS),
    AS_SIZE("resize_width", config.preprocessing.resize_width, 0, PIXELS),
    AS_ENUM("resample", config.preprocessing.resample, OSPREY_RESAMPLE_HAMMING),
    AS_BOOL("center_crop", config.preprocessing.center_crop),
    AS_BOOL("crop_rounds_half_even", config.preprocessing.crop_rounds_half_even),
    AS_SIZE("crop_height", config.preprocessing.crop_height, 0, PIXELS),
    AS_SIZE("crop_width", config.preprocessing.crop_width, 0, PIXELS),
    AS_BOOL("rescale", config.preprocessing.rescale),
    AS_FLOATS("rescale_factor", config.preprocessing.rescale_factor, 1),
    AS_BOOL("normalize", config.preprocessing.normalize),
    AS_FLOATS("mean", config.preprocessing.mean, 3),
    AS_FLOATS("std", config.preprocessing.std, 3),
    {"fill", BYTE, MANIFEST(config.preprocessing.fill), 0, UINT8_MAX, 3},
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)

#define REDUCTION(key, member, kind, count)                                                        \
    {                                                                                              \
        key, kind, offsetof(osprey_engine_reduction, member), 0, INT64_MAX, count                  \
    }

/* The keys of image_reduction and text_reduction, which a whole tower does not have. */
static const field reduction_fields[] = {
    REDUCTION("prune_heads", prune_heads, FLOAT, 1),
    REDUCTION("prune_mlp", prune_mlp, FLOAT, 1),
    REDUCTION("by_activation", by_activation, BOOL, 1),
    REDUCTION("token_merge", token_merge, SIZE, 1),
    REDUCTION("parameters", parameters, SIZE, 1),
    REDUCTION("samples", samples, SIZE, 1),
    REDUCTION("least_cosine", least_cosine, FLOAT, 1),
    REDUCTION("mean_cosine", mean_cosine, FLOAT, 1),
    REDUCTION("whole_ms", whole_ms, FLOAT, 2),
    REDUCTION("ms", ms, FLOAT, 2),
};

#define REDUCTION_FIELD_COUNT (sizeof reduction_fields / sizeof *reduction_fields)

/* A list, even of one: the format does not change with the count. */
static json_t *print_list(const field *f, const char *place)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->count; i++) {
        float number = 0;
        if (f->kind == FLOAT) memcpy(&number, place + i * sizeof number, sizeof number);
        json_array_append_new(list, f->kind == FLOAT ? json_real((double)number)
                                                     : json_integer((uint8_t)place[i]));
    }
    return list;
}

static json_t *print_field(const field *f, const char *place)
{
    size_t size;
    int enumerated;
    bool yes;
    switch (f->kind) {
    case SIZE:
        memcpy(&size, place, sizeof size);
        return json_integer((json_int_t)size);
    case ENUM:
        memcpy(&enumerated, place, sizeof enumerated);
        return json_integer(enumerated);
    case BOOL:
        memcpy(&yes, place, sizeof yes);
        return json_boolean(yes);
    case TEXT:
        return json_string(place);
    case FLOAT:
    case BYTE:
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

static osprey_status print_keep(const osprey__engine_manifest *manifest, json_t *root,
                                osprey_error *error)
{
    json_t *list = json_array();
    json_object_set_new(root, "keep", list);
    for (size_t i = 0; i < manifest->keep_count; i++)
        if (json_array_append_new(list, json_string(manifest->keep[i])) != 0)
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "keep",
                                "exception %zu is no UTF-8, or memory could not be had", i + 1);
    return OSPREY_OK;
}

static osprey_status print_templates(const osprey__prompt_templates *templates, json_t *root,
                                     osprey_error *error)
{
    json_t *list = json_array();
    json_object_set_new(root, "templates", list);
    for (size_t i = 0; i < templates->count; i++)
        if (json_array_append_new(list, json_string(templates->texts[i])) != 0)
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, templates->texts[i],
                                "the template is no UTF-8, or memory could not be had");
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
    for (size_t i = 0; i < REDUCTION_FIELD_COUNT; i++) {
        const field *f = &reduction_fields[i];
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
    for (size_t i = 0; i < FIELD_COUNT; i++)
        failed |=
            json_object_set_new(root, fields[i].key,
                                print_field(&fields[i], (const char *)manifest + fields[i].offset));
    failed |= json_object_set_new(root, "image_profiles", print_profiles(&manifest->image));
    failed |= json_object_set_new(root, "text_profiles", print_profiles(&manifest->text));
    if (manifest->cosine_limit > 0)
        failed |= json_object_set_new(root, "precision_report", print_report(manifest));
    osprey_status status = print_keep(manifest, root, error);
    if (status == OSPREY_OK) status = print_templates(&manifest->templates, root, error);
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

typedef struct parsing {
    const char *file;
    osprey_error *error;
} parsing;

static osprey_status damaged(const parsing *p, const char *key)
{
    return osprey__fail(p->error, OSPREY_FORMAT, p->file,
                        "the engine's manifest is damaged at \"%s\"; compile the model again", key);
}

static osprey_status parse_size(const parsing *p, const json_t *value, const field *f, size_t *size)
{
    *size = 0;
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || (uint64_t)number < f->least || (uint64_t)number > f->most)
        return damaged(p, f->key);
    *size = (size_t)number;
    return OSPREY_OK;
}

static osprey_status parse_list(const parsing *p, const json_t *list, const field *f, char *place)
{
    if (json_array_size(list) != f->count) return damaged(p, f->key);
    for (size_t i = 0; i < f->count; i++) {
        const json_t *value = json_array_get(list, i);
        float number = (float)json_number_value(value);
        size_t byte;
        if (f->kind == FLOAT && (!json_is_number(value) || !isfinite(number)))
            return damaged(p, f->key);
        if (f->kind == FLOAT) {
            memcpy(place + i * sizeof number, &number, sizeof number);
        } else {
            OSPREY_TRY(parse_size(p, value, f, &byte));
            place[i] = (char)byte;
        }
    }
    return OSPREY_OK;
}

static osprey_status parse_field(const parsing *p, const json_t *value, const field *f, char *place)
{
    size_t size;
    int enumerated;
    bool yes = json_is_true(value);
    const char *text = json_string_value(value);
    switch (f->kind) {
    case SIZE:
        OSPREY_TRY(parse_size(p, value, f, &size));
        memcpy(place, &size, sizeof size);
        return OSPREY_OK;
    case ENUM:
        OSPREY_TRY(parse_size(p, value, f, &size));
        enumerated = (int)size;
        memcpy(place, &enumerated, sizeof enumerated);
        return OSPREY_OK;
    case BOOL:
        if (!json_is_boolean(value)) return damaged(p, f->key);
        memcpy(place, &yes, sizeof yes);
        return OSPREY_OK;
    case TEXT:
        if (!text || strlen(text) >= f->count) return damaged(p, f->key);
        memcpy(place, text, strlen(text) + 1);
        return OSPREY_OK;
    case FLOAT:
    case BYTE:
        break;
    }
    return parse_list(p, value, f, place);
}

static osprey_status parse_profiles(const parsing *p, const json_t *root, const char *key,
                                    osprey__manifest_tower *tower)
{
    const field batch = {key, SIZE, 0, 1, OSPREY_ENGINE_BATCH_MAX, 1};
    const field bytes = {key, SIZE, 0, 0, INT64_MAX, 1};
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
    const field exception = {"keep", TEXT, 0, 0, 0, OSPREY__EXCEPTION_BYTES};
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
    const field count = {"precision_report", SIZE, 0, 0, INT64_MAX, 1};
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
    for (size_t i = 0; i < REDUCTION_FIELD_COUNT; i++) {
        const field *f = &reduction_fields[i];
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
    if (!has_tower && !config->text.layers) return damaged(p, "image_layers");
    if ((image->image_height > 0) != has_tower) return damaged(p, "image_height");
    if ((image->image_width > 0) != has_tower) return damaged(p, "image_width");
    if ((image->width > 0) != has_tower) return damaged(p, "image_tower_width");
    if ((image->heads > 0) != (has_tower && image->kind != OSPREY__IMAGE_MIXER))
        return damaged(p, "image_heads");
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
    if (how->crop_height != config->image.image_height ||
        how->crop_width != config->image.image_width)
        return damaged(p, "crop_height");
    for (size_t i = 0; i < 3; i++)
        if (how->normalize && !(how->std[i] > 0)) return damaged(p, "std");
    if (how->resize != OSPREY_RESIZE_NONE && !how->resize_height)
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
    for (size_t i = 0; i < FIELD_COUNT; i++)
        OSPREY_TRY_GOTO(parse_field(&p, json_object_get(root, fields[i].key), &fields[i],
                                    (char *)manifest + fields[i].offset));
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
