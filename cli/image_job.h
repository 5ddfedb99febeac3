/* SPDX-License-Identifier: Apache-2.0 */
/* What classify, embed and preprocess have in common: images through the decoders and perhaps the
 * model, results in the inputs' order, one bad image not stopping the rest. */
#ifndef OSPREY_CLI_IMAGE_JOB_H
#define OSPREY_CLI_IMAGE_JOB_H

#include "image_inputs.h"
#include "loaded_model.h"
#include "output.h"

/*
 * Called for each input in order. row: its embedding [D], or its pixels without a
 * session; NULL where it failed, with the reason in *failure (which has been printed).
 */
typedef cli_exit cli_image_row(void *context, const char *path, const float *row,
                               const osprey_error *failure);

typedef struct cli_image_job {
    const cli_options *options;
    const cli_image_inputs *inputs;
    cli_loaded_model *loaded; /* whose session, if it has one, embeds */
    osprey_embed form;
    cli_output *output; /* flushed after each batch; a failed write ends the job */
    cli_image_row *row;
    void *context;
} cli_image_job;

/*
 * CLI_INPUTS_FAILED if any failed. Where the job could not go on to its end, the output is
 * abandoned too.
 */
cli_exit cli_image_job_run(const cli_image_job *job);

#endif
