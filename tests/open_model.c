/* SPDX-License-Identifier: Apache-2.0 */
#include "open_model.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

const char *golden_model(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, OSPREY_TEST_DIR "/golden/models/%s", name);
    return path;
}

osprey_model *open_model(const char *path)
{
    osprey_error error;
    osprey_model *model = NULL;
    if (osprey_model_open(path, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return model;
}

void refuse_model(const char *path, osprey_status status, const char *words)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    assert_int_equal(osprey_model_open(path, &model, &error), status);
    assert_null(model);
    if (!strstr(error.message, words))
        fail_msg("%s: %s: \"%s\" is missing", error.subject, error.message, words);
}

osprey_session *create_session(const osprey_model *model, const osprey_session_options *options)
{
    osprey_error error;
    osprey_session *session = NULL;
    if (osprey_session_create(model, options, &session, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return session;
}

osprey_session *session_on(const osprey_model *model, size_t threads)
{
    const osprey_session_options options = {.threads = threads};
    return create_session(model, &options);
}
