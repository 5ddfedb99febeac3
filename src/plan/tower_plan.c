/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/tower_plan.h"

#include "base/status.h"
#include "model/engine_model.h"

#include <string.h>

osprey_status osprey__tower_graph(const osprey_model *model, osprey_tower tower,
                                  const osprey__reductions *reductions,
                                  osprey__pass_observer *observer, void *context,
                                  osprey__graph **graph, osprey_error *error)
{
    OSPREY_TRY(osprey__model_build_graph(model, tower, graph, NULL, error));
    osprey_status status = osprey__passes_run(*graph, reductions, observer, context, error);
    if (status == OSPREY_OK) return OSPREY_OK;
    osprey__graph_free(*graph);
    *graph = NULL;
    return status;
}

static osprey_status pack_tower(osprey__graph *graph, osprey__cpu_level level, osprey__plan **plan,
                                osprey_error *error)
{
    OSPREY_TRY(osprey__plan_create(graph, level, plan, error));
    osprey_status status = osprey__plan_pack(*plan, error);
    if (status == OSPREY_OK) return OSPREY_OK;
    osprey__plan_free(*plan);
    *plan = NULL;
    return status;
}

/* The level that the engine's weights were packed for, if this machine runs it in the same form. */
static bool packed_level(const osprey__engine_manifest *manifest, osprey__cpu_level level,
                         osprey__cpu_level *packed)
{
    char packing[sizeof manifest->packing];
    if (!osprey__cpu_level_find(manifest->instruction_set, level, packed)) return false;
    osprey__kernels_packing(osprey__kernels_for(*packed), packing, sizeof packing);
    return strcmp(packing, manifest->packing) == 0;
}

static osprey_status map_tower(const osprey__engine *engine, osprey_tower tower,
                               osprey__graph *graph, osprey__cpu_level level, osprey__plan **plan,
                               osprey_error *error)
{
    OSPREY_TRY(osprey__plan_create(graph, level, plan, error));
    const osprey__engine_section *weights = osprey__engine_weights(engine, tower);
    if (weights->length == (*plan)->weight_bytes) {
        osprey__plan_map(*plan, weights->bytes);
        osprey__plan_use_tuning(*plan, osprey__engine_tuning(engine, tower));
        return OSPREY_OK;
    }
    osprey_status status = osprey__fail(error, OSPREY_FORMAT, engine->path,
                                        "the engine's %s has %zu bytes, but its graph asks for %zu",
                                        weights->name, weights->length, (*plan)->weight_bytes);
    osprey__plan_free(*plan);
    *plan = NULL;
    return status;
}

/* Says what the engine's weights are packed for, and what they would have to be. */
static osprey_status refuse_packing(const osprey__engine *engine, osprey__cpu_level level,
                                    osprey_error *error)
{
    const osprey__engine_manifest *manifest = &engine->manifest;
    osprey__cpu_level same;
    if (osprey__cpu_level_find(manifest->instruction_set, level, &same)) {
        char packing[sizeof manifest->packing];
        osprey__kernels_packing(osprey__kernels_for(same), packing, sizeof packing);
        return osprey__fail(error, OSPREY_UNSUPPORTED, engine->path,
                            "the engine's weights are packed for %s as osprey %s did, \"%s\", and "
                            "this osprey packs them as \"%s\"; compile the model again "
                            "here, or with --portable there",
                            manifest->instruction_set, manifest->osprey_version, manifest->packing,
                            packing);
    }
    return osprey__fail(error, OSPREY_UNSUPPORTED, engine->path,
                        "the engine was compiled for %s (%s, osprey %s), and this osprey runs "
                        "with %s here; compile the model again here, or with --portable there",
                        manifest->instruction_set, manifest->packing, manifest->osprey_version,
                        osprey__cpu_level_name(level));
}

static osprey_status plan_engine(const osprey__engine *engine, osprey_tower tower,
                                 osprey__cpu_level level, osprey__plan **plan, osprey_error *error)
{
    const osprey__engine_manifest *manifest = &engine->manifest;
    osprey__cpu_level packed;
    bool fits = packed_level(manifest, level, &packed);
    if (!fits && !manifest->portable) return refuse_packing(engine, level, error);
    osprey__graph *graph;
    OSPREY_TRY(osprey__engine_graph(engine, tower, &graph, error));
    return fits ? map_tower(engine, tower, graph, packed, plan, error)
                : pack_tower(graph, level, plan, error);
}

osprey_status osprey__tower_plan(const osprey_model *model, osprey_tower tower,
                                 osprey__cpu_level level, osprey__precision_rules *rules,
                                 const osprey__reductions *reductions, osprey__plan **plan,
                                 osprey_error *error)
{
    *plan = NULL;
    if (model->engine) return plan_engine(model->engine, tower, level, plan, error);
    osprey__graph *graph;
    OSPREY_TRY(osprey__tower_graph(model, tower, reductions, NULL, NULL, &graph, error));
    osprey_status status = osprey__precision_assign(rules, graph, error);
    if (status != OSPREY_OK) {
        osprey__graph_free(graph);
        return status;
    }
    return pack_tower(graph, level, plan, error);
}
