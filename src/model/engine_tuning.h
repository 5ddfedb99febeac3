/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tuning found for a tower, and its bytes in an engine; docs/engine-format.md has the layout.
 * A reader trusts nothing of them.
 */
#ifndef OSPREY_MODEL_ENGINE_TUNING_H
#define OSPREY_MODEL_ENGINE_TUNING_H

#include "base/buffer.h"

#include <osprey/engine.h>

#define OSPREY__TASK_ROWS_MAX 1024 /* a thread keeps room for as many prepared rows */

typedef struct osprey__tuning {
    size_t threads;                 /* that it is for; 0: there is none */
    osprey_product_choice *choices; /* owned; in the order of osprey__compare_choices, none twice */
    size_t count;
} osprey__tuning;

/* Below, at or above 0, like strcmp: by kind alone, and by kind and m. */
int osprey__compare_kinds(const osprey_product_choice *a, const osprey_product_choice *b);
int osprey__compare_choices(const osprey_product_choice *a, const osprey_product_choice *b);

/* Appends to bytes. */
osprey_status osprey__tuning_store(const osprey__tuning *tuning, osprey__buffer *bytes,
                                   osprey_error *error);

/*
 * Fills *tuning, which the caller frees with osprey__tuning_free; file is what errors name. Errors:
 * OSPREY_FORMAT, OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__tuning_load(const void *bytes, size_t length, const char *file,
                                  osprey__tuning *tuning, osprey_error *error);

/* Takes a zeroed tuning. */
void osprey__tuning_free(osprey__tuning *tuning);

#endif
