/* SPDX-License-Identifier: Apache-2.0 */
/* What `osprey compile --verify` adds: the precision held against fp32 before anything is written.
 */
#ifndef OSPREY_CLI_COMPILE_VERIFY_H
#define OSPREY_CLI_COMPILE_VERIFY_H

#include "image_inputs.h"
#include "loaded_model.h"

#include <osprey/engine.h>

/* The images to compare on; none without --verify. cli_image_inputs_free either way. */
cli_exit cli_compile_images(const cli_options *options, cli_image_inputs *images);

/*
 * Prints why compiling or verifying failed: 1 for an image of the calibration, and for what cannot
 * be written, 2 for wrong use, else 3.
 */
cli_exit cli_compile_fail(const osprey_engine_options *how, const osprey_error *error);

/*
 * Compares, prints what was found, and notes it in *how, with the exceptions that were found.
 * CLI_INPUTS_FAILED where the limit is missed and --force is not given, or an image cannot be
 * read. The images' pixels are *how's samples, too. The caller frees *report, and *pixels with
 * cli_free, once it is done with *how.
 */
cli_exit cli_compile_verify(const cli_options *options, cli_loaded_model *loaded,
                            const cli_image_inputs *images, osprey_engine_options *how,
                            osprey_precision_report **report, float **pixels);

#endif
