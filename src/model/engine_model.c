/* SPDX-License-Identifier: Apache-2.0 */
#include "model/engine_model.h"

#include "base/cpu/cpu_features.h"
#include "base/memory.h"
#include "base/status.h"
#include "graph/graph_store.h"
#include "input/text/text_tokenizer.h"
#include "kernels/kernel_table.h"
#include "model/class_head.h"
#include "model/towers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool osprey__is_engine(const char *path)
{
    static const char ending[] = ".osprey";
    size_t length = strlen(path), wanted = sizeof ending - 1;
    if (length >= wanted && strcmp(path + length - wanted, ending) == 0) return true;
    osprey__file_map map;
    if (osprey__file_map_open(path, &map, NULL) != OSPREY_OK) return false;
    bool is_engine = osprey__engine_file_recognise(map.bytes, map.length);
    osprey__file_map_close(&map);
    return is_engine;
}

osprey__section_name osprey__engine_section_name(osprey_tower tower, const char *part)
{
    osprey__section_name name;
    snprintf(name.text, sizeof name.text, "%s.%s", tower == OSPREY_TOWER_IMAGE ? "image" : "text",
             part);
    return name;
}

static const osprey__engine_section *find_part(const osprey__engine *engine, osprey_tower tower,
                                               const char *part)
{
    return osprey__engine_file_find(&engine->file, osprey__engine_section_name(tower, part).text);
}

static osprey_status missing(const osprey__engine *engine, const char *section, osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, engine->path,
                        "the engine is damaged: it has no section \"%s\"; compile the model again",
                        section);
}

const osprey__tuning *osprey__engine_tuning(const osprey__engine *engine, osprey_tower tower)
{
    return tower == OSPREY_TOWER_IMAGE ? &engine->image_tuning : &engine->text_tuning;
}

static osprey_status load_tuning(osprey__engine *engine, osprey_tower tower, osprey_error *error)
{
    const osprey__engine_section *section = find_part(engine, tower, "tuning");
    osprey__tuning *tuning =
        tower == OSPREY_TOWER_IMAGE ? &engine->image_tuning : &engine->text_tuning;
    if (!section) return OSPREY_OK;
    return osprey__tuning_load(section->bytes, section->length, engine->path, tuning, error);
}

static osprey_status fill_tower(osprey__engine *engine, osprey_tower tower,
                                const osprey__manifest_tower *from, osprey_engine_tower *to,
                                osprey_error *error)
{
    if (!from->profile_count) return OSPREY_OK;
    const osprey__engine_section *weights = find_part(engine, tower, "weights");
    const osprey__engine_section *constants = find_part(engine, tower, "constants");
    if (!weights || !constants || !find_part(engine, tower, "graph"))
        return missing(engine, osprey__engine_section_name(tower, "graph").text, error);
    OSPREY_TRY(load_tuning(engine, tower, error));
    const osprey__tuning *tuning = osprey__engine_tuning(engine, tower);
    *to = (osprey_engine_tower){
        .weight_bytes = weights->length,
        .constant_bytes = constants->length,
        .profiles = from->profiles,
        .profile_count = from->profile_count,
        .cosines = from->cosines,
        .static_cosines = from->static_cosines,
        .reduction = from->is_reduced ? &from->reduction : NULL,
        .choices = tuning->choices,
        .choice_count = tuning->count,
        .tuned_threads = tuning->threads,
    };
    return OSPREY_OK;
}

/* Those that run the engine here: where this machine has them, those that it was packed for. */
static const osprey__kernels *kernels_of(const osprey__engine_manifest *manifest)
{
    const osprey__cpu_features *cpu;
    osprey__cpu_features_get(&cpu, NULL);
    osprey__cpu_level level;
    bool is_here = osprey__cpu_level_find(manifest->instruction_set, cpu->level, &level);
    return osprey__kernels_for(is_here ? level : cpu->level);
}

static const char *factors_of(const osprey__engine_manifest *manifest)
{
    osprey_precision precision = OSPREY_PRECISION_FP32;
    while (strcmp(osprey_precision_name(precision), manifest->precision) != 0) precision++;
    return osprey_precision_name(osprey__kernels_factors(kernels_of(manifest), precision));
}

static osprey_status fill_info(osprey__engine *engine, osprey_error *error)
{
    const osprey__engine_manifest *manifest = &engine->manifest;
    for (size_t i = 0; i < manifest->keep_count; i++) engine->keep[i] = manifest->keep[i];
    engine->info = (osprey_engine_info){
        .osprey_version = manifest->osprey_version,
        .format_version = OSPREY__ENGINE_FORMAT,
        .instruction_set = manifest->instruction_set,
        .packing = manifest->packing,
        .precision = manifest->precision,
        .factors = factors_of(manifest),
        .fingerprint = manifest->fingerprint,
        .source_layout = manifest->layout,
        .portable = manifest->portable,
        .keep = engine->keep,
        .keep_count = manifest->keep_count,
        .cosine_limit = manifest->cosine_limit,
        .calibration = manifest->calibration,
        .calibration_images = manifest->calibration_images,
    };
    OSPREY_TRY(
        fill_tower(engine, OSPREY_TOWER_IMAGE, &manifest->image, &engine->info.image, error));
    return fill_tower(engine, OSPREY_TOWER_TEXT, &manifest->text, &engine->info.text, error);
}

static osprey_status load_tokenizer(const osprey__engine *engine, osprey_model *model,
                                    osprey_error *error)
{
    const osprey__engine_section *tokenizer = osprey__engine_file_find(&engine->file, "tokenizer");
    if (!tokenizer) return missing(engine, "tokenizer", error);
    return osprey__tokenizer_load(tokenizer->bytes, tokenizer->length, engine->path,
                                  &model->tokenizer, error);
}

static osprey_status check_head(const osprey__engine *engine, osprey_error *error)
{
    const osprey__model_config *config = &engine->manifest.config;
    const osprey__engine_section *head =
        osprey__engine_file_find(&engine->file, OSPREY__HEAD_SECTION);
    const size_t bytes = osprey__class_head_floats(config) * sizeof(float);
    return (head ? head->length : 0) == bytes ? OSPREY_OK
                                              : missing(engine, OSPREY__HEAD_SECTION, error);
}

static bool is_read_by_runs(const osprey__engine_section *section)
{
    static const osprey_tower towers[] = {OSPREY_TOWER_IMAGE, OSPREY_TOWER_TEXT};
    for (size_t i = 0; i < 2; i++)
        if (!strcmp(section->name, osprey__engine_section_name(towers[i], "weights").text) ||
            !strcmp(section->name, osprey__engine_section_name(towers[i], "constants").text))
            return true;
    return false;
}

static osprey_status check_sections(const osprey__engine *engine, osprey_error *error)
{
    const osprey__engine_file *file = &engine->file;
    for (size_t i = 0; i < file->section_count; i++)
        if (!is_read_by_runs(&file->sections[i]))
            OSPREY_TRY(osprey__engine_section_verify(&file->sections[i], engine->path, error));
    return OSPREY_OK;
}

osprey_status osprey__engine_open(const char *path, osprey_model *model, osprey_error *error)
{
    osprey__engine *engine = osprey__calloc(1, sizeof *engine);
    if (!engine) return osprey__fail_memory(error, sizeof *engine);
    model->engine = engine;
    engine->path = path;
    OSPREY_TRY(osprey__engine_file_open(path, &engine->file, error));
    OSPREY_TRY(check_sections(engine, error));
    const osprey__engine_section *manifest = osprey__engine_file_find(&engine->file, "manifest");
    if (!manifest) return missing(engine, "manifest", error);
    osprey_status status = osprey__engine_manifest_parse(manifest->bytes, manifest->length, path,
                                                         &engine->manifest, error);
    model->templates = engine->manifest.templates;
    engine->manifest.templates = (osprey__prompt_templates){0};
    OSPREY_TRY(status);
    if (engine->manifest.text.profile_count) OSPREY_TRY(load_tokenizer(engine, model, error));
    OSPREY_TRY(check_head(engine, error));
    model->config = engine->manifest.config;
    model->config.layout = "engine";
    model->config.file = "the engine's manifest";
    return fill_info(engine, error);
}

static osprey_status wrong_tower(const osprey__engine *engine, const char *what,
                                 osprey_error *error)
{
    return osprey__fail(error, OSPREY_FORMAT, engine->path,
                        "the engine is damaged: %s; compile the model again", what);
}

static bool is_input(const osprey__value *value, const char *name, osprey__dtype dtype,
                     const osprey__shape *shape)
{
    return value->kind == OSPREY__INPUT && strcmp(value->name, name) == 0 &&
           value->dtype == dtype && osprey__shape_equal(&value->shape, shape);
}

/* The inputs that the session gives, in its order, and no other. */
static bool has_inputs(const osprey__engine *engine, osprey_tower tower, const osprey__graph *graph)
{
    const osprey__image_config *image = &engine->manifest.config.image;
    const osprey_preprocessing *how = &engine->manifest.config.preprocessing;
    const osprey__shape planes = {
        OSPREY__PER_SEQUENCE, 3, {3, image->image_height, image->image_width}};
    const osprey__shape patches = {
        OSPREY__PER_SEQUENCE, 2, {1 + how->max_patches, 3 * how->patch_size * how->patch_size}};
    const osprey__shape *pixels = how->resize == OSPREY_RESIZE_PATCHES ? &patches : &planes;
    const osprey__shape a_token = {OSPREY__PER_TOKEN, 0, {0}},
                        a_text = {OSPREY__PER_SEQUENCE, 0, {0}};
    size_t inputs = 0;
    for (size_t v = 0; v < graph->value_count; v++)
        inputs += graph->values[v].kind == OSPREY__INPUT;
    const osprey__value *values = graph->values;
    if (tower == OSPREY_TOWER_IMAGE)
        return inputs == 1 && is_input(&values[0], OSPREY__INPUT_PIXELS, OSPREY__F32, pixels);
    return inputs == 3 && is_input(&values[0], OSPREY__INPUT_IDS, OSPREY__I32, &a_token) &&
           is_input(&values[1], OSPREY__INPUT_POSITIONS, OSPREY__I32, &a_token) &&
           is_input(&values[2], OSPREY__INPUT_POOLED, OSPREY__I32, &a_text);
}

/* Each index is below the number of rows of what it picks from. */
static bool gather_stays_inside(const osprey__engine *engine, const osprey__graph *graph,
                                const osprey__node *node)
{
    const osprey__text_config *text = &engine->manifest.config.text;
    const osprey__value *table = &graph->values[node->inputs[0]];
    const char *index = graph->values[node->inputs[1]].name;
    if (table->kind == OSPREY__COMPUTED)
        return table->shape.extent == OSPREY__PER_TOKEN && strcmp(index, OSPREY__INPUT_POOLED) == 0;
    if (table->kind != OSPREY__CONSTANT) return false;
    if (strcmp(index, OSPREY__INPUT_IDS) == 0) return table->shape.dims[0] >= text->vocabulary;
    return strcmp(index, OSPREY__INPUT_POSITIONS) == 0 &&
           table->shape.dims[0] >= osprey__text_rows_most(text);
}

static osprey_status check_tower(const osprey__engine *engine, osprey_tower tower,
                                 const osprey__graph *graph, osprey_error *error)
{
    const osprey__shape *output = &graph->values[graph->output].shape;
    if (!has_inputs(engine, tower, graph))
        return wrong_tower(engine, "its graph has other inputs than its manifest says", error);
    if (output->extent != OSPREY__PER_SEQUENCE ||
        osprey__shape_elements(output) != engine->manifest.config.embed_dim)
        return wrong_tower(engine, "its graph has another output than its manifest says", error);
    for (size_t v = 0; v < graph->value_count; v++)
        if (engine->manifest.portable && graph->values[v].kind == OSPREY__CONSTANT &&
            !graph->values[v].data)
            return wrong_tower(engine, "a tensor that a portable engine keeps is missing", error);
    for (size_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op == OSPREY__OP_GATHER &&
            !gather_stays_inside(engine, graph, &graph->nodes[n]))
            return wrong_tower(engine, "a table has fewer rows than its manifest says", error);
    return OSPREY_OK;
}

osprey_status osprey__engine_graph(const osprey__engine *engine, osprey_tower tower,
                                   osprey__graph **graph, osprey_error *error)
{
    bool image = tower == OSPREY_TOWER_IMAGE;
    const char *name = image ? "image" : "text";
    const osprey_engine_tower *info = image ? &engine->info.image : &engine->info.text;
    if (!info->profile_count)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, engine->path,
                            "the engine was compiled without its %s tower", name);
    const osprey__engine_section *stored = find_part(engine, tower, "graph");
    const osprey__engine_section *constants = find_part(engine, tower, "constants");
    OSPREY_TRY(osprey__graph_load(
        &(osprey__stored_graph){stored->bytes, stored->length, constants->bytes, constants->length},
        name, engine->path, graph, error));
    osprey_status status = check_tower(engine, tower, *graph, error);
    if (status == OSPREY_OK) return OSPREY_OK;
    osprey__graph_free(*graph);
    *graph = NULL;
    return status;
}

const osprey__engine_section *osprey__engine_weights(const osprey__engine *engine,
                                                     osprey_tower tower)
{
    return find_part(engine, tower, "weights");
}

const osprey__engine_section *osprey__engine_constants(const osprey__engine *engine,
                                                       osprey_tower tower)
{
    return find_part(engine, tower, "constants");
}

const osprey_engine_info *osprey_model_get_engine(const osprey_model *model)
{
    return model->engine ? &model->engine->info : NULL;
}

osprey_status osprey_engine_verify(const osprey_model *model, osprey_error *error)
{
    if (!model->engine)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, model->name, "is no engine");
    return osprey__engine_file_verify(&model->engine->file, model->engine->path, error);
}

osprey_status osprey__engine_found_damaged(const osprey__engine *engine, osprey_status status,
                                           osprey_error *error)
{
    if (!engine->is_cached || (unlink(engine->path) != 0 && errno != ENOENT)) return status;
    return osprey__fail(error, OSPREY_STALE, engine->path,
                        "the cache's engine was damaged, and has been removed; opened again, the "
                        "model is compiled anew");
}

void osprey__engine_free(osprey__engine *engine)
{
    if (!engine) return;
    osprey__engine_file_close(&engine->file);
    osprey__tuning_free(&engine->image_tuning);
    osprey__tuning_free(&engine->text_tuning);
    osprey__free(engine);
}
