/* SPDX-License-Identifier: Apache-2.0 */
/* Golden models in OpenCLIP's layout of which something is changed, so that they are refused. */
#ifndef OSPREY_TESTS_MODEL_OPENCLIP_CHANGES_H
#define OSPREY_TESTS_MODEL_OPENCLIP_CHANGES_H

#include <osprey/error.h>

#include <stddef.h>

#define OPENCLIP_CONFIG  "open_clip_config.json"
#define OPENCLIP_WEIGHTS "open_clip_model.safetensors"

typedef struct openclip_change {
    const char *source, *from, *to; /* a model's directory; what it has, and instead */
    osprey_status status;
    const char *words; /* as refuse_model has them */
} openclip_change;

/* Changed is the configuration. */
void refuse_openclip_changes(const openclip_change *changes, size_t count);

/*
 * Its weights by themselves, with its tokenizer.json beside them: refused with the first words, and
 * where --arch names a published model of that kind, as another's, with the second.
 */
void refuse_bare_openclip_weights(const char *source, const char *words, const char *arch,
                                  const char *words_of_arch);

/* The names and shapes of tensors; `to` is as long as `from`. */
void refuse_openclip_tensors(const openclip_change *changes, size_t count);

#endif
