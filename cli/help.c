/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

#include <string.h>

#define LINE_COLUMNS 80
#define HELP_COLUMN  26 /* where the words about a flag begin */

/* Words from column `at` on, broken before LINE_COLUMNS, further lines indented. */
static void print_wrapped(FILE *file, const char *text, size_t at, size_t indent)
{
    while (*text) {
        size_t word = strcspn(text, " ");
        if (at > indent && at + 1 + word > LINE_COLUMNS) {
            fprintf(file, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', file);
            at++;
        }
        fwrite(text, 1, word, file);
        at += word;
        text += word + strspn(text + word, " ");
    }
    fputc('\n', file);
}

static void print_option(FILE *file, const cli_option_spec *spec)
{
    char left[64], about[1024];
    snprintf(left, sizeof left, "  %c%c%c --%s %s", spec->letter ? '-' : ' ',
             spec->letter ? spec->letter : ' ', spec->letter ? ',' : ' ', spec->name,
             spec->value ? spec->value : "");
    size_t used = (size_t)snprintf(about, sizeof about, "%s", spec->help);
    for (size_t i = 0; spec->choices && spec->choices[i] && used < sizeof about; i++)
        used += (size_t)snprintf(about + used, sizeof about - used, "%s%s",
                                 i ? ", " : " One of: ", spec->choices[i]);
    if (spec->choices && used < sizeof about)
        used += (size_t)snprintf(about + used, sizeof about - used, ".");
    if (spec->fallback && used < sizeof about)
        snprintf(about + used, sizeof about - used, " (default: %s)", spec->fallback);
    fputs(left, file);
    size_t at = strlen(left);
    if (at >= HELP_COLUMN) {
        fputc('\n', file);
        at = 0;
    }
    fprintf(file, "%*s", (int)(HELP_COLUMN - at), "");
    print_wrapped(file, about, HELP_COLUMN, HELP_COLUMN);
}

void cli_help_command(FILE *file, const cli_command *command)
{
    int usage = fprintf(file, "Usage: osprey %s [FLAGS] ", command->name);
    print_wrapped(file, command->arguments, (size_t)usage, (size_t)usage);
    fputc('\n', file);
    print_wrapped(file, command->details, 0, 0);
    fprintf(file, "\n%s\nFlags:\n", command->example);
    for (size_t i = 0; i < cli_option_count; i++)
        if (cli_option_table[i].commands & command->bit) print_option(file, &cli_option_table[i]);
    fputc('\n', file);
    print_wrapped(
        file,
        "Every flag can also be an environment variable: OSPREY_MODEL, OSPREY_NO_EXIF=1; commands "
        "without the flag ignore it, as they do a value that only other commands' flag of that "
        "name takes (OSPREY_BATCH=1,8 is for compile and bench), and that of a flag which goes "
        "with "
        "another (--force with --verify) counts only beside that other. "
        "OSPREY_CPU chooses the instruction set: portable, avx2, avxvnni, avx512, avx512vnni, "
        "avx512bf16, avx512fp16 or amx (arm64: portable, neon, fp16, dotprod, i8mm), instead of "
        "the best that the machine has. "
        "Exit code: 0 done, 1 some inputs failed (each is named on standard error) or the output "
        "cannot be written, 2 wrong use, 3 the model cannot be loaded.",
        0, 0);
}

void cli_help_overview(FILE *file)
{
    fputs("osprey runs CLIP models: photographs and texts in, labels and embeddings out.\n\n"
          "Usage: osprey COMMAND [FLAGS] [INPUTS]\n\n",
          file);
    for (const cli_command *const *command = cli_commands; *command; command++)
        fprintf(file, "  %-12s %s\n", (*command)->name, (*command)->summary);
    fputs("\n`osprey help COMMAND` tells the rest, `osprey --version` the version.\n", file);
}
