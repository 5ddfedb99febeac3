/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/calibration_run.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/precision_samples.h"

#include <osprey/image.h>

#define IMAGES_AT_ONCE 8

osprey_status osprey__calibration_read(const osprey_model *model, const char *path, float *pixels,
                                       osprey_error *error)
{
    const osprey_preprocessing *how = &osprey_model_get_info(model)->preprocessing;
    osprey_image *image;
    OSPREY_TRY(osprey_image_open(path, NULL, &image, error));
    osprey_status status = osprey_image_preprocess(image, how, pixels, error);
    osprey_image_free(image);
    return status;
}

static osprey_status run_images(const osprey_engine_calibration *how, osprey_session *session,
                                osprey_error *error)
{
    const osprey_model *model = osprey_session_get_model(session);
    const osprey_model_info *info = osprey_model_get_info(model);
    size_t image_floats = osprey_preprocessing_floats(&info->preprocessing);
    size_t floats = IMAGES_AT_ONCE * (image_floats + info->embed_dim);
    float *pixels = osprey__calloc(floats, sizeof *pixels);
    if (!pixels) return osprey__fail_memory(error, floats * sizeof *pixels);
    float *embeddings = pixels + IMAGES_AT_ONCE * image_floats;
    osprey_status status = OSPREY_OK;
    for (size_t done = 0, count; done < how->image_count && status == OSPREY_OK; done += count) {
        size_t left = how->image_count - done;
        count = left < IMAGES_AT_ONCE ? left : IMAGES_AT_ONCE;
        for (size_t i = 0; i < count && status == OSPREY_OK; i++)
            status = osprey__calibration_read(model, how->images[done + i],
                                              pixels + i * image_floats, error);
        if (status == OSPREY_OK)
            status = osprey_session_embed_pixels(session, pixels, count, OSPREY_EMBED_RAW,
                                                 embeddings, error);
        if (how->progress) how->progress(how->progress_context, done + count);
    }
    osprey__free(pixels);
    return status;
}

static osprey_status run_prompts(osprey_session *session, osprey_error *error)
{
    osprey__samples prompts;
    float *embeddings = NULL;
    osprey_status status;
    OSPREY_TRY_GOTO(osprey__samples_of_prompts(&prompts, error));
    size_t floats =
        prompts.count * osprey_model_get_info(osprey_session_get_model(session))->embed_dim;
    embeddings = osprey__calloc(floats, sizeof *embeddings);
    if (!embeddings) {
        status = osprey__fail_memory(error, floats * sizeof *embeddings);
        goto fail;
    }
    status = osprey_session_embed_texts(session, (const char *const *)prompts.prompts,
                                        prompts.count, OSPREY_EMBED_RAW, embeddings, error);
fail:
    osprey__free(embeddings);
    osprey__samples_free(&prompts);
    return status;
}

osprey_status osprey__calibration_run(const osprey_engine_calibration *how, osprey_session *session,
                                      osprey_tower tower, osprey_error *error)
{
    return tower == OSPREY_TOWER_IMAGE ? run_images(how, session, error)
                                       : run_prompts(session, error);
}
