/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_reductions.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/calibration_run.h"
#include "engine/reduction_cost.h"

#define SAMPLES_MAX 64 /* of the images that calibrate */

static osprey_status check_fraction(const char *what, float fraction, osprey_error *error)
{
    if (fraction >= 0 && fraction < 1) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "prune",
                        "%s=%g; a fraction above 0 and below 1 would be right", what,
                        (double)fraction);
}

/* Whether the tower can merge any, its graph tells. */
static osprey_status check_token_merge(const osprey_engine_options *options, osprey_error *error)
{
    bool has_image = !options->towers || options->towers & OSPREY_TOWER_IMAGE;
    if (!options->token_merge || has_image) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "token_merge",
                        "merges tokens of the image tower, which is left out of this engine");
}

static bool prunes(const osprey__reductions *how)
{
    return how->heads > 0 || how->channels > 0;
}

osprey_status osprey__engine_reductions_init(const osprey_model *model,
                                             const osprey_engine_options *options,
                                             osprey__engine_reductions *reductions,
                                             osprey_error *error)
{
    osprey_tower towers = options->towers ? options->towers : OSPREY_TOWER_BOTH;
    *reductions = (osprey__engine_reductions){.how = {.heads = options->prune_heads,
                                                      .channels = options->prune_mlp,
                                                      .merged_tokens = options->token_merge}};
    OSPREY_TRY(check_fraction("heads", options->prune_heads, error));
    OSPREY_TRY(check_fraction("mlp", options->prune_mlp, error));
    OSPREY_TRY(check_token_merge(options, error));
    if (!prunes(&reductions->how) || options->calibration.method == OSPREY_CALIBRATION_NONE)
        return OSPREY_OK;
    OSPREY_TRY(osprey__activities_measure(model, towers, &options->calibration,
                                          &reductions->activities, error));
    reductions->how.activities = reductions->activities.items;
    reductions->how.activity_count = reductions->activities.count;
    return OSPREY_OK;
}

void osprey__engine_reductions_free(osprey__engine_reductions *reductions)
{
    osprey__activities_free(&reductions->activities);
}

/* Some of the images that calibrate, evenly spread, into *pixels. */
static osprey_status read_samples(const osprey_model *model, const osprey_engine_calibration *how,
                                  osprey__samples *samples, float **pixels, osprey_error *error)
{
    size_t count = how->image_count < SAMPLES_MAX ? how->image_count : SAMPLES_MAX;
    *pixels = osprey__calloc(count * samples->image_floats, sizeof **pixels);
    if (!*pixels)
        return osprey__fail_memory(error, count * samples->image_floats * sizeof **pixels);
    samples->pixels = *pixels;
    for (; samples->count < count; samples->count++)
        OSPREY_TRY(
            osprey__calibration_read(model, how->images[samples->count * how->image_count / count],
                                     *pixels + samples->count * samples->image_floats, error));
    return OSPREY_OK;
}

static osprey_status measure(const osprey_model *model, const osprey_engine_options *options,
                             osprey_tower tower, const osprey__reductions *reductions,
                             osprey_engine_reduction *cost, osprey_error *error)
{
    osprey__samples samples = {
        .tower = OSPREY_TOWER_IMAGE,
        .count = options->sample_count,
        .pixels = options->sample_pixels,
        .image_floats = osprey_preprocessing_floats(&model->config.preprocessing),
    };
    float *pixels = NULL;
    bool calibrates = options->calibration.method != OSPREY_CALIBRATION_NONE;
    osprey_status status = OSPREY_OK;
    if (tower == OSPREY_TOWER_TEXT)
        status = osprey__samples_of_prompts(&samples, error);
    else if (!samples.count && calibrates)
        status = read_samples(model, &options->calibration, &samples, &pixels, error);
    if (status == OSPREY_OK && samples.count)
        status = osprey__reduction_cost_measure(model, options, reductions, &samples, cost, error);
    osprey__samples_free(&samples);
    osprey__free(pixels);
    return status;
}

osprey_status
osprey__engine_reductions_report(const osprey_model *model, const osprey_engine_options *options,
                                 osprey_tower tower, const osprey__reductions *reductions,
                                 const osprey__reduced *reduced, osprey__engine_manifest *manifest,
                                 osprey_error *error)
{
    if (!reduced->parameters && !reduced->tokens) return OSPREY_OK;
    bool image = tower == OSPREY_TOWER_IMAGE;
    osprey__manifest_tower *to = image ? &manifest->image : &manifest->text;
    size_t *heads = image ? &manifest->config.image.heads : &manifest->config.text.heads;
    size_t *mlp = image ? &manifest->config.image.mlp_width : &manifest->config.text.mlp_width;
    to->is_reduced = true;
    to->reduction = (osprey_engine_reduction){
        .prune_heads = reductions->heads,
        .prune_mlp = reductions->channels,
        .by_activation = reductions->activity_count > 0,
        .token_merge = reduced->tokens ? reductions->merged_tokens : 0,
        .parameters = to->parameters,
    };
    to->parameters -= reduced->parameters;
    *heads -= reduced->heads;
    *mlp -= reduced->channels;
    return measure(model, options, tower, reductions, &to->reduction, error);
}

osprey_status osprey__engine_reductions_check(const osprey__reductions *reductions,
                                              const osprey__engine_manifest *manifest,
                                              osprey_error *error)
{
    if (!prunes(reductions) || manifest->image.is_reduced || manifest->text.is_reduced)
        return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "prune",
                        "the towers of this engine have no heads or MLPs that can be left out");
}
