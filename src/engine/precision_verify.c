/* SPDX-License-Identifier: Apache-2.0 */
/* What a precision costs, and which layers are to blame. */
#include "base/memory.h"
#include "base/status.h"
#include "engine/auto_keep.h"
#include "engine/engine_calibrate.h"
#include "engine/layer_errors.h"
#include "engine/precision_report.h"
#include "model/engine_model.h"
#include "model/finite_weights.h"
#include "model/towers.h"

/* Layers whose cost is measured where one is to be named: those that err most by themselves. */
#define SUSPECTS 8

/*
 * int4 is allowed two points of top-1 where int8 is allowed half of one. ViT-B/32 with random
 * weights, harsher than trained ones, has a least of 0.92 to 0.96 in int4, the model in the box
 * 0.996; a layer that cannot be quantised goes far below.
 */
static const double limits[OSPREY_PRECISIONS] = {
    [OSPREY_PRECISION_FP32] = 0.99999, [OSPREY_PRECISION_BF16] = 0.9995,
    [OSPREY_PRECISION_FP16] = 0.9995,  [OSPREY_PRECISION_INT8] = 0.995,
    [OSPREY_PRECISION_INT4] = 0.9,
};

/* One tower being compared. */
typedef struct comparison {
    osprey__mixed_tower tower;
    osprey__samples samples;
    osprey__keep_search search;
    osprey__layer_error *layers; /* [tower.step_count] */
    double *cosines;             /* [samples.count] */
    osprey_cosines result;
} comparison;

static osprey_cosines sum_up(const double *cosines, size_t count)
{
    osprey_cosines result = {.count = count, .least = 1};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += cosines[i];
        if (cosines[i] < result.least) result.least = cosines[i];
    }
    result.mean = sum / (double)count;
    return result;
}

static osprey_status measure(comparison *c, osprey_error *error)
{
    OSPREY_TRY(osprey__layer_errors_measure(&c->tower, &c->samples, c->layers, c->cosines, error));
    c->result = sum_up(c->cosines, c->samples.count);
    return OSPREY_OK;
}

/* The mixture that was found, run by static ranges; its layers are so from now on. */
static osprey_status measure_static(comparison *c, osprey_cosines *result, osprey_error *error)
{
    osprey_session *fp32 = c->tower.sessions[OSPREY__AS_FP32];
    size_t width = c->tower.model->model->config.embed_dim, calibrated;
    OSPREY_TRY(osprey__mixed_tower_calibrate(&c->tower, &calibrated, error));
    if (!calibrated) return OSPREY_OK;
    float *wanted = osprey__calloc(2 * width, sizeof *wanted), *got = wanted + width;
    if (!wanted) return osprey__fail_memory(error, 2 * width * sizeof *wanted);
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < c->samples.count && status == OSPREY_OK; i++) {
        status = osprey__sample_embed(&c->samples, i, fp32, wanted, error);
        if (status == OSPREY_OK)
            status = osprey__sample_embed(&c->samples, i, c->tower.session, got, error);
        c->cosines[i] = osprey__cosine(got, wanted, width);
    }
    osprey__free(wanted);
    if (status == OSPREY_OK) *result = sum_up(c->cosines, c->samples.count);
    return status;
}

/* What a layer may be kept in before fp32: of use where most layers are coarser. */
static bool knows_bf16(const comparison *c)
{
    return c->tower.model->options->precision >= OSPREY_PRECISION_INT8;
}

/* Searches with the worst samples, and again with those that the result does not suit. */
static osprey_status keep_layers(comparison *c, osprey_error *error)
{
    if (knows_bf16(c)) OSPREY_TRY(osprey__mixed_tower_need_bf16(&c->tower, error));
    while (c->result.least < c->search.limit) {
        size_t before = c->search.worst_count;
        OSPREY_TRY(osprey__keep_search_add(&c->search, c->cosines, error));
        if (c->search.worst_count == before) break; /* not even fp32 agrees with itself */
        OSPREY_TRY(osprey__keep_search_run(&c->search, error));
        OSPREY_TRY(measure(c, error));
    }
    return OSPREY_OK;
}

/* The products with the lowest cosines of their own, the lowest first. Returns how many. */
static size_t find_suspects(const comparison *c, size_t suspects[SUSPECTS])
{
    size_t count = 0;
    for (size_t s = 0; s < c->tower.step_count; s++) {
        if (!osprey__step_is_product(&c->tower.asked[s]) ||
            osprey__mixed_precision(&c->tower, s, OSPREY__AS_ASKED) == OSPREY_PRECISION_FP32)
            continue;
        size_t at = count < SUSPECTS ? count++ : SUSPECTS;
        for (; at > 0 && c->layers[s].own_cosine < c->layers[suspects[at - 1]].own_cosine; at--)
            if (at < SUSPECTS) suspects[at] = suspects[at - 1];
        if (at < SUSPECTS) suspects[at] = s;
    }
    return count;
}

/* Names the layer that costs most, with the precision that would be better. */
static osprey_status advise(comparison *c, osprey__report *report, osprey_error *error)
{
    size_t suspects[SUSPECTS];
    size_t count = find_suspects(c, suspects);
    if (!count) return OSPREY_OK;
    OSPREY_TRY(osprey__keep_search_add(&c->search, c->cosines, error));
    OSPREY_TRY(osprey__keep_search_measure(&c->search, suspects, count, error));
    size_t step = c->search.costs[0].step;
    bool low = knows_bf16(c) &&
               osprey__mixed_precision(&c->tower, step, OSPREY__AS_ASKED) >= OSPREY_PRECISION_INT8;
    return osprey__report_advise(report, osprey__mixed_name(&c->tower, step),
                                 low ? OSPREY_PRECISION_BF16 : OSPREY_PRECISION_FP32, error);
}

static osprey_status add_to_report(const comparison *c, osprey__report *report, osprey_error *error)
{
    const osprey__mixed_tower *tower = &c->tower;
    for (size_t s = 0; s < tower->step_count; s++) {
        if (!osprey__step_is_product(&tower->asked[s])) continue;
        const char *name = osprey__mixed_name(tower, s);
        osprey_precision precision = osprey__mixed_precision(tower, s, tower->forms[s]);
        const osprey_layer_loss loss = {
            .tower = tower->which,
            .precision = precision,
            .own_cosine = c->layers[s].own_cosine,
            .cosine = c->layers[s].cosine,
            .largest_error = c->layers[s].largest,
        };
        OSPREY_TRY(osprey__report_add_layer(report, name, &loss, error));
        if (tower->forms[s] != OSPREY__AS_ASKED)
            OSPREY_TRY(osprey__report_add_found(report, name, precision, error));
    }
    return OSPREY_OK;
}

static osprey_status open_samples(comparison *c, const osprey_model *model,
                                  const osprey_verification *how, osprey_error *error)
{
    if (c->tower.which == OSPREY_TOWER_TEXT) return osprey__samples_of_prompts(&c->samples, error);
    c->samples = (osprey__samples){.tower = OSPREY_TOWER_IMAGE,
                                   .count = how->image_count,
                                   .pixels = how->pixels,
                                   .image_floats =
                                       osprey_preprocessing_floats(&model->config.preprocessing)};
    return OSPREY_OK;
}

static osprey_status compare_tower(comparison *c, osprey__mixed_model *mixed, osprey_tower which,
                                   const osprey_verification *how, osprey__report *report,
                                   osprey_error *error)
{
    OSPREY_TRY(osprey__mixed_tower_open(&c->tower, mixed, which, error));
    OSPREY_TRY(open_samples(c, mixed->model, how, error));
    c->search = (osprey__keep_search){
        .tower = &c->tower, .samples = &c->samples, .limit = report->report.limit};
    c->layers = osprey__calloc(c->tower.step_count, sizeof *c->layers);
    c->cosines = osprey__calloc(c->samples.count, sizeof *c->cosines);
    if (!c->layers || !c->cosines)
        return osprey__fail_memory(error, c->samples.count * sizeof *c->cosines);
    OSPREY_TRY(measure(c, error));
    if (how->auto_keep) OSPREY_TRY(keep_layers(c, error));
    OSPREY_TRY(add_to_report(c, report, error));
    bool image = which == OSPREY_TOWER_IMAGE, passed = c->result.least >= report->report.limit;
    *(image ? &report->report.image : &report->report.text) = c->result;
    /* Of two towers that fail, the worse one gets the advice. */
    bool other_is_worse =
        !image && report->report.image.count && report->report.image.least <= c->result.least;
    report->report.passed &= passed;
    if (!passed && !other_is_worse && !how->auto_keep) OSPREY_TRY(advise(c, report, error));
    if (mixed->options->calibration.method == OSPREY_CALIBRATION_NONE) return OSPREY_OK;
    return measure_static(c, image ? &report->report.static_image : &report->report.static_text,
                          error);
}

static void close_comparison(comparison *c)
{
    osprey__keep_search_close(&c->search);
    osprey__free(c->layers);
    osprey__free(c->cosines);
    osprey__samples_free(&c->samples);
    osprey__mixed_tower_close(&c->tower);
}

static osprey_status compare_towers(osprey__mixed_model *mixed, const osprey_verification *how,
                                    osprey__report *report, osprey_error *error)
{
    static const osprey_tower towers[] = {OSPREY_TOWER_IMAGE, OSPREY_TOWER_TEXT};
    for (size_t i = 0; i < 2; i++) {
        if (!(mixed->options->towers & towers[i])) continue;
        comparison c = {0};
        osprey_status status = compare_tower(&c, mixed, towers[i], how, report, error);
        close_comparison(&c);
        if (status != OSPREY_OK) return status;
    }
    return OSPREY_OK;
}

osprey_status osprey_precision_verify(const osprey_model *model,
                                      const osprey_engine_options *options,
                                      const osprey_verification *how,
                                      osprey_precision_report **report, osprey_error *error)
{
    *report = NULL;
    osprey_engine_options resolved = options ? *options : (osprey_engine_options){0};
    OSPREY_TRY(osprey__model_choose_towers(model, resolved.towers, &resolved.towers, error));
    if (model->engine)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, model->engine->path,
                            "is an engine already, which no longer has the weights to compare "
                            "with; verify the model that it was made from");
    if (resolved.towers & OSPREY_TOWER_IMAGE && (!how->image_count || !how->pixels))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "image_count",
                            "there is no image to compare the image tower on; give at least one");
    OSPREY_TRY(osprey__calibration_check(&resolved, error));
    OSPREY_TRY(osprey__check_finite_weights(model, resolved.towers, error));
    osprey__report *made;
    OSPREY_TRY(osprey__report_create(&resolved, &made, error));
    osprey__mixed_model mixed;
    osprey_status status = osprey__mixed_model_open(&mixed, model, &resolved, error);
    if (status == OSPREY_OK) {
        made->report.limit = limits[resolved.precision];
        status = compare_towers(&mixed, how, made, error);
    }
    osprey__mixed_model_close(&mixed);
    osprey__report_finish(made);
    if (status != OSPREY_OK) {
        osprey_precision_report_free(&made->report);
        return status;
    }
    *report = &made->report;
    return OSPREY_OK;
}
