/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an engine's manifest that are plain values, and their places in its structure: what
 * printing and parsing have in common. */
#ifndef OSPREY_MODEL_MANIFEST_FIELDS_H
#define OSPREY_MODEL_MANIFEST_FIELDS_H

#include "model/engine_manifest.h"

typedef enum osprey__manifest_field_kind {
    OSPREY__FIELD_SIZE, /* size_t, or an enum of as many bytes as an int */
    OSPREY__FIELD_ENUM,
    OSPREY__FIELD_FLOAT, /* one, or a list */
    OSPREY__FIELD_BOOL,
    OSPREY__FIELD_TEXT, /* char[count] */
    OSPREY__FIELD_BYTE, /* a list of uint8_t */
} osprey__manifest_field_kind;

/* One key of the JSON and its place in a structure. */
typedef struct osprey__manifest_field {
    const char *key;
    osprey__manifest_field_kind kind;
    size_t offset;
    size_t least, most; /* of sizes and enums */
    size_t count;       /* of floats and bytes: elements; of a text: bytes */
} osprey__manifest_field;

/* Of the manifest itself. */
extern const osprey__manifest_field osprey__manifest_fields[];
extern const size_t osprey__manifest_field_count;

/* The keys of image_reduction and text_reduction, which a whole tower does not have. */
extern const osprey__manifest_field osprey__manifest_reduction_fields[];
extern const size_t osprey__manifest_reduction_field_count;

#endif
