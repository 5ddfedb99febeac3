/* SPDX-License-Identifier: Apache-2.0 */
#include "variables.h"

#include "options.h"
#include "spelling.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "OSPREY_"

void cli_variable_name(const char *flag, char name[CLI_NAME_BYTES])
{
    snprintf(name, CLI_NAME_BYTES, PREFIX "%s", flag);
    for (char *c = name; *c; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

static void check(const char *name)
{
    char known[CLI_NAME_BYTES], nearest[CLI_NAME_BYTES] = "";
    size_t least = cli_word_near(name + strlen(PREFIX)) + 1;
    if (strcmp(name, PREFIX "CPU") == 0) return; /* no flag's, but the library's */
    for (size_t i = 0; i < cli_option_count && least; i++) {
        cli_variable_name(cli_option_table[i].name, known);
        const size_t distance = cli_word_distance(name, known);
        if (distance >= least) continue;
        least = distance;
        memcpy(nearest, known, sizeof nearest);
    }
    if (least && nearest[0])
        cli_fail(CLI_DONE, name, "there is no such variable; the nearest is %s", nearest);
}

void cli_variables_check(void)
{
    char name[CLI_NAME_BYTES];
    for (char **variable = environ; *variable; variable++) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*variable, "="), *variable);
        if (strncmp(name, PREFIX, strlen(PREFIX)) == 0) check(name);
    }
}
