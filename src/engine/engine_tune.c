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
    double budget_us;  /* that is left */
    double work;       /* multiplications of one run of each size that is left, */
    double all_work;   /* and of each */
    double us_of_work; /* of one multiplication; 0: not known yet */
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

/* A size that the engine is tuned for: as many images, or texts. */
typedef struct tuned_size {
    osprey__tower *tower;
    size_t count, tokens;
    double work;
} tuned_size;

typedef struct size_progress {
    const tuning_job *job;
    double work; /* of this size */
} size_progress;

static void show_progress(void *context, double done)
{
    const size_progress *at = context;
    const osprey_engine_tuning *how = &at->job->options->tuning;
    if (how->progress)
        how->progress(how->progress_context,
                      1 - (at->job->work - done * at->work) / at->job->all_work);
}

/* Multiplications of a run. */
static double work_of(const osprey__plan *plan, size_t sequences, size_t tokens)
{
    double work = 0;
    for (size_t s = 0; s < plan->step_count; s++) {
        const osprey__step *step = &plan->steps[s];
        if (!step->gemm) continue;
        const osprey__value *out = &plan->graph->values[step->node->output];
        work += (double)osprey__value_elements(out, sequences, tokens) * (double)step->in_channels;
    }
    return work;
}

/*
 * What may be spent on a size: as much of the time that is left as its work is of the work that is
 * left, or half: small sizes come first, and seldom need theirs.
 */
static double budget_of(const tuning_job *job, const tuned_size *size)
{
    const double share = size->work / job->work;
    return job->budget_us * (share < 0.5 ? 0.5 : share);
}

static osprey_status tune_run(tuning_job *job, timed_run *timed, const tuned_size *size,
                              osprey__tuning *tuning)
{
    size_progress progress = {job, size->work};
    const osprey__tuner tuner = {
        .plan = size->tower->plan,
        .threads = osprey__thread_pool_threads(job->session->pool),
        .sequences = size->count,
        .tokens = size->tokens,
        .effort = job->options->tuning.effort,
        .budget_us = budget_of(job, size),
        .time_steps = time_steps,
        .context = timed,
        .progress = show_progress,
        .progress_context = &progress,
    };
    osprey__tuner_cost cost;
    job->session->observer = observe_step;
    job->session->observer_context = timed;
    OSPREY_TRY(osprey__tune(&tuner, tuning, &cost, job->error));
    job->budget_us -= cost.spent_us;
    job->us_of_work = cost.run_us / size->work;
    return OSPREY_OK;
}

static osprey_status tune_images(tuning_job *job, const tuned_size *size, osprey__tuning *tuning)
{
    const size_t images = size->count;
    const osprey_preprocessing *how = &job->session->model->config.preprocessing;
    const size_t image_floats = osprey_preprocessing_floats(how), floats = images * image_floats;
    float *pixels = osprey__calloc(floats, sizeof *pixels);
    if (!pixels) return osprey__fail_memory(job->error, floats * sizeof *pixels);
    uint32_t random = 1;
    for (size_t i = 0; i < floats; i++) {
        random = random * 1664525 + 1013904223;
        pixels[i] = (float)(random >> 8) / (float)(1 << 23) - 1;
    }
    /* As many patches as there can be. */
    for (size_t i = 0; how->resize == OSPREY_RESIZE_PATCHES && i < images; i++) {
        pixels[i * image_floats] = 1;
        pixels[i * image_floats + 1] = (float)how->max_patches;
    }
    timed_run timed = {.session = job->session,
                       .tower = size->tower,
                       .batch = {.sequences = images, .inputs = {pixels}}};
    const osprey_status status = tune_run(job, &timed, size, tuning);
    osprey__free(pixels);
    return status;
}

/* Texts of the context's length that share nothing. */
static osprey_status tune_texts(tuning_job *job, const tuned_size *size, osprey__tuning *tuning)
{
    const osprey__text_config *config = &job->session->model->config.text;
    const size_t context = osprey__text_rows_most(config), texts = size->count,
                 tokens = size->tokens;
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
                           .tower = size->tower,
                           .batch = {.sequences = texts,
                                     .tokens = tokens,
                                     .longest_text = context,
                                     .text_rows = {.starts = starts, .lengths = lengths},
                                     .inputs = {ids, positions, pooled}}};
        status = tune_run(job, &timed, size, tuning);
    } else {
        status = osprey__fail_memory(job->error, tokens * sizeof *ids);
    }
    osprey__free(ids);
    osprey__free(starts);
    return status;
}

/* Leaves out a size of which a run takes too long. */
static osprey_status tune_size(tuning_job *job, const tuned_size *size, osprey__tuning *tuning)
{
    osprey_status status = OSPREY_OK;
    const double run_us = job->us_of_work * size->work;
    if (OSPREY__TUNER_RUNS_LEAST * run_us <= budget_of(job, size))
        status = size->tokens ? tune_texts(job, size, tuning) : tune_images(job, size, tuning);
    job->work -= size->work;
    return status;
}

/* The batches of a tower, none more than `most` at once, without repetition. */
static size_t list_sizes(const osprey_engine_options *options, osprey__tower *tower, size_t most,
                         size_t context, tuned_size *sizes)
{
    size_t count = 0;
    for (size_t i = 0; tower->plan && i < options->batch_count; i++) {
        const size_t batch = options->batches[i] < most ? options->batches[i] : most;
        if (count && sizes[count - 1].count == batch) continue;
        const size_t tokens = batch * context;
        sizes[count++] = (tuned_size){tower, batch, tokens, work_of(tower->plan, batch, tokens)};
    }
    return count;
}

static osprey_status tune_towers(tuning_job *job, osprey__tuning *image, osprey__tuning *text)
{
    osprey_session *session = job->session;
    tuned_size images[OSPREY_ENGINE_BATCHES_MAX], texts[OSPREY_ENGINE_BATCHES_MAX];
    const size_t context = osprey__text_rows_most(&session->model->config.text);
    const size_t most_images =
        session->image.plan
            ? osprey__smaller(osprey__images_that_fit(session), osprey__images_near_cores(session))
            : 0;
    const size_t most_texts =
        context && context < OSPREY__TOKENS_AT_ONCE ? OSPREY__TOKENS_AT_ONCE / context : 1;
    const size_t image_sizes = list_sizes(job->options, &session->image, most_images, 0, images);
    const size_t text_sizes = list_sizes(job->options, &session->text, most_texts, context, texts);
    for (size_t i = 0; i < image_sizes; i++) job->work += images[i].work;
    for (size_t i = 0; i < text_sizes; i++) job->work += texts[i].work;
    job->all_work = job->work;
    for (size_t i = 0; i < image_sizes; i++) OSPREY_TRY(tune_size(job, &images[i], image));
    for (size_t i = 0; i < text_sizes; i++) OSPREY_TRY(tune_size(job, &texts[i], text));
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
