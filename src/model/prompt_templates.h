/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The templates that a model brings for its labels: sentences with one place for a label, or
 * "a photo of a {}." where it brings none.
 *
 * Both configuration files, Hugging Face's config.json and OpenCLIP's open_clip_config.json, may
 * have them where transformers keeps a task's parameters, under the name that its zero-shot
 * pipeline has for a template:
 *
 *     "task_specific_params": {"zero-shot-image-classification": {"hypothesis_template": "{}"}}
 *
 * A list of strings in the place of one is an ensemble.
 */
#ifndef OSPREY_MODEL_PROMPT_TEMPLATES_H
#define OSPREY_MODEL_PROMPT_TEMPLATES_H

#include <osprey/error.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Zero-initialise; osprey__prompt_templates_free. */
typedef struct osprey__prompt_templates {
    char **texts;
    size_t count;
} osprey__prompt_templates;

/*
 * Appends copies. Errors: OSPREY_INVALID_ARGUMENT (one without a place for the label, or longer
 * than OSPREY_TEMPLATE_BYTES_MAX: it is the subject), OSPREY_LIMIT (more than OSPREY_TEMPLATES_MAX
 * in all), OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__prompt_templates_add(osprey__prompt_templates *templates,
                                           const char *const *texts, size_t count,
                                           osprey_error *error);

/*
 * Appends "a photo of a {}.", with which published models know labels well, or "This is a photo of
 * {}.", with which SigLIP's were evaluated.
 */
osprey_status osprey__prompt_templates_add_usual(osprey__prompt_templates *templates, bool siglip,
                                                 osprey_error *error);

/* Appends the strings of a list. Errors: as above, and OSPREY_FORMAT, which name file and key. */
osprey_status osprey__prompt_templates_add_list(osprey__prompt_templates *templates,
                                                const json_t *list, const char *key,
                                                const char *file, osprey_error *error);

/* Appends those of a configuration, which may have none; file is what errors name. */
osprey_status osprey__prompt_templates_parse(osprey__prompt_templates *templates,
                                             const json_t *root, const char *file,
                                             osprey_error *error);

/* The same of a configuration file. */
osprey_status osprey__prompt_templates_read(osprey__prompt_templates *templates, const char *path,
                                            osprey_error *error);

/* Leaves none. */
void osprey__prompt_templates_free(osprey__prompt_templates *templates);

#endif
