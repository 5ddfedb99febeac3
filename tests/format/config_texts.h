/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations as JSON texts, with ' for ", for the tests of their readers. */
#ifndef OSPREY_TESTS_CONFIG_TEXTS_H
#define OSPREY_TESTS_CONFIG_TEXTS_H

#include "format/format_files.h"
#include "format/model_config.h"

/* A kind of configuration: osprey__hf_config_parse and osprey__hf_config_read, or OpenCLIP's. */
typedef struct config_kind {
    const char *file; /* what errors name */
    osprey_status (*parse)(json_t *root, const char *file, osprey__model_config *config,
                           osprey_error *error);
    osprey_status (*read)(const char *directory, osprey__model_config *config, osprey_error *error);
} config_kind;

/* Both fail the test where the configuration is refused. */
osprey__model_config parse_config(const config_kind *kind, const char *text);
osprey__model_config read_golden_config(const config_kind *kind, const char *model);

/* A text and how it is refused. */
typedef struct config_refusal {
    const char *text;
    osprey_status status;
    const char *subject_part, *message_part;
} config_refusal;

void assert_configs_refused(const config_kind *kind, const config_refusal *refusals, size_t count);

#endif
