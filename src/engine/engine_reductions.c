/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_reductions.h"

#include "base/status.h"
#include "engine/reduction_cost.h"

static osprey_status check_fraction(const char *what, float fraction, osprey_error *error)
{
    if (fraction >= 0 && fraction < 1) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "prune",
                        "%s=%g; a fraction above 0 and below 1 would be right", what,
                        (double)fraction);
}

static osprey_status check_token_merge(const osprey_model *model,
                                       const osprey_engine_options *options, osprey_error *error)
{
    bool has_image = !options->towers || options->towers & OSPREY_TOWER_IMAGE;
    if (!options->token_merge) return OSPREY_OK;
    if (!has_image)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "token_merge",
                            "merges tokens of the image tower, which is left out of this engine");
    if (model->config.image.kind != OSPREY__IMAGE_VIT)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "token_merge",
                            "merges tokens of a vision transformer, and the image tower of this "
                            "model is a ResNet");
    return OSPREY_OK;
}

osprey_status osprey__engine_reductions_init(const osprey_model *model,
                                             const osprey_engine_options *options,
                                             osprey__reductions *reductions, osprey_error *error)
{
    *reductions = (osprey__reductions){
        .heads = options->prune_heads,
        .channels = options->prune_mlp,
        .merged_tokens = options->token_merge,
    };
    OSPREY_TRY(check_fraction("heads", options->prune_heads, error));
    OSPREY_TRY(check_fraction("mlp", options->prune_mlp, error));
    return check_token_merge(model, options, error);
}

static osprey_status measure(const osprey_model *model, const osprey_engine_options *options,
                             osprey_tower tower, const osprey__reductions *reductions,
                             osprey_engine_reduction *cost, osprey_error *error)
{
    const osprey__image_config *image = &model->config.image;
    osprey__samples samples = {
        .tower = OSPREY_TOWER_IMAGE,
        .count = options->sample_count,
        .pixels = options->sample_pixels,
        .image_floats = 3 * image->image_height * image->image_width,
    };
    osprey_status status = OSPREY_OK;
    if (tower == OSPREY_TOWER_TEXT) status = osprey__samples_of_prompts(&samples, error);
    if (status == OSPREY_OK && samples.count)
        status = osprey__reduction_cost_measure(model, options, reductions, &samples, cost, error);
    osprey__samples_free(&samples);
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
    bool wanted = reductions->heads > 0 || reductions->channels > 0;
    if (!wanted || manifest->image.is_reduced || manifest->text.is_reduced) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "prune",
                        "heads and MLPs are parts of transformer layers, and this engine would "
                        "have none");
}
