/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_reductions.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/precision_samples.h"
#include "session/session_data.h"

static osprey_status check_fraction(const char *what, float fraction, osprey_error *error)
{
    if (fraction >= 0 && fraction < 1) return OSPREY_OK;
    return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "prune",
                        "%s=%g; a fraction above 0 and below 1 would be right", what,
                        (double)fraction);
}

osprey_status osprey__engine_reductions_init(const osprey_engine_options *options,
                                             osprey__reductions *reductions, osprey_error *error)
{
    *reductions =
        (osprey__reductions){.heads = options->prune_heads, .channels = options->prune_mlp};
    OSPREY_TRY(check_fraction("heads", options->prune_heads, error));
    return check_fraction("mlp", options->prune_mlp, error);
}

static osprey_status embed_samples(const osprey_model *model, const osprey__reductions *reductions,
                                   const osprey__samples *samples, float *embeddings,
                                   osprey_error *error)
{
    const osprey_session_options options = {.towers = samples->tower};
    osprey_session *session;
    OSPREY_TRY(osprey__session_create(model, &options, reductions, &session, error));
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < samples->count && status == OSPREY_OK; i++)
        status = osprey__sample_embed(samples, i, session, embeddings + i * model->config.embed_dim,
                                      error);
    osprey_session_free(session);
    return status;
}

/* Of unit-length rows. */
static void compare(const float *whole, const float *reduced, size_t count, size_t width,
                    osprey_engine_reduction *cost)
{
    double sum = 0, least = 1;
    for (size_t i = 0; i < count; i++) {
        double cosine = 0;
        for (size_t j = 0; j < width; j++)
            cosine += (double)whole[i * width + j] * (double)reduced[i * width + j];
        if (cosine < least) least = cosine;
        sum += cosine;
    }
    cost->samples = count;
    cost->least_cosine = (float)least;
    cost->mean_cosine = (float)(sum / (double)count);
}

static osprey_status measure_samples(const osprey_model *model,
                                     const osprey__reductions *reductions,
                                     const osprey__samples *samples, osprey_engine_reduction *cost,
                                     osprey_error *error)
{
    size_t width = model->config.embed_dim, floats = samples->count * width;
    float *whole = osprey__calloc(2 * floats, sizeof *whole);
    if (!whole) return osprey__fail_memory(error, 2 * floats * sizeof *whole);
    osprey_status status;
    OSPREY_TRY_GOTO(embed_samples(model, NULL, samples, whole, error));
    OSPREY_TRY_GOTO(embed_samples(model, reductions, samples, whole + floats, error));
    compare(whole, whole + floats, samples->count, width, cost);
fail:
    osprey__free(whole);
    return status;
}

static osprey_status measure_prompts(const osprey_model *model,
                                     const osprey__reductions *reductions,
                                     osprey_engine_reduction *cost, osprey_error *error)
{
    osprey__samples prompts;
    osprey_status status = osprey__samples_of_prompts(&prompts, error);
    if (status == OSPREY_OK) status = measure_samples(model, reductions, &prompts, cost, error);
    osprey__samples_free(&prompts);
    return status;
}

osprey_status osprey__engine_reductions_report(const osprey_model *model, osprey_tower tower,
                                               const osprey__reductions *reductions,
                                               const osprey__reduced *reduced,
                                               osprey__engine_manifest *manifest,
                                               osprey_error *error)
{
    if (!reduced->parameters) return OSPREY_OK;
    bool image = tower == OSPREY_TOWER_IMAGE;
    osprey__manifest_tower *to = image ? &manifest->image : &manifest->text;
    size_t *heads = image ? &manifest->config.image.heads : &manifest->config.text.heads;
    size_t *mlp = image ? &manifest->config.image.mlp_width : &manifest->config.text.mlp_width;
    to->is_reduced = true;
    to->reduction = (osprey_engine_reduction){
        .prune_heads = reductions->heads,
        .prune_mlp = reductions->channels,
        .parameters = to->parameters,
    };
    to->parameters -= reduced->parameters;
    *heads -= reduced->heads;
    *mlp -= reduced->channels;
    return image ? OSPREY_OK : measure_prompts(model, reductions, &to->reduction, error);
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
