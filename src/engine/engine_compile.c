/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_compile.h"

#include "backend/cpu_backend.h"
#include "base/memory.h"
#include "base/os/file_map.h"
#include "base/status.h"
#include "engine/engine_calibrate.h"
#include "engine/engine_fingerprint.h"
#include "engine/engine_reductions.h"
#include "engine/engine_tune.h"
#include "engine/memory_profiles.h"
#include "graph/graph_store.h"
#include "input/text/text_tokenizer.h"
#include "model/class_head.h"
#include "model/engine_model.h"
#include "model/finite_weights.h"
#include "model/towers.h"
#include "plan/tower_plan.h"

#include <stdio.h>
#include <string.h>

typedef struct compilation {
    const osprey_model *model;
    osprey_engine_options options;
    osprey__cpu_level level;
    osprey__engine_writer writer;
    osprey__engine_manifest manifest;
    osprey__precision_rules rules;
    osprey__engine_reductions reductions;
    osprey__plan *image_plan, *text_plan; /* of what was written */
    osprey__tuning image_tuning, text_tuning;
    size_t calibrated; /* layers */
    osprey_error *error;
} compilation;

/* A pass observer: DIRECTORY/image-00-built.txt, DIRECTORY/image-01-fold_constants.txt, ... */
typedef struct dump {
    const char *directory;
    size_t number;
} dump;

static osprey_status dump_graph(void *context, const char *pass, const osprey__graph *graph,
                                osprey_error *error)
{
    dump *to = context;
    char name[128], path[4096], *text;
    snprintf(name, sizeof name, "%s-%02zu-%s.txt", graph->name, to->number++, pass);
    OSPREY_TRY(osprey__path_join(path, sizeof path, to->directory, name, error));
    OSPREY_TRY(osprey__graph_dump(graph, &text, error));
    osprey_status status = osprey__file_write(path, text, strlen(text), error);
    osprey__free(text);
    return status;
}

static osprey_status append_section(void *context, const void *bytes, size_t length,
                                    osprey_error *error)
{
    return osprey__engine_writer_append(context, bytes, length, error);
}

static osprey_status begin_part(compilation *c, osprey_tower tower, const char *part)
{
    return osprey__engine_writer_begin(&c->writer, osprey__engine_section_name(tower, part).text,
                                       c->error);
}

static osprey_status write_graph(compilation *c, osprey_tower tower, const osprey__graph *graph)
{
    osprey__kept_constants keep = c->options.portable ? OSPREY__KEEP_ALL : OSPREY__KEEP_TABLES;
    const osprey__byte_sink sink = {append_section, &c->writer};
    osprey__buffer bytes = {0};
    osprey_status status = begin_part(c, tower, "graph");
    if (status == OSPREY_OK) status = osprey__graph_store(graph, keep, &bytes, c->error);
    if (status == OSPREY_OK)
        status = osprey__engine_writer_append(&c->writer, bytes.bytes, bytes.length, c->error);
    osprey__buffer_free(&bytes);
    if (status == OSPREY_OK) status = begin_part(c, tower, "constants");
    if (status == OSPREY_OK) status = osprey__graph_store_constants(graph, keep, &sink, c->error);
    return status;
}

static osprey_status write_tower(compilation *c, osprey_tower tower,
                                 const osprey__reductions *reductions)
{
    const osprey__byte_sink sink = {append_section, &c->writer};
    dump to = {c->options.dump_directory, 0};
    osprey__graph *graph;
    osprey__plan **plan = tower == OSPREY_TOWER_IMAGE ? &c->image_plan : &c->text_plan;
    OSPREY_TRY(osprey__tower_graph(c->model, tower, reductions, to.directory ? dump_graph : NULL,
                                   &to, &graph, c->error));
    osprey_status status = osprey__precision_assign(&c->rules, graph, c->error);
    if (status == OSPREY_OK && c->options.calibration.method != OSPREY_CALIBRATION_NONE)
        status = osprey__calibrate_tower(c->model, tower, reductions, &c->options.calibration,
                                         graph, &c->calibrated, c->error);
    if (status == OSPREY_OK && to.directory) status = dump_graph(&to, "precision", graph, c->error);
    if (status == OSPREY_OK) status = write_graph(c, tower, graph);
    if (status != OSPREY_OK) {
        osprey__graph_free(graph);
        return status;
    }
    OSPREY_TRY(osprey__plan_create(graph, c->level, plan, c->error));
    OSPREY_TRY(begin_part(c, tower, "weights"));
    return osprey__plan_pack_into(*plan, &sink, c->error);
}

static osprey_status write_reduced_tower(compilation *c, osprey_tower tower)
{
    osprey__reduced reduced = {0};
    osprey__reductions how = c->reductions.how;
    how.reduced = &reduced;
    OSPREY_TRY(write_tower(c, tower, &how));
    return osprey__engine_reductions_report(c->model, &c->options, tower, &c->reductions.how,
                                            &reduced, &c->manifest, c->error);
}

/* What of a tower depends on its tuning. */
static osprey_status write_tuning(compilation *c, osprey_tower tower, osprey__plan *plan,
                                  const osprey__tuning *tuning)
{
    if (!plan) return OSPREY_OK;
    osprey__plan_use_tuning(plan, tuning);
    osprey__manifest_tower *to =
        tower == OSPREY_TOWER_IMAGE ? &c->manifest.image : &c->manifest.text;
    OSPREY_TRY(osprey__memory_profiles(c->model, tower, plan, &c->options, to->profiles, c->error));
    to->profile_count = c->options.batch_count;
    if (!tuning->count) return OSPREY_OK;
    osprey__buffer bytes = {0};
    osprey_status status = osprey__tuning_store(tuning, &bytes, c->error);
    if (status == OSPREY_OK)
        status = osprey__engine_writer_section(&c->writer,
                                               osprey__engine_section_name(tower, "tuning").text,
                                               bytes.bytes, bytes.length, c->error);
    osprey__buffer_free(&bytes);
    return status;
}

static osprey_status tune(compilation *c)
{
    if (c->options.tuning.effort != OSPREY_TUNE_NONE)
        OSPREY_TRY(osprey__engine_tune(c->model, &c->options, &c->reductions.how, &c->image_tuning,
                                       &c->text_tuning, c->error));
    OSPREY_TRY(write_tuning(c, OSPREY_TOWER_IMAGE, c->image_plan, &c->image_tuning));
    return write_tuning(c, OSPREY_TOWER_TEXT, c->text_plan, &c->text_tuning);
}

static osprey_status write_tokenizer(compilation *c)
{
    osprey__buffer bytes = {0};
    osprey_status status = osprey__tokenizer_store(c->model->tokenizer, &bytes, c->error);
    if (status == OSPREY_OK)
        status = osprey__engine_writer_section(&c->writer, "tokenizer", bytes.bytes, bytes.length,
                                               c->error);
    osprey__buffer_free(&bytes);
    return status;
}

static osprey_status write_head(compilation *c)
{
    const size_t floats = osprey__class_head_floats(&c->model->config);
    float *head = osprey__calloc(floats, sizeof *head);
    if (!head) return osprey__fail_memory(c->error, floats * sizeof *head);
    osprey__class_head_read(c->model, head);
    osprey_status status = osprey__engine_writer_section(&c->writer, OSPREY__HEAD_SECTION, head,
                                                         floats * sizeof *head, c->error);
    osprey__free(head);
    return status;
}

/* A report of other exceptions would say of this engine what is not true. */
static osprey_status check_report(const osprey_engine_options *options, osprey_error *error)
{
    const osprey_precision_report *report = options->report;
    if (!report) return OSPREY_OK;
    bool same =
        report->precision == options->precision && report->keep_count == options->keep_count;
    for (size_t i = 0; same && i < report->keep_count; i++)
        same = strcmp(report->keep[i], options->keep[i]) == 0;
    if (same) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "report",
                        "is not of the precision and the exceptions asked for; give those that "
                        "it has");
}

static void note_precision(osprey__engine_manifest *manifest, const osprey_engine_options *options)
{
    snprintf(manifest->precision, sizeof manifest->precision, "%s",
             osprey_precision_name(options->precision));
    for (; manifest->keep_count < options->keep_count; manifest->keep_count++)
        snprintf(manifest->keep[manifest->keep_count], sizeof *manifest->keep, "%s",
                 options->keep[manifest->keep_count]);
    if (!options->report) return;
    manifest->cosine_limit = options->report->limit;
    manifest->image.cosines = options->report->image;
    manifest->text.cosines = options->report->text;
    manifest->image.static_cosines = options->report->static_image;
    manifest->text.static_cosines = options->report->static_text;
}

/* Those asked for, or the model's. */
static osprey_status note_templates(compilation *c)
{
    const osprey_model_info *info = &c->model->info;
    const bool given = c->options.template_count > 0;
    if (given && !info->text.architecture)
        return osprey__fail(c->error, OSPREY_INVALID_ARGUMENT, "templates",
                            "go with a text tower, and this model has none");
    return osprey__prompt_templates_add(
        &c->manifest.templates, given ? c->options.templates : info->templates,
        given ? c->options.template_count : info->template_count, c->error);
}

static osprey_status fill_manifest(compilation *c)
{
    const osprey_model_info *info = &c->model->info;
    const osprey__kernels *kernels = osprey__kernels_for(c->level);
    osprey__engine_manifest *m = &c->manifest;
    *m = (osprey__engine_manifest){
        .portable = c->options.portable,
        .calibration = c->options.calibration.method,
        .calibration_images =
            c->options.towers & OSPREY_TOWER_IMAGE ? c->options.calibration.image_count : 0,
        .logit_scale = info->logit_scale,
        .logit_bias = info->logit_bias,
        .image.parameters = info->image.parameters,
        .text.parameters = info->text.parameters,
        .config = c->model->config,
    };
    OSPREY_TRY(note_templates(c));
    snprintf(m->name, sizeof m->name, "%s", info->name);
    snprintf(m->osprey_version, sizeof m->osprey_version, "%s", OSPREY_VERSION);
    snprintf(m->instruction_set, sizeof m->instruction_set, "%s", kernels->instruction_set);
    note_precision(m, &c->options);
    snprintf(m->layout, sizeof m->layout, "%s", info->layout);
    snprintf(m->weight_dtype, sizeof m->weight_dtype, "%s", info->weight_dtype);
    snprintf(m->note, sizeof m->note, "%s", info->note ? info->note : "");
    osprey__kernels_packing(kernels, m->packing, sizeof m->packing);
    return osprey__engine_fingerprint(c->model, m->fingerprint, c->error);
}

static osprey_status write_manifest(compilation *c)
{
    char *text;
    size_t length;
    OSPREY_TRY(osprey__engine_manifest_print(&c->manifest, &text, &length, c->error));
    osprey_status status =
        osprey__engine_writer_section(&c->writer, "manifest", text, length, c->error);
    osprey__free(text);
    return status;
}

/* Images that found no static ranges have found what to prune, or they were of no use. */
static osprey_status check_calibration(compilation *c)
{
    if (c->options.calibration.method == OSPREY_CALIBRATION_NONE || c->calibrated) return OSPREY_OK;
    c->manifest.calibration = OSPREY_CALIBRATION_NONE;
    c->manifest.calibration_images = 0;
    if (c->reductions.how.activity_count) return OSPREY_OK;
    return osprey__fail(c->error, OSPREY_INVALID_ARGUMENT, "calibration",
                        "static ranges are of layers in int8 or int4, and this engine would "
                        "have none");
}

static osprey_status write_engine(compilation *c, const char *path, osprey__durability durability)
{
    osprey_tower towers = c->options.towers;
    OSPREY_TRY(fill_manifest(c));
    OSPREY_TRY(osprey__engine_writer_open(&c->writer, path, c->error));
    if (towers & OSPREY_TOWER_TEXT) OSPREY_TRY(write_tokenizer(c));
    if (c->model->config.head_classes) OSPREY_TRY(write_head(c));
    if (towers & OSPREY_TOWER_IMAGE) OSPREY_TRY(write_reduced_tower(c, OSPREY_TOWER_IMAGE));
    if (towers & OSPREY_TOWER_TEXT) OSPREY_TRY(write_reduced_tower(c, OSPREY_TOWER_TEXT));
    OSPREY_TRY(osprey__precision_rules_check(&c->rules, c->error));
    OSPREY_TRY(osprey__engine_reductions_check(&c->reductions.how, &c->manifest, c->error));
    OSPREY_TRY(check_calibration(c));
    OSPREY_TRY(tune(c));
    OSPREY_TRY(write_manifest(c));
    OSPREY_TRY(osprey__model_check_files(c->model, c->error));
    return osprey__engine_writer_commit(&c->writer, durability, c->error);
}

osprey_status osprey__engine_compile(const osprey_model *model,
                                     const osprey_engine_options *options, const char *path,
                                     osprey__durability durability, osprey_error *error)
{
    compilation c = {.model = model, .error = error};
    if (options) c.options = *options;
    if (model->engine)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, model->engine->path,
                            "is an engine already; compile the model that it was made from");
    OSPREY_TRY(osprey__model_choose_towers(model, c.options.towers, &c.options.towers, error));
    OSPREY_TRY(osprey__choose_batches(&c.options, error));
    OSPREY_TRY(check_report(&c.options, error));
    OSPREY_TRY(osprey__calibration_check(&c.options, error));
    OSPREY_TRY(osprey__precision_rules_init(&c.rules, c.options.precision, c.options.keep,
                                            c.options.keep_count, error));
    const osprey__cpu_features *cpu;
    OSPREY_TRY(osprey__cpu_features_get(&cpu, error));
    c.level = cpu->level;
    OSPREY_TRY(osprey__model_check_files(model, error)); /* a map of what is cut off is not read */
    /* Before anything runs: of what comes out of such weights the images would seem to be at fault.
     */
    OSPREY_TRY(osprey__check_finite_weights(model, c.options.towers, error));
    osprey_status status = osprey__engine_reductions_init(model, &c.options, &c.reductions, error);
    if (status == OSPREY_OK) status = write_engine(&c, path, durability);
    osprey__engine_writer_close(&c.writer);
    osprey__prompt_templates_free(&c.manifest.templates);
    osprey__engine_reductions_free(&c.reductions);
    osprey__plan_free(c.image_plan);
    osprey__plan_free(c.text_plan);
    osprey__tuning_free(&c.image_tuning);
    osprey__tuning_free(&c.text_tuning);
    return status;
}

osprey_status osprey_engine_compile(const osprey_model *model, const osprey_engine_options *options,
                                    const char *path, osprey_error *error)
{
    OSPREY_TRY(osprey_engine_check_output(path, error));
    return osprey__fail_for(
        path, osprey__engine_compile(model, options, path, OSPREY__SYNCED, error), error);
}
