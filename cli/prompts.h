/* SPDX-License-Identifier: Apache-2.0 */
/* The label set that --labels, --template, --templates and --ensemble describe. */
#ifndef OSPREY_CLI_PROMPTS_H
#define OSPREY_CLI_PROMPTS_H

#include "loaded_model.h"

/* The labels and templates as texts; cli_prompts_free. */
typedef struct cli_prompts cli_prompts;

/*
 * Reads and checks what was asked for, before a model is loaded. Without --labels *prompts is NULL:
 * the model's own classes are meant. On CLI_WRONG_USE the reason has been printed, and *prompts is
 * NULL.
 */
cli_exit cli_prompts_read(cli_prompts **prompts, const cli_options *options);

/*
 * Encodes them with the model's session; with the model's own templates where none was given.
 * The caller frees *set with osprey_label_set_free.
 */
cli_exit cli_prompts_encode(const cli_prompts *prompts, const cli_options *options,
                            cli_loaded_model *loaded, osprey_label_set **set);

void cli_prompts_free(cli_prompts *prompts);

#endif
