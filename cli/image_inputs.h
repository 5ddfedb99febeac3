/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image files that a command line names: files, directories (the images directly inside, by
 * name), "@FILE" for a list, a path a line, and "-" for one on standard input.
 */
#ifndef OSPREY_CLI_IMAGE_INPUTS_H
#define OSPREY_CLI_IMAGE_INPUTS_H

#include "options.h"

typedef struct cli_image_inputs {
    char **paths;
    char **reasons; /* why a path that is no file cannot be an image; NULL where it may be one */
    size_t count;
} cli_image_inputs;

/* CLI_WRONG_USE where nothing is named at all. A directory without images is an input that fails.
 * cli_image_inputs_free either way. */
cli_exit cli_image_inputs_find(cli_image_inputs *inputs, const cli_strings *named);

void cli_image_inputs_free(cli_image_inputs *inputs);

#endif
