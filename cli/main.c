/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's entrance: finds the command, reads its flags, runs it. */
#include "commands.h"
#include "help.h"
#include "output.h"
#include "spelling.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const cli_command *const cli_commands[] = {
    &cli_classify_command,   &cli_embed_command,
    &cli_score_command,      &cli_tokenize_command,
    &cli_preprocess_command, &cli_inspect_command,
    &cli_bench_command,      &cli_compile_command,
    &cli_cache_command,      NULL,
};

/* Where the caller closed one of the three standard files, the next file opened would take its
 * number and get our messages. Each is opened the wrong way round, so that using it fails. */
static void guard_standard_files(void)
{
    for (int file = 0; file <= 2; file++)
        if (fcntl(file, F_GETFD) < 0 && open("/dev/null", file ? O_RDONLY : O_WRONLY) != file)
            _exit(CLI_WRONG_USE);
}

static const cli_command *find_command(const char *name)
{
    for (const cli_command *const *command = cli_commands; *command; command++)
        if (strcmp(name, (*command)->name) == 0) return *command;
    return NULL;
}

static cli_exit unknown_command(const char *name)
{
    const char *nearest = NULL;
    size_t least = cli_word_near(name) + 1;
    for (const cli_command *const *command = cli_commands; *command; command++) {
        size_t distance = cli_word_distance(name, (*command)->name);
        if (distance >= least) continue;
        least = distance;
        nearest = (*command)->name;
    }
    if (nearest)
        return cli_fail(CLI_WRONG_USE, name,
                        "there is no such command; the nearest is %s, and `osprey --help` has all",
                        nearest);
    return cli_fail(CLI_WRONG_USE, name, "there is no such command; `osprey --help` has all");
}

/* command NULL: the overview. */
static cli_exit show_help(const cli_command *command)
{
    cli_output output;
    cli_exit code = cli_output_open(&output, NULL);
    if (command)
        cli_help_command(output.file, command);
    else
        cli_help_overview(output.file);
    return cli_output_close(&output, code);
}

static cli_exit show_version(void)
{
    cli_output output;
    cli_exit code = cli_output_open(&output, NULL);
    cli_output_print(&output, "osprey %s\n", OSPREY_VERSION);
    return cli_output_close(&output, code);
}

static cli_exit run_command(const cli_command *command, int count, char **arguments)
{
    cli_options options;
    cli_exit code = cli_options_parse(command->bit, command->name, count, arguments, &options);
    if (code == CLI_DONE) {
        if (options.help)
            code = show_help(command);
        else if (options.version)
            code = show_version();
        else
            code = command->run(&options);
    }
    cli_options_free(&options);
    return code;
}

int main(int argc, char **argv)
{
    guard_standard_files();
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is seen as a failed write, */
    signal(SIGXFSZ, SIG_IGN); /* and so is a limit of a file's size */
    if (argc < 2) {
        cli_help_overview(stderr);
        return CLI_WRONG_USE;
    }
    bool is_help = strcmp(argv[1], "help") == 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (is_help && argc == 2))
        return show_help(NULL);
    if (strcmp(argv[1], "--version") == 0) return show_version();
    const char *name = argv[1 + is_help];
    const cli_command *command = find_command(name);
    if (!command) return unknown_command(name);
    return is_help ? show_help(command) : run_command(command, argc - 2, argv + 2);
}
