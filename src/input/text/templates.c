/* SPDX-License-Identifier: Apache-2.0 */
#include "input/text/templates.h"

#include "base/memory.h"
#include "base/status.h"

#include <osprey/task.h>

#include <string.h>

static const char *const imagenet_templates[] = {
#include "input/text/imagenet_templates.def"
};

static const char *const simple_templates[] = {
#include "input/text/simple_templates.def"
};

static const char *const label_alone[] = {"{}"};

osprey_status osprey_templates_builtin(const char *name, const char *const **templates,
                                       size_t *count, osprey_error *error)
{
    static const struct {
        const char *name;
        const char *const *templates;
        size_t count;
    } builtin[] = {
        {"imagenet", imagenet_templates, sizeof imagenet_templates / sizeof *imagenet_templates},
        {"simple", simple_templates, sizeof simple_templates / sizeof *simple_templates},
        {"none", label_alone, 1},
    };
    for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++) {
        if (strcmp(name, builtin[i].name) != 0) continue;
        *templates = builtin[i].templates;
        *count = builtin[i].count;
        return OSPREY_OK;
    }
    return osprey__fail(error, OSPREY_NOT_FOUND, name,
                        "no such templates; there are imagenet, simple and none");
}

/* The first place for a label at or behind text, and its length; NULL where there is none. */
static const char *find_place(const char *text, size_t *place_bytes)
{
    static const char *const places[] = {"{}", "{label}"};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *found = strstr(text, places[i]);
        if (!found || (first && found > first)) continue;
        first = found;
        *place_bytes = strlen(places[i]);
    }
    return first;
}

osprey_status osprey__template_parse(const char *text, osprey__template *parsed,
                                     osprey_error *error)
{
    size_t place_bytes = 0, another_bytes;
    const char *place = find_place(text, &place_bytes);
    if (!place)
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, text,
                            "the template has no place for the label: write {} or {label} there");
    if (find_place(place + place_bytes, &another_bytes))
        return osprey__fail(error, OSPREY_INVALID_ARGUMENT, text,
                            "the template has more than one place for the label");
    *parsed = (osprey__template){text, (size_t)(place - text), place + place_bytes};
    return OSPREY_OK;
}

osprey_status osprey__template_fill(const osprey__template *parsed, const char *label,
                                    char **prompt, osprey_error *error)
{
    size_t label_bytes = strlen(label), tail_bytes = strlen(parsed->tail);
    size_t bytes = parsed->head_bytes + label_bytes + tail_bytes + 1;
    char *text = osprey__calloc(bytes, 1);
    if (!text) return osprey__fail_memory(error, bytes);
    memcpy(text, parsed->head, parsed->head_bytes);
    memcpy(text + parsed->head_bytes, label, label_bytes);
    memcpy(text + parsed->head_bytes + label_bytes, parsed->tail, tail_bytes);
    *prompt = text;
    return OSPREY_OK;
}
