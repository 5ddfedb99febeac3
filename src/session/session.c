/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/status.h"
#include "model/engine_model.h"
#include "plan/tower_plan.h"
#include "session/session_data.h"

#include <osprey/session.h>

#include <string.h>

#define THREADS_MAX 256

static osprey_status create_tower(const osprey_model *model, osprey_tower which,
                                  osprey__cpu_level level, osprey__precision_rules *rules,
                                  const osprey__reductions *reductions, osprey__tower *tower,
                                  osprey_error *error)
{
    OSPREY_TRY(osprey__tower_plan(model, which, level, rules, reductions, &tower->plan, error));
    if (model->engine) {
        osprey__weight_check_init(&tower->check, tower->plan,
                                  osprey__engine_weights(model->engine, which),
                                  osprey__engine_constants(model->engine, which));
        tower->is_verified = &model->engine->is_verified[which == OSPREY_TOWER_TEXT];
    }
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
    osprey__weight_stream_free(tower->stream);
    osprey__plan_free(tower->plan);
    osprey__free(tower->offsets);
    osprey__free(tower->inputs);
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

/* Arena and each thread's scratch for a run of that size. */
static osprey_status reserve_run(osprey_session *session, osprey__tower *tower, size_t sequences,
                                 size_t tokens, size_t scratch_floats, osprey_error *error)
{
    size_t arena_bytes = osprey__memory_plan(tower->plan, sequences, tokens, tower->offsets);
    size_t threads = osprey__thread_pool_threads(session->pool);
    OSPREY_TRY(reserve(&session->arena, &session->arena_bytes, arena_bytes, error));
    return reserve(&session->scratch, &session->scratch_bytes,
                   threads * scratch_floats * sizeof(float), error);
}

static osprey_status create_towers(osprey_session *session, osprey_tower towers,
                                   osprey__cpu_level level, osprey__precision_rules *rules,
                                   const osprey__reductions *reductions, size_t max_resident_bytes,
                                   osprey_error *error)
{
    const osprey_model *model = session->model;
    session->kernels = osprey__kernels_for(level);
    if (towers & OSPREY_TOWER_TEXT) {
        OSPREY_TRY(create_tower(model, OSPREY_TOWER_TEXT, level, rules, reductions, &session->text,
                                error));
        session->kernels = session->text.plan->kernels; /* an engine's may be for less than level */
    }
    if (towers & OSPREY_TOWER_IMAGE) {
        OSPREY_TRY(create_tower(model, OSPREY_TOWER_IMAGE, level, rules, reductions,
                                &session->image, error));
        session->kernels = session->image.plan->kernels;
        session->images_at_once = osprey__images_at_once(session);
    }
    /* With a limit each run reads weights anew: better as many images at once as there can be. */
    if (max_resident_bytes)
        OSPREY_TRY(osprey__session_limit(session, max_resident_bytes, error));
    else if (session->image.plan)
        session->images_at_once =
            osprey__smaller(session->images_at_once, osprey__images_near_cores(session));
    /* An engine says what will run: then the first run allocates nothing either. */
    if (model->engine && session->image.plan)
        return reserve_run(session, &session->image, session->images_at_once, 0,
                           osprey__cpu_scratch_floats(session->image.plan, 0), error);
    return OSPREY_OK;
}

static osprey_status make_rules(const osprey_model *model, const osprey_session_options *options,
                                osprey__precision_rules *rules, osprey_error *error)
{
    if (!options) return OSPREY_OK;
    const char *asked = osprey_precision_name(options->precision);
    bool other = options->precision != OSPREY_PRECISION_FP32 &&
                 (!model->engine || strcmp(model->engine->manifest.precision, asked) != 0);
    if (model->engine && (other || options->keep_count))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "precision",
                            "the engine %s was compiled in %s; compile its model again to have "
                            "another",
                            model->engine->path, model->engine->manifest.precision);
    return osprey__precision_rules_init(rules, options->precision, options->keep,
                                        options->keep_count, error);
}

static osprey_status use_static_ranges(osprey_session *session, osprey_error *error)
{
    const osprey_engine_info *engine = osprey_model_get_engine(session->model);
    if (!engine || engine->calibration == OSPREY_CALIBRATION_NONE)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, session->model->name,
                            "has no static ranges; they come with an engine that was compiled in "
                            "int8 or int4 and with --calibrate");
    if (session->text.plan) osprey__plan_use_ranges(session->text.plan);
    if (session->image.plan) osprey__plan_use_ranges(session->image.plan);
    session->static_ranges = true;
    return OSPREY_OK;
}

osprey_status osprey_session_create(const osprey_model *model,
                                    const osprey_session_options *options, osprey_session **session,
                                    osprey_error *error)
{
    const char *subject = model->engine ? model->engine->path : model->name;
    return osprey__fail_for(subject, osprey__session_create(model, options, NULL, session, error),
                            error);
}

osprey_status osprey__session_create(const osprey_model *model,
                                     const osprey_session_options *options,
                                     const osprey__reductions *reductions, osprey_session **session,
                                     osprey_error *error)
{
    *session = NULL;
    osprey_tower towers;
    size_t threads = options ? options->threads : 0;
    OSPREY_TRY(osprey__model_choose_towers(model, options ? options->towers : 0, &towers, error));
    if (threads > THREADS_MAX)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "threads",
                            "%zu threads asked for; 1 to %d would be right, or 0 for all cores",
                            threads, THREADS_MAX);
    if (options && options->max_resident_bytes && !model->engine)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "max_resident_bytes",
                            "needs an engine, whose weights can be read layer by layer; compile "
                            "%s first",
                            model->name);
    osprey__precision_rules rules = {0};
    OSPREY_TRY(make_rules(model, options, &rules, error));
    const osprey__cpu_features *cpu;
    OSPREY_TRY(osprey__cpu_features_get(&cpu, error));
    if (!threads) threads = cpu->usable_cores < THREADS_MAX ? cpu->usable_cores : THREADS_MAX;

    osprey_session *made = osprey__calloc(1, sizeof *made);
    if (!made) return osprey__fail_memory(error, sizeof *made);
    made->model = model;
    made->precision =
        model->engine ? model->engine->manifest.precision : osprey_precision_name(rules.precision);
    osprey_status status;
    OSPREY_TRY_GOTO(osprey__thread_pool_create(threads, &made->pool, error));
    OSPREY_TRY_GOTO(create_towers(made, towers, cpu->level, &rules, reductions,
                                  options ? options->max_resident_bytes : 0, error));
    OSPREY_TRY_GOTO(osprey__precision_rules_check(&rules, error));
    if (options && options->static_ranges) OSPREY_TRY_GOTO(use_static_ranges(made, error));
    *session = made;
    return OSPREY_OK;
fail:
    osprey_session_free(made);
    return status;
}

osprey_status osprey__check_form(osprey_embed form, osprey_error *error)
{
    if (form == OSPREY_EMBED_UNIT_LENGTH || form == OSPREY_EMBED_RAW) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "form",
                        "%d is no form of embedding; OSPREY_EMBED_UNIT_LENGTH or "
                        "OSPREY_EMBED_RAW would be right",
                        (int)form);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

osprey_status osprey__tower_run(osprey_session *session, osprey__tower *tower,
                                const osprey__tower_batch *batch, const float **rows,
                                osprey_error *error)
{
    const osprey__plan *plan = tower->plan;
    const osprey__tower *other = tower == &session->image ? &session->text : &session->image;
    osprey__weight_stream_rest(other->stream);
    size_t scratch_floats = osprey__cpu_scratch_floats(plan, batch->longest_text);
    size_t sequences = larger(batch->sequences, batch->room_sequences);
    size_t tokens = larger(batch->tokens, batch->room_tokens);
    OSPREY_TRY(reserve_run(session, tower, sequences, tokens, scratch_floats, error));
    for (size_t i = 0; i < tower->input_count; i++)
        tower->inputs[tower->input_ids[i]] = batch->inputs[i];
    /* The first run of an engine's tower, in whichever session, checks what it reads. */
    const bool checks = tower->is_verified && !atomic_load(tower->is_verified);
    const osprey__engine *engine = session->model->engine;
    osprey_status status = OSPREY_OK;
    if (checks)
        status = osprey__weight_check_begin(&tower->check, session->pool, engine->path, error);
    if (status != OSPREY_OK) return osprey__engine_found_damaged(engine, status, error);
    osprey__run run = {
        .plan = plan,
        .pool = session->pool,
        .sequences = batch->sequences,
        .tokens = batch->tokens,
        .texts = batch->tokens ? &batch->text_rows : NULL,
        .inputs = tower->inputs,
        .arena = session->arena,
        .offsets = tower->offsets,
        .scratch = session->scratch,
        .scratch_floats = scratch_floats,
        .stream = tower->stream,
        .check = checks ? &tower->check : NULL,
        .observer = session->observer,
        .observer_context = session->observer_context,
    };
    osprey__cpu_run(&run);
    if (checks) {
        status = osprey__weight_check_end(&tower->check, engine->path, error);
        if (status != OSPREY_OK) return osprey__engine_found_damaged(engine, status, error);
        atomic_store(tower->is_verified, true);
    }
    *rows = osprey__run_value(&run, plan->graph->output);
    return OSPREY_OK;
}

osprey_session_info osprey_session_get_info(const osprey_session *session)
{
    size_t weight_bytes = 0;
    if (session->image.plan) weight_bytes += session->image.plan->weight_bytes;
    if (session->text.plan) weight_bytes += session->text.plan->weight_bytes;
    return (osprey_session_info){
        .threads = osprey__thread_pool_threads(session->pool),
        .instruction_set = session->kernels->instruction_set,
        .precision = session->precision,
        .static_ranges = session->static_ranges,
        .weight_bytes = weight_bytes,
        .arena_bytes = session->arena_bytes + session->scratch_bytes,
        .read_bytes = osprey__weight_stream_read_bytes(session->image.stream) +
                      osprey__weight_stream_read_bytes(session->text.stream),
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
