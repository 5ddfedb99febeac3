/* SPDX-License-Identifier: Apache-2.0 */
/* What prune_heads and prune_mlp share: columns that linears write and one linear reads. */
#ifndef OSPREY_PASSES_PRUNE_COLUMNS_H
#define OSPREY_PASSES_PRUNE_COLUMNS_H

#include "passes/reductions.h"

#define OSPREY__WRITERS_MAX 3

/* The columns between them, `groups` times `width`. */
typedef struct osprey__pruned_columns {
    osprey__node *writers[OSPREY__WRITERS_MAX]; /* linears, each of which writes all columns */
    size_t writer_count;
    osprey__node *reader;
    size_t groups, width;
} osprey__pruned_columns;

/* The linear that is the one node to use value, as its x; or NULL. */
osprey__node *osprey__only_reader(osprey__graph *graph, osprey__value_id value);

/*
 * Takes the fraction of the groups that matters least, at least one stays, out of the weights of
 * writers and reader; the writers' outputs get their new width, what lies between them and the
 * reader is the caller's. *removed: how many groups; 0 where the fraction is not even one.
 */
osprey_status osprey__prune_columns(osprey__graph *graph, const osprey__pruned_columns *columns,
                                    float fraction, const osprey__reductions *how, size_t *removed,
                                    osprey_error *error);

/* The failure for a fraction that removes none of the `count` heads or channels of a layer. */
osprey_status osprey__prunes_nothing(const osprey__graph *graph, const char *word, const char *what,
                                     float fraction, size_t count, osprey_error *error);

/* value gets another last dimension. */
void osprey__set_width(osprey__graph *graph, osprey__value_id value, size_t width);

#endif
