/* SPDX-License-Identifier: Apache-2.0 */
/* The images that osprey compile --calibrate names, cut down to as many as are of use. */
#ifndef OSPREY_CLI_CALIBRATION_H
#define OSPREY_CLI_CALIBRATION_H

#include "image_inputs.h"

#include <osprey/osprey.h>

typedef struct cli_calibration {
    osprey_engine_calibration how; /* zero where none is asked for */
    cli_image_inputs inputs;
} cli_calibration;

/* Finds the images, of which the text tower alone needs none; on CLI_WRONG_USE or CLI_INPUTS_FAILED
 * the reason has been printed. cli_calibration_close either way. */
cli_exit cli_calibration_open(cli_calibration *calibration, const cli_options *options);

void cli_calibration_close(cli_calibration *calibration);

#endif
