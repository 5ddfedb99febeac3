/* SPDX-License-Identifier: Apache-2.0 */
/* What label_set.c encodes, class_set.c reads from a head, and label_score.c scores. */
#ifndef OSPREY_TASK_LABEL_SET_H
#define OSPREY_TASK_LABEL_SET_H

#include <osprey/task.h>

#include <stddef.h>

struct osprey_label_set {
    size_t label_count, embed_dim;
    size_t template_count; /* whose probabilities are averaged; 1 for an ensemble of embeddings */
    float logit_scale, logit_bias;
    char **labels;            /* [label_count] */
    float *embeddings;        /* [label_count, D], unit length unless they are a head's rows */
    const float *biases;      /* [label_count] of a head's classes, in the same block; else NULL */
    float *prompt_embeddings; /* [template_count, label_count, D]; NULL where template_count is 1 */
};

/*
 * Whether its embeddings, and its biases, are numbers: no image would fit a label otherwise.
 * Errors: OSPREY_FORMAT, with the model's name as the subject.
 */
osprey_status osprey__label_set_check(const osprey_label_set *set, const char *model,
                                      osprey_error *error);

#endif
