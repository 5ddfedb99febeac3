/* SPDX-License-Identifier: Apache-2.0 */
/* Models and sessions that have to open: an error ends the running cmocka test, which says it. */
#ifndef OSPREY_TESTS_OPEN_MODEL_H
#define OSPREY_TESTS_OPEN_MODEL_H

#include <osprey/osprey.h>

#include <stddef.h>

/* The directory of a golden model; valid until the next call. */
const char *golden_model(const char *name);

osprey_model *open_model(const char *path);

osprey_session *create_session(const osprey_model *model, const osprey_session_options *options);

/* One of the towers that there are, in fp32. */
osprey_session *session_on(const osprey_model *model, size_t threads);

#endif
