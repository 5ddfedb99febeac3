/* SPDX-License-Identifier: Apache-2.0 */
/* What an osprey_model is made of. */
#ifndef OSPREY_MODEL_MODEL_DATA_H
#define OSPREY_MODEL_MODEL_DATA_H

#include "base/os/file_map.h"
#include "format/model_config.h"
#include "format/weights.h"
#include "model/prompt_templates.h"
#include "model/tensor_names.h"

#include <osprey/model.h>

typedef struct osprey__engine osprey__engine;

struct osprey_model {
    char *name;
    char *note;                /* for info: which of several weight files is used */
    const char *identified_by; /* static storage */
    osprey__model_config config;
    const osprey__layout_names *names;
    osprey__weights *weights; /* NULL: the model comes from */
    osprey__engine *engine;   /* an engine; else this is NULL */
    osprey_tokenizer *tokenizer;
    osprey__prompt_templates templates;
    osprey_model_info info;
    char **files;             /* what info.files points to, each owned */
    osprey__file_mark *marks; /* of each, as it was read */
    size_t file_count, file_capacity;
};

/* Remembers a file that the model was read from, as it is now: a path, or a name in a directory. */
osprey_status osprey__model_add_file(osprey_model *model, const char *path, osprey_error *error);
osprey_status osprey__model_add_file_in(osprey_model *model, const char *directory,
                                        const char *name, osprey_error *error);

/* Whether they still are as they were read. Errors: OSPREY_IO, with the file as the subject. */
osprey_status osprey__model_check_files(const osprey_model *model, osprey_error *error);

#endif
