/* SPDX-License-Identifier: Apache-2.0 */
/* The model that a command works with: the one named by --model, or the one in the box. */
#ifndef OSPREY_CLI_LOADED_MODEL_H
#define OSPREY_CLI_LOADED_MODEL_H

#include "options.h"

#include <osprey/osprey.h>

typedef struct cli_loaded_model {
    osprey_model *model;
    osprey_session *session; /* NULL where none was asked for */
    const osprey_model_info *info;
    const char *path; /* as --model names it, or the bundled model's name */
    const cli_options *options;
    osprey_tower towers;   /* of the session */
    osprey_model *damaged; /* the first, where a run found it so; what it says may be in use */
} cli_loaded_model;

/*
 * Opens the model, through the cache where the command has one, and tells on standard error if it
 * is the demonstration model. On CLI_NO_MODEL the reason has been printed. cli_model_unload either
 * way.
 */
cli_exit cli_model_load(cli_loaded_model *loaded, const cli_options *options);

/* Adds a session for these towers, with the threads and the precision of the options. */
cli_exit cli_model_start(cli_loaded_model *loaded, osprey_tower towers);

/*
 * What to do after a call of the session failed. CLI_DONE: it can be made again, for the cache's
 * engine was damaged, and *loaded has a session of a new one, which a line on standard error says.
 * Otherwise the reason has been printed. info, and what was had of the first model, stay valid.
 */
cli_exit cli_model_renew(cli_loaded_model *loaded, const osprey_error *error);

/*
 * osprey_session_embed_pixels and osprey_session_embed_texts, once more after cli_model_renew where
 * that helps. What is wrong otherwise has been printed.
 */
cli_exit cli_model_embed_pixels(cli_loaded_model *loaded, const float *pixels, size_t count,
                                osprey_embed form, float *embeddings);
cli_exit cli_model_embed_texts(cli_loaded_model *loaded, const char *const *texts, size_t count,
                               osprey_embed form, float *embeddings);

void cli_model_unload(cli_loaded_model *loaded);

#endif
