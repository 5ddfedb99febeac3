/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_tune.h"

#include "base/memory.h"
#include "base/status.h"
#include "engine/tuner.h"
#include "session/session_data.h"

#include <string.h>
#include <time.h>

/* Of all runs, so that with all else ViT-B/32 takes no more than 20 seconds. */
#define QUICK_US 12e6
#define FULL_US  300e6

/* A run of a tower, again and again, with a clock at its steps. */
typedef struct timed_run {
    osprey_session *session;
    osprey__tower *tower;
    osprey__tower_batch batch;
    double *step_us;
    double step_start_us;
} timed_run;

typedef struct tuning_job {
    const osprey_engine_options *options;
    osprey_session *session;
    double budget_us;            /* that is left */
    size_t run_count, runs_done; /* sizes to be tuned for */
    osprey_error *error;
} tuning_job;

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

static void observe_step(void *context, const osprey__run *run, size_t step)
{
    (void)run;
    timed_run *timed = context;
    const double now = now_us();
    if (step) timed->step_us[step - 1] = now - timed->step_start_us;
    timed->step_start_us = now;
}

static osprey_status time_steps(void *context, double *step_us, osprey_error *error)
{
    timed_run *timed = context;
    const float *rows;
    timed->step_us = step_us;
    return osprey__tower_run(timed->session, timed->tower, &timed->batch, &rows, error);
}

static void show_progress(void *context, double done)
{
    const tuning_job *job = context;
    const osprey_engine_tuning *how = &job->options->tuning;
    if (how->progress)
        how->progress(how->progress_context,
                      ((double)job->runs_done + done) / (double)job->run_count);
}

/* Each size gets an even part of the time that is left: small ones, which come first, use less. */
static osprey_status tune_run(tuning_job *job, timed_run *timed, osprey__tuning *tuning)
{
    const osprey__tuner tuner = {
        .plan = timed->tower->plan,
        .threads = osprey__thread_pool_threads(job->session->pool),
        .sequences = timed->batch.sequences,
        .tokens = timed->batch.tokens,
        .effort = job->options->tuning.effort,
        .budget_us = job->budget_us / (double)(job->run_count - job->runs_done),
        .time_steps = time_steps,
        .context = timed,
        .progress = show_progress,
        .progress_context = job,
    };
    double spent_us;
    job->session->observer = observe_step;
    job->session->observer_context = timed;
    OSPREY_TRY(osprey__tune(&tuner, tuning, &spent_us, job->error));
    job->budget_us -= spent_us;
    job->runs_done++;
    return OSPREY_OK;
}

static osprey_status tune_images(tuning_job *job, size_t images, osprey__tuning *tuning)
{
    const osprey__image_config *config = &job->session->model->config.image;
    const size_t floats = images * 3 * config->image_height * config->image_width;
    float *pixels = osprey__calloc(floats, sizeof *pixels);
    if (!pixels) return osprey__fail_memory(job->error, floats * sizeof *pixels);
    uint32_t random = 1;
    for (size_t i = 0; i < floats; i++) {
        random = random * 1664525 + 1013904223;
        pixels[i] = (float)(random >> 8) / (float)(1 << 23) - 1;
    }
    timed_run timed = {.session = job->session,
                       .tower = &job->session->image,
                       .batch = {.sequences = images, .inputs = {pixels}}};
    const osprey_status status = tune_run(job, &timed, tuning);
    osprey__free(pixels);
    return status;
}

/* Texts of the context's length that share nothing. */
static osprey_status tune_texts(tuning_job *job, size_t texts, osprey__tuning *tuning)
{
    const osprey__text_config *config = &job->session->model->config.text;
    const size_t context = config->context_length, tokens = texts * context;
    int32_t *ids = osprey__calloc(2 * tokens + texts, sizeof *ids);
    size_t *starts = osprey__calloc(2 * texts + 1, sizeof *starts);
    osprey_status status = OSPREY_OK;
    if (ids && starts) {
        int32_t *positions = ids + tokens, *pooled = positions + tokens;
        size_t *lengths = starts + texts + 1;
        for (size_t i = 0; i < tokens; i++) {
            ids[i] = (int32_t)(i % config->vocabulary);
            positions[i] = (int32_t)(i % context);
        }
        for (size_t i = 0; i < texts; i++) {
            starts[i + 1] = (i + 1) * context;
            lengths[i] = context;
            pooled[i] = (int32_t)(starts[i + 1] - 1);
        }
        timed_run timed = {.session = job->session,
                           .tower = &job->session->text,
                           .batch = {.sequences = texts,
                                     .tokens = tokens,
                                     .longest_text = context,
                                     .text_rows = {.starts = starts, .lengths = lengths},
                                     .inputs = {ids, positions, pooled}}};
        status = tune_run(job, &timed, tuning);
    } else {
        status = osprey__fail_memory(job->error, tokens * sizeof *ids);
    }
    osprey__free(ids);
    osprey__free(starts);
    return status;
}

/* At most `most` of each batch at once, without repetition; returns how many sizes. */
static size_t list_sizes(const osprey_engine_options *options, size_t most, size_t *sizes)
{
    size_t count = 0;
    for (size_t i = 0; i < options->batch_count; i++) {
        const size_t size = options->batches[i] < most ? options->batches[i] : most;
        if (!count || sizes[count - 1] < size) sizes[count++] = size;
    }
    return count;
}

static osprey_status tune_towers(tuning_job *job, osprey__tuning *image, osprey__tuning *text)
{
    size_t images[OSPREY_ENGINE_BATCHES_MAX], texts[OSPREY_ENGINE_BATCHES_MAX];
    size_t image_sizes = 0, text_sizes = 0;
    if (job->session->image.plan)
        image_sizes = list_sizes(job->options, osprey__images_that_fit(job->session), images);
    if (job->session->text.plan) {
        const size_t context = job->session->model->config.text.context_length;
        const size_t most = OSPREY__TOKENS_AT_ONCE / context;
        text_sizes = list_sizes(job->options, most ? most : 1, texts);
    }
    job->run_count = image_sizes + text_sizes;
    for (size_t i = 0; i < image_sizes; i++) OSPREY_TRY(tune_images(job, images[i], image));
    for (size_t i = 0; i < text_sizes; i++) OSPREY_TRY(tune_texts(job, texts[i], text));
    return OSPREY_OK;
}

osprey_status osprey__engine_tune(const osprey_model *model, const osprey_engine_options *options,
                                  const osprey__reductions *reductions, osprey__tuning *image,
                                  osprey__tuning *text, osprey_error *error)
{
    const osprey_session_options as_asked = {.threads = options->tuning.threads,
                                             .towers = options->towers,
                                             .precision = options->precision,
                                             .keep = options->keep,
                                             .keep_count = options->keep_count};
    tuning_job job = {
        .options = options,
        .budget_us = options->tuning.effort == OSPREY_TUNE_FULL ? FULL_US : QUICK_US,
        .error = error,
    };
    OSPREY_TRY(osprey__session_create(model, &as_asked, reductions, &job.session, error));
    const osprey_status status = tune_towers(&job, image, text);
    osprey_session_free(job.session);
    return status;
}
