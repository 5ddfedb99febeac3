/* SPDX-License-Identifier: Apache-2.0 */
/* Facts for people. */
#ifndef OSPREY_CLI_PLAIN_FACTS_H
#define OSPREY_CLI_PLAIN_FACTS_H

#include "output.h"

/* What the object has, a line each, what belongs together indented under its name. */
void cli_output_facts(cli_output *output, json_t *facts);

#endif
