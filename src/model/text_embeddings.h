/* SPDX-License-Identifier: Apache-2.0 */
/* How every text tower begins: its inputs, and a row of two tables for each token. */
#ifndef OSPREY_MODEL_TEXT_EMBEDDINGS_H
#define OSPREY_MODEL_TEXT_EMBEDDINGS_H

#include "model/tower_builder.h"

typedef struct osprey__text_embeddings {
    osprey__value_id x;      /* [width] of each token: its own row and its position's, added */
    osprey__value_id pooled; /* the input of that name */
} osprey__text_embeddings;

/* position_table: [osprey__text_rows_most or more][width]. */
osprey__text_embeddings osprey__build_text_embeddings(osprey__tower_builder *builder,
                                                      osprey__value_id position_table);

#endif
