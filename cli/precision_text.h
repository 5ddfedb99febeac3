/* SPDX-License-Identifier: Apache-2.0 */
/* A precision and its exceptions, as they were or would be typed. The caller frees the texts. */
#ifndef OSPREY_CLI_PRECISION_TEXT_H
#define OSPREY_CLI_PRECISION_TEXT_H

#include <osprey/engine.h>

#include <stddef.h>

/* --keep '...', as a shell takes it. */
char *cli_keep_argument(const char *exception);

/* "fp32 with --keep '*=int8'" */
char *cli_precision_text(const char *precision, const char *const *keep, size_t count);

/* The same of an engine, whose exceptions are counted where they are many. */
char *cli_engine_precision(const osprey_engine_info *engine);

#endif
