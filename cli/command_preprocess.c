/* SPDX-License-Identifier: Apache-2.0 */
/* osprey preprocess: pictures as the model sees them. */
#include "batch_size.h"
#include "cli_memory.h"
#include "commands.h"
#include "image_job.h"
#include "npy.h"

#include <math.h>

typedef struct preprocessing_run {
    cli_output output;
    size_t image_elems;
    float *failed_pixels; /* NaN */
} preprocessing_run;

static cli_exit preprocess_row(void *context, const char *path, const float *row,
                               const osprey_error *failure)
{
    preprocessing_run *run = context;
    (void)path;
    (void)failure;
    cli_output_write(&run->output, row ? row : run->failed_pixels, run->image_elems * sizeof *row);
    return CLI_DONE;
}

static cli_exit preprocess_images(preprocessing_run *run, const cli_options *options,
                                  const cli_image_inputs *inputs, cli_loaded_model *loaded)
{
    if (!loaded->info->image.architecture)
        return cli_fail(CLI_WRONG_USE, loaded->info->name,
                        "has no image tower, and so sees no pictures");
    size_t shape[1 + CLI_PIXEL_RANK_MAX] = {inputs->count};
    const size_t rank = 1 + cli_pixel_shape(loaded->info, shape + 1);
    cli_exit code = cli_output_open(&run->output, options->output);
    if (code == CLI_DONE) code = cli_npy_check_output(&run->output);
    if (code != CLI_DONE) return code;
    cli_npy_begin(&run->output, rank, shape);
    run->image_elems = cli_pixel_bytes(loaded->info) / sizeof *run->failed_pixels;
    run->failed_pixels = cli_calloc(run->image_elems, sizeof *run->failed_pixels);
    for (size_t i = 0; i < run->image_elems; i++) run->failed_pixels[i] = NAN;
    cli_image_job job = {.options = options,
                         .inputs = inputs,
                         .loaded = loaded,
                         .output = &run->output,
                         .row = preprocess_row,
                         .context = run};
    return cli_image_job_run(&job);
}

static cli_exit run(const cli_options *options)
{
    cli_image_inputs inputs;
    cli_loaded_model loaded = {0};
    preprocessing_run run = {0};
    cli_exit code = cli_image_inputs_find(&inputs, &options->inputs);
    if (code == CLI_DONE) code = cli_model_load(&loaded, options);
    if (code == CLI_DONE) code = preprocess_images(&run, options, &inputs, &loaded);
    code = cli_output_close(&run.output, code);
    cli_free(run.failed_pixels);
    cli_model_unload(&loaded);
    cli_image_inputs_free(&inputs);
    return code;
}

const cli_command cli_preprocess_command = {
    .name = "preprocess",
    .bit = CLI_PREPROCESS,
    .arguments = "IMAGE... -o FILE.npy",
    .summary = "Write pictures as the model sees them, for NumPy.",
    .details = "Writes pictures as the model sees them (resized, cropped, normalised) as NumPy's "
               "float32 [N,3,H,W], which embed --pixels takes. IMAGE is a JPEG, PNG or WebP file, "
               "a directory (the pictures directly inside, by name), @FILE for a list of files, "
               "one a line, or - for one on standard input. A bad picture is named on standard "
               "error; its place holds NaN. Where the model takes pictures in any proportions "
               "(NaFlex) it is [N,1+P,K], P the most patches and K = 3 * patch size squared: a "
               "picture's first row begins with the rows and columns that its patches lie in, each "
               "patch has a row of red, green, blue pixels, and the rows behind them are zero.",
    .example = "  osprey preprocess photo.jpg -o pixels.npy\n",
    .run = run,
};
