/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"
#include "session/session_data.h"

#include <osprey/engine.h>

#include <math.h>
#include <string.h>

#define ARENA_BYTES ((size_t)192 << 20) /* unless one image alone takes more */

/* Of what an operator leaves for the next, which finds it in the caches if it is no more. */
#define NEAR_BYTES_A_THREAD ((size_t)4 << 20)

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

size_t osprey__images_that_fit(const osprey_session *session)
{
    const osprey__tower *tower = &session->image;
    size_t most = ARENA_BYTES / (osprey__memory_plan(tower->plan, 1, 0, tower->offsets) + 1);
    return most < 1 ? 1 : most;
}

/* The largest map that a convolution with windows leaves of an image; 0 without such. */
static size_t largest_map_bytes(const osprey__plan *plan)
{
    size_t largest = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        if (step->node->op != OSPREY__OP_CONV2D || osprey__conv_is_patches(&step->conv)) continue;
        size_t bytes = osprey__value_bytes(plan, step->node->output, 1, 0);
        if (bytes > largest) largest = bytes;
    }
    return largest;
}

/* Between convolutions that is their map; a layer of a transformer comes back to all it has. */
size_t osprey__images_near_cores(const osprey_session *session)
{
    const osprey__tower *tower = &session->image;
    size_t bytes = largest_map_bytes(tower->plan);
    if (!bytes) bytes = osprey__memory_plan(tower->plan, 1, 0, tower->offsets);
    size_t threads = osprey__thread_pool_threads(session->pool);
    size_t most = NEAR_BYTES_A_THREAD * threads / (bytes + 1);
    return most < 1 ? 1 : most;
}

/*
 * Enough rows for the products to be efficient, few enough for what lies between two operators to
 * stay near the cores; or what the engine was compiled for.
 */
size_t osprey__images_at_once(const osprey_session *session)
{
    const osprey_engine_info *engine = osprey_model_get_engine(session->model);
    size_t wanted = OSPREY__IMAGES_AT_ONCE, most = osprey__images_that_fit(session);
    if (engine) wanted = engine->image.profiles[engine->image.profile_count - 1].batch;
    return wanted < most ? wanted : most;
}

/* Whether the patches can lie so. NaN, as of a picture that could not be read, gives NaN. */
static bool is_grid(const float *grid, size_t max_patches)
{
    if (isnan(grid[0]) || isnan(grid[1])) return true;
    const float most = (float)max_patches;
    return grid[0] >= 1 && grid[1] >= 1 && grid[0] <= most && grid[1] <= most / grid[0] &&
           grid[0] == floorf(grid[0]) && grid[1] == floorf(grid[1]);
}

static osprey_status check_grids(const osprey_preprocessing *how, const float *pixels, size_t count,
                                 osprey_error *error)
{
    const size_t image_floats = osprey_preprocessing_floats(how);
    if (how->resize != OSPREY_RESIZE_PATCHES) return OSPREY_OK;
    for (size_t i = 0; i < count; i++) {
        const float *grid = pixels + i * image_floats;
        if (!is_grid(grid, how->max_patches))
            return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "pixels",
                                "image %zu says that its patches lie in %g rows of %g; whole "
                                "numbers with a product of up to %zu would be right",
                                i, (double)grid[0], (double)grid[1], how->max_patches);
    }
    return OSPREY_OK;
}

osprey_status osprey_session_embed_pixels(osprey_session *session, const float *pixels,
                                          size_t count, osprey_embed form, float *embeddings,
                                          osprey_error *error)
{
    osprey__tower *tower = &session->image;
    if (!tower->plan)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, "session",
                            "was created without its image tower");
    OSPREY_TRY(osprey__check_form(form, error));
    const osprey__model_config *config = &session->model->config;
    const size_t image_floats = osprey_preprocessing_floats(&config->preprocessing);
    OSPREY_TRY(check_grids(&config->preprocessing, pixels, count, error));
    /* No run has much fewer than the others. */
    size_t runs = (count + session->images_at_once - 1) / session->images_at_once;
    size_t at_once = runs ? (count + runs - 1) / runs : 1;
    for (size_t done = 0; done < count; done += at_once) {
        osprey__tower_batch batch = {
            .sequences = count - done < at_once ? count - done : at_once,
            .inputs = {pixels + done * image_floats},
        };
        const float *rows;
        OSPREY_TRY(osprey__tower_run(session, tower, &batch, &rows, error));
        osprey__copy_embeddings(rows, batch.sequences, config->embed_dim, form,
                                embeddings + done * config->embed_dim);
    }
    return OSPREY_OK;
}
