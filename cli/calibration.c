/* SPDX-License-Identifier: Apache-2.0 */
#include "calibration.h"

#include "cli_memory.h"
#include "progress.h"

#include <string.h>

static const osprey_calibration_method methods[] = {
    [CLI_METHOD_MINMAX] = OSPREY_CALIBRATION_MINMAX,
    [CLI_METHOD_ENTROPY] = OSPREY_CALIBRATION_ENTROPY,
};

static void show_progress(void *context, size_t images_done)
{
    (void)context;
    cli_progress_update(images_done);
}

/* As many as there are, or the most that may be, spread evenly: a directory is often sorted. */
static void choose(cli_calibration *calibration)
{
    const size_t most = OSPREY_CALIBRATION_IMAGES_MAX;
    size_t found = calibration->inputs.count, count = found < most ? found : most;
    const char **images = cli_calloc(count, sizeof *images);
    for (size_t i = 0; i < count; i++) images[i] = calibration->inputs.paths[i * found / count];
    calibration->how.images = images;
    calibration->how.image_count = count;
    if (count < found)
        cli_fail(CLI_DONE, "--calibrate",
                 "%zu images; %zu of them, evenly spread, are enough and are used", found, count);
}

cli_exit cli_calibration_open(cli_calibration *calibration, const cli_options *options)
{
    *calibration = (cli_calibration){0};
    if (!options->calibrate.count) return CLI_DONE;
    calibration->how.method = methods[options->method];
    if (options->tower == CLI_TOWER_TEXT) return CLI_DONE; /* whose prompts are built in */
    cli_exit code = cli_image_inputs_find(&calibration->inputs, &options->calibrate);
    if (code != CLI_DONE) return code;
    for (size_t i = 0; i < calibration->inputs.count; i++)
        if (calibration->inputs.reasons[i])
            return cli_fail(CLI_INPUTS_FAILED, calibration->inputs.paths[i], "%s",
                            calibration->inputs.reasons[i]);
    calibration->how.progress = show_progress;
    choose(calibration);
    cli_progress_start(calibration->how.image_count, false);
    return CLI_DONE;
}

void cli_calibration_close(cli_calibration *calibration)
{
    cli_progress_clear();
    cli_free((void *)calibration->how.images);
    cli_image_inputs_free(&calibration->inputs);
    *calibration = (cli_calibration){0};
}
