/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/memory_profiles.h"

#include "backend/cpu_backend.h"
#include "base/memory.h"
#include "base/os/resident.h"
#include "base/status.h"
#include "model/engine_model.h"
#include "plan/tower_plan.h"

#include <sys/stat.h>

static const size_t default_batches[] = {1, 8, OSPREY__IMAGES_AT_ONCE};

osprey_status osprey__choose_batches(osprey_engine_options *options, osprey_error *error)
{
    if (!options->batch_count) {
        options->batches = default_batches;
        options->batch_count = sizeof default_batches / sizeof *default_batches;
    }
    if (options->batch_count > OSPREY_ENGINE_BATCHES_MAX)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "batch",
                            "%zu batches; at most %d would be right", options->batch_count,
                            OSPREY_ENGINE_BATCHES_MAX);
    char text[OSPREY_ENGINE_BATCHES_MAX * 24] = "";
    bool right = true;
    for (size_t i = 0, used = 0; i < options->batch_count; i++) {
        const size_t batch = options->batches[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu", i ? "," : "", batch);
        right &= batch >= 1 && batch <= OSPREY_ENGINE_BATCH_MAX &&
                 (!i || batch > options->batches[i - 1]);
    }
    if (right) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "batch",
                        "\"%s\" are no rising numbers from 1 to %d", text, OSPREY_ENGINE_BATCH_MAX);
}

osprey_status osprey__memory_profiles(const osprey_model *model, osprey_tower tower,
                                      const osprey__plan *plan,
                                      const osprey_engine_options *options,
                                      osprey_engine_profile *profiles, osprey_error *error)
{
    bool image = tower == OSPREY_TOWER_IMAGE;
    size_t context = osprey__text_rows_most(&model->config.text);
    size_t most_tokens = context > OSPREY__TOKENS_AT_ONCE ? context : OSPREY__TOKENS_AT_ONCE;
    size_t *offsets = osprey__calloc(plan->graph->value_count, sizeof *offsets);
    if (!offsets) return osprey__fail_memory(error, plan->graph->value_count * sizeof *offsets);
    for (size_t i = 0; i < options->batch_count; i++) {
        size_t batch = options->batches[i], texts = context ? most_tokens / context : 0;
        if (texts > batch) texts = batch;
        profiles[i] = (osprey_engine_profile){
            .batch = batch,
            .arena_bytes = osprey__memory_plan(plan, image ? batch : texts,
                                               image ? 0 : texts * context, offsets),
            .scratch_bytes = osprey__cpu_scratch_floats(plan, image ? 0 : context) * sizeof(float),
        };
    }
    osprey__free(offsets);
    return OSPREY_OK;
}

/* Passes keep what they rewrite, up to all weights, in memory. */
static osprey_status check_room(const osprey_model *model, osprey_error *error)
{
    size_t bytes = 0;
    struct stat file;
    for (size_t i = 0; i < model->file_count; i++)
        if (stat(model->files[i], &file) == 0) bytes += (size_t)file.st_size;
    const size_t available = osprey__available_bytes();
    if (bytes <= available) return OSPREY_OK;
    return osprey__fail(error, OSPREY_LIMIT, model->name,
                        "planning its memory takes up to %zu MiB, and %zu MiB are free",
                        bytes >> 20, available >> 20);
}

static osprey_status plan_tower(const osprey_model *model, osprey_tower tower,
                                osprey_engine_options *options, osprey__cpu_level level,
                                osprey_engine_profile *profiles, size_t *count, osprey_error *error)
{
    if (!(options->towers & tower)) return OSPREY_OK;
    osprey__graph *graph;
    osprey__plan *plan;
    osprey__precision_rules rules;
    OSPREY_TRY(osprey__precision_rules_init(&rules, options->precision, options->keep,
                                            options->keep_count, error));
    OSPREY_TRY(osprey__tower_graph(model, tower, NULL, NULL, NULL, &graph, error));
    osprey_status status = osprey__precision_assign(&rules, graph, error);
    if (status != OSPREY_OK) {
        osprey__graph_free(graph);
        return status;
    }
    OSPREY_TRY(osprey__plan_create(graph, level, &plan, error));
    status = osprey__memory_profiles(model, tower, plan, options, profiles, error);
    osprey__plan_free(plan);
    if (status == OSPREY_OK) *count = options->batch_count;
    return status;
}

osprey_status osprey_engine_plan_memory(const osprey_model *model,
                                        const osprey_engine_options *options,
                                        osprey_memory_plan *plan, osprey_error *error)
{
    *plan = (osprey_memory_plan){0};
    osprey_engine_options resolved = options ? *options : (osprey_engine_options){0};
    const osprey__cpu_features *cpu;
    if (model->engine)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, model->engine->path,
                            "is an engine, which has the memory of its batches with it");
    OSPREY_TRY(osprey__model_choose_towers(model, resolved.towers, &resolved.towers, error));
    OSPREY_TRY(osprey__choose_batches(&resolved, error));
    OSPREY_TRY(osprey__cpu_features_get(&cpu, error));
    OSPREY_TRY(check_room(model, error));
    OSPREY_TRY(plan_tower(model, OSPREY_TOWER_IMAGE, &resolved, cpu->level, plan->image,
                          &plan->image_count, error));
    return plan_tower(model, OSPREY_TOWER_TEXT, &resolved, cpu->level, plan->text,
                      &plan->text_count, error);
}
