/* SPDX-License-Identifier: Apache-2.0 */
/* What osprey inspect says of engines and of memory, as JSON. */
#ifndef OSPREY_CLI_ENGINE_FACTS_H
#define OSPREY_CLI_ENGINE_FACTS_H

#include "report.h"

#include <osprey/engine.h>

#include <jansson.h>

/* How it was compiled, and what tuning, pruning and verifying found. */
json_t *cli_engine_facts(const osprey_engine_info *engine);

/* Its exceptions as they were asked for: an array, empty without any. */
json_t *cli_keep_json(const osprey_engine_info *engine);

/* What runs of a model take, in fp32; NULL, and told, where that cannot be planned. Of an engine,
 * whose facts have it, NULL. */
cli_exit cli_memory_facts(const osprey_model *model, json_t **facts);

#endif
