/* SPDX-License-Identifier: Apache-2.0 */
/* What a tower is fed to compare precisions: the caller's images, or prompts of our own. */
#ifndef OSPREY_ENGINE_PRECISION_SAMPLES_H
#define OSPREY_ENGINE_PRECISION_SAMPLES_H

#include <osprey/session.h>

typedef struct osprey__samples {
    osprey_tower tower;
    size_t count;
    const float *pixels; /* images: [count][image_floats], the caller's */
    size_t image_floats;
    char **prompts; /* texts: [count] */
} osprey__samples;

/* The caller frees with osprey__samples_free, also on failure. */
osprey_status osprey__samples_of_prompts(osprey__samples *samples, osprey_error *error);

/* embedding: [D], of unit length. */
osprey_status osprey__sample_embed(const osprey__samples *samples, size_t index,
                                   osprey_session *session, float *embedding, osprey_error *error);

void osprey__samples_free(osprey__samples *samples);

#endif
