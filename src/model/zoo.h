/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published shapes by OpenCLIP's names (zoo.def), for weight files that come without a
 * configuration. Preprocessing is what OpenAI's models and OpenCLIP's default have. Any thread may
 * call.
 */
#ifndef OSPREY_MODEL_ZOO_H
#define OSPREY_MODEL_ZOO_H

#include "format/model_config.h"

#include <osprey/error.h>

/* Two names for the same shapes, which differ in the activation. Static storage. */
typedef struct osprey__zoo_entry {
    const char *gelu_name;
    const char *quick_name; /* "...-quickgelu"; NULL where none is published */
    osprey__model_config config;
} osprey__zoo_entry;

#define OSPREY__ZOO_ENTRIES 120u
extern const osprey__zoo_entry osprey__zoo[OSPREY__ZOO_ENTRIES];

/* The configuration of that name. Errors: OSPREY_NOT_FOUND, with the nearest names. */
osprey_status osprey__zoo_find(const char *name, osprey__model_config *config, osprey_error *error);

/* The first entry behind `after`, or of all where that is NULL, with those shapes, whatever the
 * heads and the activation, and the size of images where that is 0; or NULL. */
const osprey__zoo_entry *osprey__zoo_fit(const osprey__model_config *shapes,
                                         const osprey__zoo_entry *after);

/* The entry's configuration under one of its names; its file is that name. */
osprey__model_config osprey__zoo_config(const osprey__zoo_entry *entry, bool quick_gelu);

#endif
