/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "passes/passes.h"
#include "session/session_data.h"

#include <osprey/session.h>

#define THREADS_MAX 256

static osprey_status create_tower(const osprey_model *model, osprey_tower which,
                                  osprey__cpu_level level, osprey__tower *tower,
                                  osprey_error *error)
{
    osprey__graph *graph;
    OSPREY_TRY(osprey__model_build_graph(model, which, &graph, NULL, error));
    osprey_status status = osprey__passes_run(graph, NULL, NULL, error);
    if (status != OSPREY_OK) {
        osprey__graph_free(graph);
        return status;
    }
    OSPREY_TRY(osprey__plan_create(graph, level, &tower->plan, error));
    size_t values = tower->plan->graph->value_count;
    tower->offsets = osprey__calloc(values, sizeof *tower->offsets);
    tower->inputs = osprey__calloc(values, sizeof *tower->inputs);
    if (!tower->offsets || !tower->inputs)
        return osprey__fail_memory(error, values * sizeof *tower->offsets);
    for (osprey__value_id v = 0; v < values; v++) {
        const osprey__value *value = &tower->plan->graph->values[v];
        if (value->kind == OSPREY__INPUT) tower->input_ids[tower->input_count++] = v;
    }
    return OSPREY_OK;
}

static void free_tower(osprey__tower *tower)
{
    osprey__plan_free(tower->plan);
    osprey__free(tower->offsets);
    osprey__free(tower->inputs);
}

osprey_status osprey_session_create(const osprey_model *model,
                                    const osprey_session_options *options, osprey_session **session,
                                    osprey_error *error)
{
    *session = NULL;
    osprey_tower towers = options && options->towers ? options->towers : OSPREY_TOWER_BOTH;
    size_t threads = options ? options->threads : 0;
    if (threads > THREADS_MAX)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "threads",
                            "%zu threads asked for; 1 to %d would be right, or 0 for all cores",
                            threads, THREADS_MAX);
    const osprey__cpu_features *cpu;
    OSPREY_TRY(osprey__cpu_features_get(&cpu, error));
    if (!threads) threads = cpu->usable_cores < THREADS_MAX ? cpu->usable_cores : THREADS_MAX;

    osprey_session *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    made->model = model;
    osprey_status status;
    OSPREY_TRY_GOTO(osprey__thread_pool_create(threads, &made->pool, error));
    if (towers & OSPREY_TOWER_IMAGE)
        OSPREY_TRY_GOTO(create_tower(model, OSPREY_TOWER_IMAGE, cpu->level, &made->image, error));
    if (towers & OSPREY_TOWER_TEXT)
        OSPREY_TRY_GOTO(create_tower(model, OSPREY_TOWER_TEXT, cpu->level, &made->text, error));
    made->instruction_set = osprey__kernels_for(cpu->level)->instruction_set;
    *session = made;
    return OSPREY_OK;
fail:
    osprey_session_free(made);
    return status;
}

/* Grows *block to bytes; its contents are lost. */
static osprey_status reserve(void **block, size_t *capacity, size_t bytes, osprey_error *error)
{
    if (bytes <= *capacity) return OSPREY_OK;
    osprey__aligned_free(*block);
    *capacity = 0;
    *block = osprey__aligned_alloc(bytes);
    if (!*block) return osprey__fail_memory(error, bytes);
    *capacity = bytes;
    return OSPREY_OK;
}

osprey_status osprey__tower_run(osprey_session *session, osprey__tower *tower,
                                const osprey__tower_batch *batch, osprey_embed form,
                                float *embeddings, osprey_error *error)
{
    const osprey__plan *plan = tower->plan;
    size_t arena_bytes = osprey__memory_plan(plan, batch->sequences, batch->tokens, tower->offsets);
    size_t scratch = osprey__cpu_scratch_floats(plan, batch->longest_text);
    size_t threads = osprey__thread_pool_threads(session->pool);
    OSPREY_TRY(reserve(&session->arena, &session->arena_bytes, arena_bytes, error));
    OSPREY_TRY(reserve(&session->scratch, &session->scratch_bytes,
                       threads * scratch * sizeof(float), error));
    for (size_t i = 0; i < tower->input_count; i++)
        tower->inputs[tower->input_ids[i]] = batch->inputs[i];
    osprey__run run = {
        .plan = plan,
        .pool = session->pool,
        .sequences = batch->sequences,
        .tokens = batch->tokens,
        .sequence_starts = batch->sequence_starts,
        .inputs = tower->inputs,
        .arena = session->arena,
        .offsets = tower->offsets,
        .scratch = session->scratch,
        .scratch_floats = scratch,
    };
    osprey__cpu_run(&run);
    const float *output = osprey__run_value(&run, plan->graph->output);
    osprey__copy_embeddings(output, batch->sequences, session->model->config.embed_dim, form,
                            embeddings);
    return OSPREY_OK;
}

osprey_session_info osprey_session_get_info(const osprey_session *session)
{
    size_t weight_bytes = 0;
    if (session->image.plan) weight_bytes += session->image.plan->weight_bytes;
    if (session->text.plan) weight_bytes += session->text.plan->weight_bytes;
    return (osprey_session_info){
        .threads = osprey__thread_pool_threads(session->pool),
        .instruction_set = session->instruction_set,
        .precision = "fp32",
        .weight_bytes = weight_bytes,
        .arena_bytes = session->arena_bytes + session->scratch_bytes,
    };
}

const osprey_model *osprey_session_get_model(const osprey_session *session)
{
    return session->model;
}

void osprey_session_free(osprey_session *session)
{
    if (!session) return;
    osprey__thread_pool_free(session->pool);
    free_tower(&session->image);
    free_tower(&session->text);
    osprey__text_batch_free(&session->text_batch);
    osprey__aligned_free(session->arena);
    osprey__aligned_free(session->scratch);
    osprey__free(session);
}
