/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image files that a command line names: files, directories (the images directly inside, by
 * name), and "-" for a list on standard input, a path a line.
 */
#ifndef OSPREY_CLI_IMAGE_INPUTS_H
#define OSPREY_CLI_IMAGE_INPUTS_H

#include "options.h"

typedef struct cli_image_inputs {
    char **paths;
    size_t count;
    bool failed; /* a directory gave nothing; it has been named */
} cli_image_inputs;

/* CLI_WRONG_USE where nothing is named at all. cli_image_inputs_free either way. */
cli_exit cli_image_inputs_find(cli_image_inputs *inputs, const cli_strings *named);

void cli_image_inputs_free(cli_image_inputs *inputs);

#endif
