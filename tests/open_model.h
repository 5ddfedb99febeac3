/* SPDX-License-Identifier: Apache-2.0 */
/* Models and sessions that have to open, or not to: else the running cmocka test ends, and says
 * why. */
#ifndef OSPREY_TESTS_OPEN_MODEL_H
#define OSPREY_TESTS_OPEN_MODEL_H

#include <osprey/osprey.h>

#include <stddef.h>

/* The directory of a golden model; valid until the next call. */
const char *golden_model(const char *name);

osprey_model *open_model(const char *path);

/* The model is refused with that status, and the words are in the error's message. */
void refuse_model(const char *path, osprey_status status, const char *words);

osprey_session *create_session(const osprey_model *model, const osprey_session_options *options);

/* One of the towers that there are, in fp32. */
osprey_session *session_on(const osprey_model *model, size_t threads);

#endif
