/* SPDX-License-Identifier: Apache-2.0 */
/* A prompt template: text with one place for a label, written {} or {label}. */
#ifndef OSPREY_INPUT_TEXT_TEMPLATES_H
#define OSPREY_INPUT_TEXT_TEMPLATES_H

#include <osprey/error.h>

#include <stddef.h>

/* Points into the template's text. */
typedef struct osprey__template {
    const char *head; /* head_bytes before the label */
    size_t head_bytes;
    const char *tail; /* what follows it, NUL-terminated */
} osprey__template;

/* OSPREY_INVALID_ARGUMENT without a place for the label, or with more than one. */
osprey_status osprey__template_parse(const char *text, osprey__template *parsed,
                                     osprey_error *error);

/* The prompt for label. The caller frees *prompt with osprey__free. */
osprey_status osprey__template_fill(const osprey__template *parsed, const char *label,
                                    char **prompt, osprey_error *error);

#endif
