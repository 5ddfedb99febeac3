/* SPDX-License-Identifier: Apache-2.0 */
#include "format/config_texts.h"

#include "cmocka_all.h"

#include <stdio.h>

static osprey_status parse(const config_kind *kind, const char *text, osprey__model_config *config,
                           osprey_error *error)
{
    json_t *root = json_of(text);
    osprey_status status = kind->parse(root, kind->file, config, error);
    json_decref(root);
    return status;
}

osprey__model_config parse_config(const config_kind *kind, const char *text)
{
    osprey__model_config config;
    osprey_error error;
    if (parse(kind, text, &config, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return config;
}

osprey__model_config read_golden_config(const config_kind *kind, const char *model)
{
    char path[512];
    snprintf(path, sizeof path, "%s/golden/models/%s", OSPREY_TEST_DIR, model);
    osprey__model_config config;
    osprey_error error;
    if (kind->read(path, &config, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return config;
}

void assert_configs_refused(const config_kind *kind, const config_refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        osprey__model_config config;
        osprey_error error;
        osprey_status got = parse(kind, refusals[i].text, &config, &error);
        assert_refused(got, &error, refusals[i].status, refusals[i].subject_part,
                       refusals[i].message_part);
    }
}
