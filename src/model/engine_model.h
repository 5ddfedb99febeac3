/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that comes from an engine: its manifest and tokenizer read, its weights mapped.
 *
 * Sections: "manifest", "tokenizer" where it has the text tower, and for each tower "image.graph",
 * "image.constants" (elements that are kept as they were published), "image.weights" (packed); the
 * same with "text"; "image.tuning" and "text.tuning" of towers that were tuned; and "head" where it
 * classifies by itself.
 */
#ifndef OSPREY_MODEL_ENGINE_MODEL_H
#define OSPREY_MODEL_ENGINE_MODEL_H

#include "format/engine_file.h"
#include "graph/graph.h"
#include "model/engine_manifest.h"
#include "model/engine_tuning.h"
#include "model/model_data.h"

#include <osprey/engine.h>

#include <stdatomic.h>
#include <stdbool.h>

struct osprey__engine {
    const char *path; /* belongs to the model */
    osprey__engine_file file;
    osprey__engine_manifest manifest;
    osprey__tuning image_tuning, text_tuning;
    osprey_engine_info info;
    const char *keep[OSPREY_KEEP_MAX]; /* what info.keep points to: the manifest's */
    /* The weights and constants of the image and the text tower are as written: some run has read
     * them and compared. */
    atomic_bool is_verified[2];
    bool is_cached; /* an entry of the cache's, to be removed when it turns out damaged */
};

/* What is to be done, and said, after a run found the engine damaged: returns status, an error of
 * osprey__weight_check's; where the engine is the cache's, removes it and returns OSPREY_STALE. */
osprey_status osprey__engine_found_damaged(const osprey__engine *engine, osprey_status status,
                                           osprey_error *error);

/* Whether the file at path is an engine by its ending or by its first bytes. */
bool osprey__is_engine(const char *path);

/* The name of a tower's section: part is "graph", "constants", "weights" or "tuning". */
typedef struct osprey__section_name {
    char text[OSPREY__ENGINE_NAME_BYTES];
} osprey__section_name;
osprey__section_name osprey__engine_section_name(osprey_tower tower, const char *part);

/*
 * Fills the model's engine, configuration and tokenizer, and checks all sections but the towers'
 * weights and constants, which are large and left to who reads them. path has to outlive the
 * engine. What was opened belongs to the model, also on failure. Errors: as osprey_model_open.
 */
osprey_status osprey__engine_open(const char *path, osprey_model *model, osprey_error *error);

/*
 * The tower's graph, whose inputs, tables and output are those that a session gives and takes. The
 * caller frees *graph, before the engine. Errors: OSPREY_INVALID_ARGUMENT (the engine lacks it),
 * OSPREY_FORMAT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__engine_graph(const osprey__engine *engine, osprey_tower tower,
                                   osprey__graph **graph, osprey_error *error);

/* What tuning found for the tower; it has threads 0 where it was not tuned. */
const osprey__tuning *osprey__engine_tuning(const osprey__engine *engine, osprey_tower tower);

/* The packed weights of a tower that osprey__engine_graph gave. */
const osprey__engine_section *osprey__engine_weights(const osprey__engine *engine,
                                                     osprey_tower tower);

/* The elements of that tower's tables, and of what else is kept as it was published. */
const osprey__engine_section *osprey__engine_constants(const osprey__engine *engine,
                                                       osprey_tower tower);

/* Takes NULL. */
void osprey__engine_free(osprey__engine *engine);

#endif
