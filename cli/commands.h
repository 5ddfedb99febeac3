/* SPDX-License-Identifier: Apache-2.0 */
/* What `osprey` can be asked to do. */
#ifndef OSPREY_CLI_COMMANDS_H
#define OSPREY_CLI_COMMANDS_H

#include "options.h"

typedef struct cli_command {
    const char *name;
    cli_command_bit bit;
    const char *arguments; /* as the usage line shows them */
    const char *summary;   /* one line */
    const char *details;   /* paragraphs for the command's own help */
    const char *example;   /* lines */
    cli_exit (*run)(const cli_options *options);
} cli_command;

extern const cli_command cli_classify_command;
extern const cli_command cli_embed_command;
extern const cli_command cli_tokenize_command;
extern const cli_command cli_preprocess_command;
extern const cli_command cli_inspect_command;
extern const cli_command cli_bench_command;
extern const cli_command cli_compile_command;
extern const cli_command cli_cache_command;
extern const cli_command cli_score_command;

/* All of them, ending with NULL. */
extern const cli_command *const cli_commands[];

#endif
