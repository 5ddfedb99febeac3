/* SPDX-License-Identifier: Apache-2.0 */
#include "image_job.h"

#include "batch_size.h"
#include "cli_memory.h"
#include "finite.h"
#include "progress.h"

#include <stdio.h>

/* Into rows; nothing without a session or good images. */
static cli_exit embed(const cli_image_job *job, const osprey_image_batch *batch, float *rows)
{
    if (!job->loaded->session || !batch->good) return CLI_DONE;
    return cli_model_embed_pixels(job->loaded, batch->pixels, batch->good, job->form, rows);
}

/* The results of one batch, to the job's row function. *failed: whether an input was bad. */
static cli_exit hand_out(const cli_image_job *job, const osprey_image_batch *batch,
                         const float *rows, size_t row_elems, bool *failed)
{
    cli_exit code = CLI_DONE;
    for (size_t i = 0; i < batch->count && code == CLI_DONE; i++) {
        osprey_error error = batch->errors[i];
        const char *path = job->inputs->paths[batch->first + i];
        const char *reason = job->inputs->reasons[batch->first + i];
        const float *row = error.status == OSPREY_OK ? rows : NULL;
        if (row) rows += row_elems;
        if (row && job->loaded->session && !cli_all_finite(row, row_elems)) {
            cli_say_not_finite(path, &error);
            row = NULL;
        }
        if (row) {
            code = job->row(job->context, path, row, NULL);
        } else {
            *failed = true;
            if (reason) snprintf(error.message, sizeof error.message, "%s", reason);
            cli_fail_error(CLI_INPUTS_FAILED, &error);
            code = job->row(job->context, path, NULL, &error);
        }
    }
    return code;
}

static cli_exit run_batches(const cli_image_job *job, osprey_image_stream *stream, float *rows,
                            bool *failed)
{
    const osprey_model_info *info = job->loaded->info;
    const bool embeds = job->loaded->session;
    const osprey_preprocessing *how = &info->preprocessing;
    size_t row_elems = embeds ? info->embed_dim : osprey_preprocessing_floats(how);
    osprey_image_batch batch;
    while (cli_output_usable(job->output) && osprey_image_stream_next(stream, &batch)) {
        cli_exit code = embed(job, &batch, rows);
        if (code == CLI_DONE)
            code = hand_out(job, &batch, embeds ? rows : batch.pixels, row_elems, failed);
        if (code != CLI_DONE) return code;
        cli_output_flush(job->output);
        cli_progress_update(batch.first + batch.count);
    }
    return CLI_DONE;
}

cli_exit cli_image_job_run(const cli_image_job *job)
{
    const cli_options *options = job->options;
    const osprey_model_info *info = job->loaded->info;
    size_t batch = cli_batch_size(options, CLI_IMAGES_A_BATCH, cli_pixel_bytes(info));
    osprey_image_stream_options how = {
        .paths = (const char *const *)job->inputs->paths,
        .path_count = job->inputs->count,
        .preprocessing = &info->preprocessing,
        .image = {.ignore_exif = options->no_exif, .exact = options->exact},
        .batch = batch,
        .threads = options->threads,
        .in_turns = job->loaded->session != NULL};
    osprey_image_stream *stream = NULL;
    osprey_error error;
    bool failed = false;
    cli_exit code;
    float *rows = cli_calloc(batch * info->embed_dim, sizeof *rows);
    if (osprey_image_stream_create(&how, &stream, &error) == OSPREY_OK) {
        cli_progress_start(job->inputs->count, !job->output->path);
        code = run_batches(job, stream, rows, &failed);
        cli_progress_clear();
    } else {
        code = cli_fail_error(CLI_INPUTS_FAILED, &error);
    }
    osprey_image_stream_free(stream);
    cli_free(rows);
    if (code != CLI_DONE) cli_output_abandon(job->output);
    return code == CLI_DONE && failed ? CLI_INPUTS_FAILED : code;
}
