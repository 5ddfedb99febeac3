/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/precision_samples.h"

#include "base/memory.h"
#include "base/status.h"
#include "input/text/templates.h"

#include <osprey/task.h>

/* Short and long, so that the prompts have different lengths. */
static const char *const labels[] = {
    "dog",
    "red car",
    "bowl of vegetable soup",
    "person riding a bicycle",
    "birch tree",
    "bridge at night",
    "wristwatch",
    "harbour with many fishing boats",
};

osprey_status osprey__samples_of_prompts(osprey__samples *samples, osprey_error *error)
{
    const char *const *templates;
    size_t count;
    *samples = (osprey__samples){.tower = OSPREY_TOWER_TEXT};
    OSPREY_TRY(osprey_templates_builtin("imagenet", &templates, &count, error));
    samples->prompts = osprey__calloc(count, sizeof *samples->prompts);
    if (!samples->prompts) return osprey__fail_memory(error, count * sizeof *samples->prompts);
    for (; samples->count < count; samples->count++) {
        size_t i = samples->count;
        osprey__template parsed;
        OSPREY_TRY(osprey__template_parse(templates[i], &parsed, error));
        OSPREY_TRY(osprey__template_fill(&parsed, labels[i % (sizeof labels / sizeof *labels)],
                                         &samples->prompts[i], error));
    }
    return OSPREY_OK;
}

osprey_status osprey__sample_embed(const osprey__samples *samples, size_t index,
                                   osprey_session *session, float *embedding, osprey_error *error)
{
    if (samples->tower == OSPREY_TOWER_IMAGE)
        return osprey_session_embed_pixels(session, samples->pixels + index * samples->image_floats,
                                           1, OSPREY_EMBED_UNIT_LENGTH, embedding, error);
    const char *prompt = samples->prompts[index];
    return osprey_session_embed_texts(session, &prompt, 1, OSPREY_EMBED_UNIT_LENGTH, embedding,
                                      error);
}

void osprey__samples_free(osprey__samples *samples)
{
    for (size_t i = 0; samples->prompts && i < samples->count; i++)
        osprey__free(samples->prompts[i]);
    osprey__free(samples->prompts);
    *samples = (osprey__samples){0};
}
