/* SPDX-License-Identifier: Apache-2.0 */
/* From a model's tower to its graph after all passes, and to a plan that can run. */
#ifndef OSPREY_PLAN_TOWER_PLAN_H
#define OSPREY_PLAN_TOWER_PLAN_H

#include "model/towers.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "plan/precision.h"

/*
 * Of a model that is no engine. reductions and observer may be NULL. The caller frees *graph.
 * Errors: as osprey__model_build_graph and the reductions.
 */
osprey_status osprey__tower_graph(const osprey_model *model, osprey_tower tower,
                                  const osprey__reductions *reductions,
                                  osprey__pass_observer *observer, void *context,
                                  osprey__graph **graph, osprey_error *error);

/*
 * Packs a model's weights, or takes them as they lie in its engine: with the kernels that they were
 * packed for where the machine has them, else packed anew where the engine is portable. An engine's
 * layers have their precisions already; rules, and reductions, which may be NULL, are for the
 * others. The caller frees *plan with
 * osprey__plan_free, before the model. Errors: OSPREY_UNSUPPORTED (an engine for another
 * instruction set; both are named), OSPREY_INVALID_ARGUMENT (an engine without this tower),
 * OSPREY_FORMAT (a damaged engine), OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__tower_plan(const osprey_model *model, osprey_tower tower,
                                 osprey__cpu_level level, osprey__precision_rules *rules,
                                 const osprey__reductions *reductions, osprey__plan **plan,
                                 osprey_error *error);

#endif
