/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "session/session_data.h"

#include <math.h>
#include <string.h>

/*
 * Images that run at once: enough rows for the products to be efficient, few enough for what lies
 * between two operators to stay near the cores.
 */
#define IMAGES_AT_ONCE 16
#define ARENA_BYTES    ((size_t)192 << 20)

void osprey__copy_embeddings(const float *rows, size_t count, size_t width, osprey_embed form,
                             float *embeddings)
{
    memcpy(embeddings, rows, count * width * sizeof *rows);
    if (form == OSPREY_EMBED_RAW) return;
    for (size_t i = 0; i < count; i++) {
        float *row = embeddings + i * width;
        double squares = 0;
        for (size_t j = 0; j < width; j++) squares += (double)row[j] * row[j];
        double length = sqrt(squares);
        if (length == 0) continue; /* a zero vector has no direction, and stays */
        for (size_t j = 0; j < width; j++) row[j] = (float)(row[j] / length);
    }
}

static size_t images_at_once(const osprey__tower *tower, size_t count)
{
    size_t at_once = count < IMAGES_AT_ONCE ? count : IMAGES_AT_ONCE;
    while (at_once > 1 &&
           osprey__memory_plan(tower->plan, at_once, 0, tower->offsets) > ARENA_BYTES)
        at_once--;
    return at_once;
}

osprey_status osprey_session_embed_pixels(osprey_session *session, const float *pixels,
                                          size_t count, osprey_embed form, float *embeddings,
                                          osprey_error *error)
{
    osprey__tower *tower = &session->image;
    if (!tower->plan)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "session",
                            "was created without its image tower");
    const osprey__model_config *config = &session->model->config;
    size_t image_floats = 3 * config->image.image_height * config->image.image_width;
    size_t at_once = images_at_once(tower, count);
    for (size_t done = 0; done < count; done += at_once) {
        osprey__tower_batch batch = {
            .sequences = count - done < at_once ? count - done : at_once,
            .inputs = {pixels + done * image_floats},
        };
        OSPREY_TRY(osprey__tower_run(session, tower, &batch, form,
                                     embeddings + done * config->embed_dim, error));
    }
    return OSPREY_OK;
}
