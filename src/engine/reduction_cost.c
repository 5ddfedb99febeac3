/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reduction_cost.h"

#include "base/memory.h"
#include "base/status.h"
#include "session/session_data.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define REPEATS     5
#define ENOUGH_MS   1500 /* of repeats */
#define LARGE_BATCH 8

typedef struct measuring {
    const osprey_model *model;
    const osprey_engine_options *options;
    const osprey__samples *samples;
    osprey_error *error;
} measuring;

static osprey_status embed_samples(const measuring *m, const osprey__reductions *reductions,
                                   float *embeddings)
{
    const osprey_session_options fp32 = {.towers = m->samples->tower};
    osprey_session *session;
    OSPREY_TRY(osprey__session_create(m->model, &fp32, reductions, &session, m->error));
    osprey_status status = OSPREY_OK;
    for (size_t i = 0; i < m->samples->count && status == OSPREY_OK; i++)
        status = osprey__sample_embed(m->samples, i, session,
                                      embeddings + i * m->model->config.embed_dim, m->error);
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
        least = fmin(least, cosine);
        sum += cosine;
    }
    cost->samples = count;
    cost->least_cosine = (float)least;
    cost->mean_cosine = (float)(sum / (double)count);
}

static osprey_status measure_cosines(const measuring *m, const osprey__reductions *reductions,
                                     osprey_engine_reduction *cost)
{
    size_t width = m->model->config.embed_dim, floats = m->samples->count * width;
    float *whole = osprey__calloc(2 * floats, sizeof *whole);
    if (!whole) return osprey__fail_memory(m->error, 2 * floats * sizeof *whole);
    osprey_status status;
    OSPREY_TRY_GOTO(embed_samples(m, NULL, whole));
    OSPREY_TRY_GOTO(embed_samples(m, reductions, whole + floats));
    compare(whole, whole + floats, m->samples->count, width, cost);
fail:
    osprey__free(whole);
    return status;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* The shortest of some runs of a batch, by image. The first run is not one of them. */
static osprey_status time_batch(const measuring *m, osprey_session *session, const float *pixels,
                                size_t batch, float *embeddings, float *ms)
{
    double least = INFINITY, start = now_ms();
    for (size_t r = 0; r <= REPEATS && (r < 2 || now_ms() - start < ENOUGH_MS); r++) {
        double begin = now_ms();
        OSPREY_TRY(osprey_session_embed_pixels(session, pixels, batch, OSPREY_EMBED_RAW, embeddings,
                                               m->error));
        if (r) least = fmin(least, now_ms() - begin);
    }
    *ms = (float)(least / (double)batch);
    return OSPREY_OK;
}

/* ms: of batches of 1 and of LARGE_BATCH. block: as many images, and room for their embeddings. */
static osprey_status time_session(const measuring *m, const osprey__reductions *reductions,
                                  float *block, float ms[2])
{
    const osprey_session_options as_asked = {.towers = OSPREY_TOWER_IMAGE,
                                             .precision = m->options->precision,
                                             .keep = m->options->keep,
                                             .keep_count = m->options->keep_count};
    osprey_session *session;
    float *embeddings = block + LARGE_BATCH * m->samples->image_floats;
    OSPREY_TRY(osprey__session_create(m->model, &as_asked, reductions, &session, m->error));
    osprey_status status = time_batch(m, session, block, 1, embeddings, &ms[0]);
    if (status == OSPREY_OK)
        status = time_batch(m, session, block, LARGE_BATCH, embeddings, &ms[1]);
    osprey_session_free(session);
    return status;
}

static osprey_status measure_times(const measuring *m, const osprey__reductions *reductions,
                                   osprey_engine_reduction *cost)
{
    size_t image_floats = m->samples->image_floats;
    size_t floats = LARGE_BATCH * (image_floats + m->model->config.embed_dim);
    float *block = osprey__calloc(floats, sizeof *block);
    if (!block) return osprey__fail_memory(m->error, floats * sizeof *block);
    for (size_t i = 0; i < LARGE_BATCH; i++)
        memcpy(block + i * image_floats, m->samples->pixels + i % m->samples->count * image_floats,
               image_floats * sizeof *block);
    osprey_status status = time_session(m, NULL, block, cost->whole_ms);
    if (status == OSPREY_OK) status = time_session(m, reductions, block, cost->ms);
    osprey__free(block);
    return status;
}

osprey_status osprey__reduction_cost_measure(const osprey_model *model,
                                             const osprey_engine_options *options,
                                             const osprey__reductions *reductions,
                                             const osprey__samples *samples,
                                             osprey_engine_reduction *cost, osprey_error *error)
{
    const measuring m = {model, options, samples, error};
    OSPREY_TRY(measure_cosines(&m, reductions, cost));
    return samples->tower == OSPREY_TOWER_IMAGE ? measure_times(&m, reductions, cost) : OSPREY_OK;
}
